//! The records of TLS 1.3 once the handshake is over (RFC 8446 section 5): payload is decrypted from
//! where it was read to where it is wanted, and encrypted from where it lies into what is written.
//! rustls, which shook hands and derives every key, would copy and allocate for each record, and keep
//! three times as much for a stream that sleeps. Knows no socket.

use std::io;

use aws_lc_rs::error::Unspecified;
use rustls::kernel::KernelConnection;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::{AlertDescription, Error, InvalidMessage, PeerMisbehaved};
use tokio::io::ReadBuf;

use super::keys::{Header, Key, TAG};
use super::session::Turn;
use crate::stream::Rest;

/// What is left of a session behind its handshake.
pub(super) struct Records {
    incoming: Key,
    outgoing: Key,
    /// Has the keys that come after these.
    schedule: Box<KernelConnection<ServerConnectionData>>,
    /// After how many records `outgoing` has to be replaced (section 5.5).
    lifetime: u64,
    /// How many key updates and warnings more may come before data does.
    patience: u8,
    /// The peer wants a new key before it hears more (section 4.6.3).
    asked: bool,
    /// Our last word is said: close_notify, or a fatal alert.
    silent: bool,
}

/// What a record means for those behind it.
enum Content {
    More,
    CloseNotify,
}

/// What is wrong with a record, and what the peer is told of it; nothing if it is the peer who gave up.
struct Fault(Error, Option<AlertDescription>);

impl Records {
    /// Takes over from a session that has no byte left to say, and to which every byte that came was shown.
    ///
    /// # Errors
    /// rustls' own, where the session is not as far or its secrets are nobody's business.
    pub(super) fn new(session: UnbufferedServerConnection) -> Result<Self, Error> {
        let (secrets, schedule) = session.dangerous_into_kernel_connection()?;
        let suite = schedule.negotiated_cipher_suite();
        let suite = suite.tls13().ok_or(Error::HandshakeNotComplete)?;
        Ok(Self {
            incoming: Key::new(secrets.rx),
            outgoing: Key::new(secrets.tx),
            schedule: Box::new(schedule),
            lifetime: suite.common.confidentiality_limit,
            patience: PATIENCE,
            asked: false,
            silent: false,
        })
    }

    /// Decrypts the records of `input` into `to`, and what that has no room for into `more`, until
    /// there is no room or no whole record. An alert for what is wrong goes to `out`.
    pub(super) fn open(
        &mut self,
        input: &mut [u8],
        to: &mut ReadBuf<'_>,
        more: &mut Rest,
        out: &mut Rest,
    ) -> Turn {
        let mut turn = Turn::new();
        while !turn.stopped && !turn.ended {
            let content = match split(&mut input[turn.used..]) {
                Ok(None) => return turn,
                Ok(Some((header, body))) => {
                    turn.used += header.len() + body.len();
                    self.content(header, body, to, more)
                }
                Err(fault) => Err(fault),
            };
            match content {
                Ok(Content::More) => turn.stopped = to.remaining() == 0,
                Ok(Content::CloseNotify) => {
                    turn.used = input.len();
                    turn.ended = true;
                }
                Err(Fault(error, alert)) => {
                    self.give_up(alert, out);
                    turn.outcome = Err(io::Error::new(io::ErrorKind::InvalidData, error));
                    return turn;
                }
            }
        }
        turn
    }

    /// Decrypts one record, without a copy if there is room for it in `to`.
    fn content(
        &mut self,
        header: &Header,
        body: &mut [u8],
        to: &mut ReadBuf<'_>,
        more: &mut Rest,
    ) -> Result<Content, Fault> {
        let (text, tag) = match body.len().checked_sub(TAG) {
            Some(len) => body.split_at_mut(len),
            None => return Err(forged(Unspecified)),
        };
        let fits = text.len() <= to.remaining();
        let opened = if fits {
            let room = to.initialize_unfilled_to(text.len());
            self.incoming.open(header, text, tag, room).map_err(forged)?;
            room
        } else {
            self.incoming.open_in_place(header, text, tag).map_err(forged)?;
            &mut *text
        };
        if opened.len() > PAYLOAD + 1 {
            return Err(Fault(
                Error::PeerSentOversizedRecord,
                Some(AlertDescription::RecordOverflow),
            ));
        }
        // Behind the payload: what it is, and padding of zeros (section 5.4).
        let Some(end) = opened.iter().rposition(|byte| *byte != 0) else {
            return Err(unexpected(InvalidMessage::MissingData("content type")));
        };
        match opened[end] {
            DATA => {
                self.patience = PATIENCE;
                if fits {
                    to.advance(end);
                } else {
                    let (now, later) = text[..end].split_at(end.min(to.remaining()));
                    to.put_slice(now);
                    more.extend(later);
                }
                Ok(Content::More)
            }
            ALERT => self.alert(&opened[..end]),
            HANDSHAKE => self.update(&opened[..end]),
            _ => Err(unexpected(InvalidMessage::InvalidContentType)),
        }
    }

    fn alert(&mut self, alert: &[u8]) -> Result<Content, Fault> {
        let &[_, description] = alert else {
            let error = Error::InvalidMessage(InvalidMessage::MissingData("alert"));
            return Err(Fault(error, Some(AlertDescription::DecodeError)));
        };
        match AlertDescription::from(description) {
            AlertDescription::CloseNotify => Ok(Content::CloseNotify),
            // Nothing by itself: close_notify is to follow (section 6.1).
            AlertDescription::UserCanceled => {
                self.endure(PeerMisbehaved::TooManyWarningAlertsReceived)
            }
            other => Err(Fault(Error::AlertReceived(other), None)),
        }
    }

    /// The only message that a handshake may have left to say to a server. It ends with its record, since
    /// the next one has another key.
    fn update(&mut self, message: &[u8]) -> Result<Content, Fault> {
        let asks = match message {
            [KEY_UPDATE, 0, 0, 1, NOT_REQUESTED] => false,
            [KEY_UPDATE, 0, 0, 1, REQUESTED] => true,
            [KEY_UPDATE, 0, 0, 1, _] => {
                let error = Error::InvalidMessage(InvalidMessage::InvalidKeyUpdate);
                return Err(Fault(error, Some(AlertDescription::IllegalParameter)));
            }
            _ => {
                return Err(unexpected(InvalidMessage::UnexpectedMessage(
                    "in place of a key update",
                )));
            }
        };
        let endured = self.endure(PeerMisbehaved::TooManyKeyUpdateRequests)?;
        self.incoming = Key::new(self.schedule.update_rx_secret().map_err(ours)?);
        self.asked |= asks;
        Ok(endured)
    }

    /// Takes what costs work and says nothing, so many times.
    fn endure(&mut self, too_many: PeerMisbehaved) -> Result<Content, Fault> {
        let left = self.patience.checked_sub(1);
        self.patience =
            left.ok_or(Fault(too_many.into(), Some(AlertDescription::UnexpectedMessage)))?;
        Ok(Content::More)
    }

    /// Encrypts `bytes` into `to`, and returns how long that is.
    ///
    /// # Errors
    /// `BrokenPipe` behind our last word; what rustls or aws-lc refuse.
    pub(super) fn seal(&mut self, bytes: &[u8], to: &mut [u8]) -> io::Result<usize> {
        let mut len = 0;
        for piece in bytes.chunks(PAYLOAD) {
            if self.asked || self.outgoing.used() >= self.lifetime {
                let update = [KEY_UPDATE, 0, 0, 1, NOT_REQUESTED];
                len += self.record(HANDSHAKE, &update, &mut to[len..])?;
                let next = self.schedule.update_tx_secret().map_err(io::Error::other)?;
                self.outgoing = Key::new(next);
                self.asked = false;
            }
            len += self.record(DATA, piece, &mut to[len..])?;
        }
        Ok(len)
    }

    /// Encrypts close_notify; nothing may follow it.
    ///
    /// # Errors
    /// As [`Records::seal`].
    pub(super) fn part(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let len = self.record(ALERT, &[WARNING, AlertDescription::CloseNotify.into()], to)?;
        self.silent = true;
        Ok(len)
    }

    /// Its key is good for so many records more.
    #[cfg(test)]
    pub(super) fn wear_out(&mut self, left: u64) {
        self.lifetime = self.outgoing.used() + left;
    }

    fn give_up(&mut self, alert: Option<AlertDescription>, out: &mut Rest) {
        let mut word = [0; HEADER + 2 + 1 + TAG];
        if let Some(alert) = alert
            && let Ok(len) = self.record(ALERT, &[FATAL, alert.into()], &mut word)
        {
            out.extend(&word[..len]);
        }
        self.silent = true;
    }

    fn record(&mut self, kind: u8, payload: &[u8], to: &mut [u8]) -> io::Result<usize> {
        if self.silent {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let body = payload.len() + 1 + TAG;
        let (header, to) = to.split_first_chunk_mut().ok_or(io::ErrorKind::WriteZero)?;
        let to = to.get_mut(..body).ok_or(io::ErrorKind::WriteZero)?;
        let [high, low] = u16::try_from(body).map_err(io::Error::other)?.to_be_bytes();
        *header = [DATA, 3, 3, high, low];
        self.outgoing.seal(header, payload, kind, to).map_err(io::Error::other)?;
        Ok(HEADER + body)
    }
}

/// The first record of `input`, if it is whole.
fn split(input: &mut [u8]) -> Result<Option<(&Header, &mut [u8])>, Fault> {
    let Some((header, rest)) = input.split_first_chunk_mut::<HEADER>() else {
        return Ok(None);
    };
    let &mut [kind, _, _, high, low] = header;
    if kind != DATA {
        return Err(unexpected(InvalidMessage::InvalidContentType));
    }
    let len = usize::from(u16::from_be_bytes([high, low]));
    if len > BODY {
        return Err(Fault(Error::PeerSentOversizedRecord, Some(AlertDescription::RecordOverflow)));
    }
    Ok(rest.get_mut(..len).map(|body| (&*header, body)))
}

fn forged(_: Unspecified) -> Fault {
    Fault(Error::DecryptError, Some(AlertDescription::BadRecordMac))
}

fn unexpected(what: InvalidMessage) -> Fault {
    Fault(Error::InvalidMessage(what), Some(AlertDescription::UnexpectedMessage))
}

fn ours(error: Error) -> Fault {
    Fault(error, Some(AlertDescription::InternalError))
}

const HEADER: usize = size_of::<Header>();

/// The longest payload of a record (section 5.1), and the longest record that may be made of one (section 5.2).
const PAYLOAD: usize = 1 << 14;
const BODY: usize = PAYLOAD + 256;

/// What is in a record (section 5.1); outside, each is `DATA`.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

/// Levels of alerts (section 6).
const WARNING: u8 = 1;
const FATAL: u8 = 2;

/// The type of the message, and what it asks for (section 4.6.3).
const KEY_UPDATE: u8 = 24;
const NOT_REQUESTED: u8 = 0;
const REQUESTED: u8 = 1;

/// As rustls and BoringSSL have it.
const PATIENCE: u8 = 32;

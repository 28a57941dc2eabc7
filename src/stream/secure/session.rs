//! One turn of a TLS session that is rustls': it goes through what has come, and says what it has to
//! say. Knows no socket.

use std::io;

use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus};

use crate::stream::Rest;

/// What a session is asked to encrypt, and to where.
pub(super) enum Wish<'a> {
    Encrypt(&'a [u8], &'a mut [u8]),
    /// close_notify.
    Part(&'a mut [u8]),
}

/// How far a session came.
pub(super) struct Turn {
    /// Bytes of the input that it needs no more.
    pub(super) used: usize,
    /// The reader wanted no more.
    pub(super) stopped: bool,
    /// The peer said close_notify.
    pub(super) ended: bool,
    /// How long what was wished for is, or what is wrong.
    pub(super) outcome: io::Result<usize>,
}

impl Turn {
    /// At the beginning of it.
    pub(super) fn new() -> Self {
        Self { used: 0, stopped: false, ended: false, outcome: Ok(0) }
    }
}

/// Lets a session go through `input` and have its say in `out`, until it needs more input, the sink
/// wants no more, or the wish is fulfilled. After an error it must not be asked again.
pub(super) fn advance(
    session: &mut UnbufferedServerConnection,
    input: &mut [u8],
    out: &mut Rest,
    sink: &mut dyn FnMut(&[u8]) -> bool,
    wish: Option<Wish<'_>>,
) -> Turn {
    let mut turn = Turn::new();
    loop {
        let UnbufferedStatus { mut discard, state } =
            session.process_tls_records(&mut input[turn.used..]);
        let at_rest = match state {
            Ok(ConnectionState::ReadTraffic(mut records)) => {
                while let Some(Ok(record)) = records.next_record() {
                    discard += record.discard;
                    turn.stopped = !sink(record.payload);
                }
                turn.stopped
            }
            Ok(ConnectionState::EncodeTlsData(message)) => {
                encode(message, out);
                false
            }
            // `out` goes before everything else, so it is as good as sent.
            Ok(ConnectionState::TransmitTlsData(message)) => {
                message.done();
                false
            }
            Ok(ConnectionState::PeerClosed) => {
                turn.ended = true;
                false
            }
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                let encrypted = match wish {
                    Some(Wish::Encrypt(bytes, to)) => traffic.encrypt(bytes, to),
                    Some(Wish::Part(to)) => traffic.queue_close_notify(to),
                    None => Ok(0),
                };
                turn.outcome = encrypted.map_err(io::Error::other);
                turn.used += discard;
                return turn;
            }
            Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => {
                if wish.is_some() {
                    turn.outcome = Err(io::ErrorKind::BrokenPipe.into());
                }
                true
            }
            // Early data is never asked for.
            Ok(_) => {
                turn.outcome = Err(io::ErrorKind::InvalidData.into());
                true
            }
            Err(error) => {
                turn.outcome = Err(io::Error::new(io::ErrorKind::InvalidData, error));
                last_words(session, &mut input[turn.used + discard..], out);
                true
            }
        };
        turn.used += discard;
        if at_rest {
            return turn;
        }
    }
}

/// The alert of a session that has failed, and what it had to say before. Asked once more behind the alert it would go
/// through the same input again, and fail anew.
fn last_words(session: &mut UnbufferedServerConnection, input: &mut [u8], out: &mut Rest) {
    while let Ok(ConnectionState::EncodeTlsData(word)) = session.process_tls_records(input).state {
        let begin = out.end().len();
        encode(word, out);
        if is_alert(&out.end()[begin..]) {
            return;
        }
    }
}

/// Whether a record is an alert, as far as one can see: TLS 1.3 has encrypted ones look like data, of two bytes here, one
/// for what they are, and a tag (RFC 8446 section 5.2). Nothing else that a handshake says is as short.
fn is_alert(record: &[u8]) -> bool {
    const HEADER: usize = 5;
    const TAG: usize = 16;
    match record.first() {
        Some(21) => true,
        Some(23) => record.len() == HEADER + 2 + 1 + TAG,
        _ => false,
    }
}

fn encode<Data>(mut message: EncodeTlsData<'_, Data>, out: &mut Rest) {
    if let Err(EncodeError::InsufficientSize(it)) = message.encode(&mut []) {
        let out = out.end();
        let begin = out.len();
        out.resize(begin + it.required_size, 0);
        let encoded = message.encode(&mut out[begin..]);
        out.truncate(begin + encoded.unwrap_or(0));
    }
}

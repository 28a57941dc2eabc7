//! TLS with us as the server, on rustls without buffers of its own: what is read is decrypted where
//! it was read to, in a buffer of the thread, and what is written is encrypted into another. A
//! stream that sleeps holds keys and counters, no byte. Knows no names, certificates or waits.
//!
//! `session` lets rustls go through what has come: all of TLS 1.2, and the handshake of TLS 1.3, behind
//! which `records` takes over with the `keys` that were agreed on. This file moves bytes between them,
//! the socket and whoever reads or writes.

mod keys;
mod opening;
mod records;
mod session;
mod traits;

use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::server::UnbufferedServerConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub use self::opening::Agreed;
use self::records::Records;
use self::session::{Turn, Wish, advance};
use super::scratch::{self, OUTGOING};
use super::{Rest, Socket};

/// A TLS stream over a socket.
pub struct Secure<S = Socket> {
    socket: S,
    session: Session,
    /// Whether the session changes hands as soon as it is at rest.
    leaves: bool,
    /// Read and not decrypted: the piece of a record, or of a handshake message, that has come so
    /// far; or, with `unread`, records for which the reader had no room.
    part: Rest,
    /// Decrypted, but more than the reader had room for.
    plain: Rest,
    /// Encrypted, but more than the socket took. While there is any, nothing more is encrypted.
    out: Rest,
    unread: bool,
    /// How long `out`, if it is tickets, may wait for company.
    tickets: Tickets,
    /// The peer has said close_notify.
    ended: bool,
    /// We have.
    parted: bool,
    /// The session is beyond repair.
    failed: bool,
    /// Found behind bytes that were good, and that go first.
    error: Option<Box<io::Error>>,
}

/// Who knows the keys.
enum Session {
    /// rustls. Boxed: it is over a kilobyte, and of TLS 1.3 nobody needs it for long.
    Rustls(Box<UnbufferedServerConnection>),
    Records(Records),
    /// Nobody, since they could not be handed over.
    Lost,
}

/// When tickets leave that nobody waits for.
#[derive(Clone, Copy, PartialEq)]
enum Tickets {
    /// At once, as everything else.
    Leave,
    /// When the client turns out to have sent nothing behind its last word.
    AwaitRequest,
    /// It has: with the first answer, in one write.
    AwaitAnswer,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Secure<S> {
    /// What lies below.
    pub fn socket(&self) -> &S {
        &self.socket
    }

    /// Decrypts into `buf` what is there, after one read of the socket if nothing is left of the
    /// one before. What is wrong with it is left in `error`.
    fn take_in(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        scratch::lend_incoming(|incoming| {
            let kept = self.part.left().len();
            let mut end = kept;
            if !self.unread {
                // No more than `buf` has room for, so that usually nothing is left over.
                let limit = buf.remaining().max(RECORD).max(kept + READ_MIN).min(incoming.len());
                let Some(room) = incoming.get_mut(kept..limit).filter(|it| !it.is_empty()) else {
                    return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                };
                let mut read = ReadBuf::new(room);
                ready!(Pin::new(&mut self.socket).poll_read(cx, &mut read))?;
                match read.filled().len() {
                    0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                    some => end += some,
                }
            }
            let Some(input) = incoming.get_mut(..end) else {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            };
            input[..kept].copy_from_slice(self.part.left());
            let used = self.digest(input, buf);
            // As long as what is in it: a sleeper that holds half a record holds no more.
            let rest = if self.failed { &[] } else { &input[used..] };
            if kept > 0 || !rest.is_empty() {
                self.part.replace(rest);
            }
            self.settle();
            Poll::Ready(Ok(()))
        })
    }

    /// Decrypts into `buf` from `input`, and returns how much of that is needed no more.
    fn digest(&mut self, input: &mut [u8], buf: &mut ReadBuf<'_>) -> usize {
        let plain = &mut self.plain;
        let turn = match &mut self.session {
            Session::Records(records) => records.open(input, buf, plain, &mut self.out),
            Session::Rustls(session) => {
                let mut sink = |payload: &[u8]| {
                    let (now, later) = payload.split_at(payload.len().min(buf.remaining()));
                    buf.put_slice(now);
                    plain.extend(later);
                    buf.remaining() > 0
                };
                advance(session, input, &mut self.out, &mut sink, None)
            }
            Session::Lost => Turn::new(),
        };
        self.unread = turn.stopped && turn.used < input.len();
        self.ended |= turn.ended;
        if let Err(error) = turn.outcome {
            self.fail(error);
        }
        turn.used
    }

    /// Has the session encrypt something, and returns how long that is. What it still has to
    /// decrypt is kept for the reader.
    fn bring_out(&mut self, wish: Wish<'_>) -> io::Result<usize> {
        if self.failed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let session = match &mut self.session {
            Session::Records(records) => {
                return match wish {
                    Wish::Encrypt(bytes, to) => records.seal(bytes, to),
                    Wish::Part(to) => records.part(to),
                };
            }
            Session::Rustls(session) => session,
            Session::Lost => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        let plain = &mut self.plain;
        let mut sink = |payload: &[u8]| {
            plain.extend(payload);
            true
        };
        // With what is kept of the input, since the session remembers places in it.
        let turn = advance(session, self.part.left_mut(), &mut self.out, &mut sink, Some(wish));
        self.part.take(turn.used);
        self.unread &= !self.part.is_empty();
        self.ended |= turn.ended;
        match turn.outcome {
            // It was found in the input: the reader hears of it.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.fail(error);
                Err(io::ErrorKind::BrokenPipe.into())
            }
            outcome => outcome,
        }
    }

    /// Has the session change hands if it may: rustls has seen every byte that came, and nothing is
    /// left of a message of which it remembers the place. Only where nothing encrypted is on its way to
    /// `out`: what rustls has left to say goes there, and is older.
    fn settle(&mut self) {
        let over = self.ended || self.parted || self.failed;
        if !self.leaves || over || !self.part.is_empty() {
            return;
        }
        self.leaves = false;
        let Session::Rustls(mut session) = mem::replace(&mut self.session, Session::Lost) else {
            return;
        };
        let plain = &mut self.plain;
        let mut sink = |payload: &[u8]| {
            plain.extend(payload);
            true
        };
        // A reader that had enough stopped it.
        let turn = advance(&mut session, &mut [], &mut self.out, &mut sink, None);
        self.ended |= turn.ended;
        let records = turn.outcome.and_then(|_| {
            Records::new(*session).map_err(|it| io::Error::new(io::ErrorKind::InvalidData, it))
        });
        match records {
            Ok(records) => self.session = Session::Records(records),
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: io::Error) {
        self.failed = true;
        self.tickets = Tickets::Leave;
        self.part.clear();
        self.error = Some(Box::new(error));
    }

    /// As `poll_write`; once all of `bytes` have left, close_notify has too, in the same write where
    /// that was possible. Only `poll_shutdown` may follow.
    pub fn poll_write_last(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_encrypt(cx, bytes, true)
    }

    fn poll_encrypt(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        last: bool,
    ) -> Poll<io::Result<usize>> {
        if self.tickets == Tickets::Leave {
            ready!(self.poll_out(cx))?;
        }
        let some = &bytes[..bytes.len().min(WRITE_MAX)];
        if some.is_empty() {
            return Poll::Ready(Ok(0));
        }
        scratch::lend_outgoing(|outgoing| {
            let mut len = self.bring_out(Wish::Encrypt(some, outgoing))?;
            if last && some.len() == bytes.len() {
                self.parted = true;
                // Where it fails the peer does without, as with an alert that is lost.
                len += self.bring_out(Wish::Part(&mut outgoing[len..])).unwrap_or(0);
            }
            self.write_or_keep(cx, &outgoing[..len])?;
            Poll::Ready(Ok(some.len()))
        })
    }

    /// Writes what the socket did not take before.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tickets = Tickets::Leave;
        while !self.out.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_write(cx, self.out.left()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                some => self.out.take(some),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes `bytes`, and keeps what the socket does not take.
    fn write_or_keep(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<()> {
        let mut at = 0;
        while self.out.is_empty() && at < bytes.len() {
            match Pin::new(&mut self.socket).poll_write(cx, &bytes[at..])? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(some) => at += some,
                Poll::Pending => break,
            }
        }
        if at < bytes.len() {
            self.out.extend(&bytes[at..]);
            // Tickets that have waited leave in the same write. What blocks is for `poll_flush`.
            if let Poll::Ready(written) = self.poll_out(cx) {
                return written;
            }
        }
        Ok(())
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for Secure<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secure").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// The longest record: header, payload and what a cipher may add (RFC 5246 section 6.2.3).
const RECORD: usize = 5 + 16 * 1024 + 2048;

/// Read at least, behind the pieces of a long handshake message.
const READ_MIN: usize = 4096;

/// Encrypted at once; with all headers and tags it fits into the buffer for what goes out.
const WRITE_MAX: usize = OUTGOING - 4096;

/// More than an encrypted alert, with a key update before it.
const ALERT_MAX: usize = 512;

#[cfg(test)]
mod tests;

//! TLS with us as the server, on rustls without buffers of its own: what is read is decrypted where
//! it was read to, in a buffer of the thread, and what is written is encrypted into another. A
//! stream that sleeps holds keys and counters, no byte. Knows no names, certificates or waits.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, UnbufferedStatus};
use rustls::{HandshakeKind, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Socket;
use super::scratch::{self, OUTGOING};

/// A TLS stream over a socket.
pub struct Secure {
    socket: Socket,
    session: UnbufferedServerConnection,
    /// Read and not decrypted: the piece of a record, or of a handshake message, that has come so
    /// far; or, with `unread`, records for which the reader had no room.
    part: Vec<u8>,
    unread: bool,
    /// Decrypted, but more than the reader had room for.
    plain: Rest,
    /// Encrypted, but more than the socket took. While there is any, nothing more is encrypted.
    out: Rest,
    /// The peer has said close_notify.
    ended: bool,
    /// We have.
    parted: bool,
    /// Found behind bytes that were good, and that go first.
    error: Option<io::Error>,
}

impl Secure {
    /// Shakes hands with a client that has already sent `hello`. The caller bounds the wait.
    ///
    /// # Errors
    /// The socket's, or what rustls found wrong as `InvalidData`, after the alert was sent.
    pub async fn accept(
        socket: Socket,
        config: Arc<ServerConfig>,
        hello: Vec<u8>,
    ) -> io::Result<Box<Self>> {
        let mut stream = Box::new(Self {
            socket,
            session: UnbufferedServerConnection::new(config).map_err(io::Error::other)?,
            part: hello,
            unread: true,
            plain: Rest::default(),
            out: Rest::default(),
            ended: false,
            parted: false,
            error: None,
        });
        poll_fn(|cx| stream.poll_handshake(cx)).await?;
        Ok(stream)
    }

    /// Whether a session was resumed.
    pub fn resumed(&self) -> bool {
        self.session.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let flushed = ready!(self.poll_out(cx));
            if let Some(error) = self.error.take() {
                return Poll::Ready(Err(error));
            }
            flushed?;
            if !self.session.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if self.ended {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            ready!(self.take_in(cx, &mut ReadBuf::new(&mut [])))?;
        }
    }

    /// Decrypts into `buf` what is there, after one read of the socket if nothing is left of the
    /// one before. What is wrong with it is left in `error`.
    fn take_in(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        scratch::lend_incoming(|incoming| {
            let kept = self.part.len();
            let mut end = kept;
            if !self.unread {
                // No more than `buf` has room for, so that usually nothing is left over.
                let limit = buf.remaining().max(RECORD).max(kept + READ_MIN).min(incoming.len());
                let mut read = ReadBuf::new(&mut incoming[kept.min(limit)..limit]);
                ready!(Pin::new(&mut self.socket).poll_read(cx, &mut read))?;
                match read.filled().len() {
                    0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                    some => end += some,
                }
            }
            let Some(front) = incoming.get_mut(..kept) else {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            };
            front.copy_from_slice(&self.part);
            let plain = &mut self.plain;
            let mut sink = |payload: &[u8]| {
                let (now, later) = payload.split_at(payload.len().min(buf.remaining()));
                buf.put_slice(now);
                plain.bytes.extend_from_slice(later);
                buf.remaining() > 0
            };
            let turn =
                advance(&mut self.session, &mut incoming[..end], &mut self.out, &mut sink, None);
            self.unread = turn.stopped && turn.used < end;
            self.part.clear();
            self.part.extend_from_slice(&incoming[turn.used..end]);
            self.part.shrink_to_fit();
            self.ended |= turn.ended;
            self.error = turn.outcome.err();
            Poll::Ready(Ok(()))
        })
    }

    /// Has the session encrypt something, and returns how long that is. What it still has to
    /// decrypt is kept for the reader.
    fn bring_out(&mut self, wish: Wish<'_>) -> io::Result<usize> {
        let plain = &mut self.plain;
        let mut sink = |payload: &[u8]| {
            plain.bytes.extend_from_slice(payload);
            true
        };
        let mut wish = Some(wish);
        // With what is kept of the input, since the session remembers places in it.
        let input = self.part.as_mut_slice();
        let turn = advance(&mut self.session, input, &mut self.out, &mut sink, wish.as_mut());
        self.part.drain(..turn.used);
        self.unread &= !self.part.is_empty();
        self.ended |= turn.ended;
        turn.outcome
    }

    /// Writes what the socket did not take before.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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
        self.out.bytes.extend_from_slice(&bytes[at..]);
        Ok(())
    }
}

impl AsyncRead for Secure {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        loop {
            if !this.plain.is_empty() {
                let some = this.plain.left().len().min(buf.remaining());
                buf.put_slice(&this.plain.left()[..some]);
                this.plain.take(some);
            }
            if buf.filled().len() > before || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if let Some(error) = this.error.take() {
                return Poll::Ready(Err(error));
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            ready!(this.take_in(cx, buf))?;
            // An alert, say. If the socket is full or broken, writers will see it.
            let _ = this.poll_out(cx);
        }
    }
}

impl AsyncWrite for Secure {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_out(cx))?;
        let bytes = &bytes[..bytes.len().min(WRITE_MAX)];
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        scratch::lend_outgoing(|outgoing| {
            let len = this.bring_out(Wish::Encrypt(bytes, outgoing))?;
            this.write_or_keep(cx, &outgoing[..len])?;
            Poll::Ready(Ok(bytes.len()))
        })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_out(cx)
    }

    /// close_notify, and then the end of the stream. The other direction stays open.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.parted {
            this.parted = true;
            let mut alert = [0; ALERT_MAX];
            // A session that has failed has sent its alert already.
            if let Ok(len) = this.bring_out(Wish::Part(&mut alert)) {
                this.out.bytes.extend_from_slice(&alert[..len]);
            }
        }
        ready!(this.poll_out(cx))?;
        Pin::new(&mut this.socket).poll_shutdown(cx)
    }
}

impl std::fmt::Debug for Secure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secure").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// Bytes of which some have been used. Holds no memory once all have.
#[derive(Default)]
struct Rest {
    bytes: Vec<u8>,
    at: usize,
}

impl Rest {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn left(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn take(&mut self, some: usize) {
        self.at += some;
        if self.at == self.bytes.len() {
            *self = Self::default();
        }
    }
}

/// What a session is asked to encrypt, and to where.
enum Wish<'a> {
    Encrypt(&'a [u8], &'a mut [u8]),
    /// close_notify.
    Part(&'a mut [u8]),
}

/// How far a session came.
struct Turn {
    /// Bytes of the input that it needs no more.
    used: usize,
    /// The sink wanted no more.
    stopped: bool,
    /// The peer said close_notify.
    ended: bool,
    /// How long what was wished for is, or what is wrong.
    outcome: io::Result<usize>,
}

/// Lets a session go through `input` and have its say in `out`, until it needs more input, the sink
/// wants no more, or the wish is fulfilled.
fn advance(
    session: &mut UnbufferedServerConnection,
    input: &mut [u8],
    out: &mut Rest,
    sink: &mut dyn FnMut(&[u8]) -> bool,
    wish: Option<&mut Wish<'_>>,
) -> Turn {
    let mut turn = Turn { used: 0, stopped: false, ended: false, outcome: Ok(0) };
    loop {
        let UnbufferedStatus { mut discard, state } =
            session.process_tls_records(&mut input[turn.used..]);
        let mut at_rest = false;
        match state {
            Ok(ConnectionState::ReadTraffic(mut records)) => {
                while let Some(Ok(record)) = records.next_record() {
                    discard += record.discard;
                    turn.stopped = !sink(record.payload);
                }
            }
            Ok(ConnectionState::EncodeTlsData(mut message)) => {
                let begin = out.bytes.len();
                if let Err(EncodeError::InsufficientSize(it)) = message.encode(&mut []) {
                    out.bytes.resize(begin + it.required_size, 0);
                    let encoded = message.encode(&mut out.bytes[begin..]);
                    out.bytes.truncate(begin + encoded.unwrap_or(0));
                }
            }
            // `out` goes before everything else, so it is as good as sent.
            Ok(ConnectionState::TransmitTlsData(message)) => message.done(),
            Ok(ConnectionState::PeerClosed) => turn.ended = true,
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                at_rest = true;
                let encrypted = match wish {
                    Some(Wish::Encrypt(bytes, to)) => traffic.encrypt(bytes, to),
                    Some(Wish::Part(to)) => traffic.queue_close_notify(to),
                    None => Ok(0),
                };
                turn.outcome = encrypted.map_err(io::Error::other);
                turn.used += discard;
                return turn;
            }
            Ok(ConnectionState::BlockedHandshake) => at_rest = true,
            Ok(_) => {
                at_rest = true;
                turn.outcome = Err(io::ErrorKind::BrokenPipe.into());
            }
            // The alert comes out with the next turns, and then the same error once more.
            Err(error) => {
                at_rest = turn.outcome.is_err();
                turn.outcome = Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
        turn.used += discard;
        if at_rest || turn.stopped {
            return turn;
        }
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

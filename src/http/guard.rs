//! Stands between a client's stream and hyper: one request at a time, its frame checked before hyper
//! sees it, and interim answers put out before the final one. Knows bytes, and no request's meaning.
//!
//! What a client sends behind a request is held until that request is answered and the answer is
//! written. So a refused request takes along what was smuggled behind it, and what comes behind a
//! handshake is frames or a request once it is known which, never both.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::clock::{Clock, Watched};
use super::notes::{Notes, Stop};
use crate::framing::Framing;
use crate::stream::Stream;

/// Most bytes that are held behind a request; more wait in the kernel.
const HELD_MAX: usize = 8 * 1024;

/// A client's stream under hyper.
pub struct Guard {
    watched: Watched,
    framing: Framing,
    notes: Notes,
    held: Held,
    /// The reader that waits for the next request to be let through.
    reader: Option<Waker>,
    /// hyper has written part of something: nothing may be put in between.
    mid_write: bool,
}

/// What came behind the request that is being answered.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    ended: bool,
}

impl Guard {
    /// Guards `stream`. `head_max`: what hyper takes of a head.
    pub fn new(stream: Stream, clock: Clock, notes: Notes, head_max: usize) -> Self {
        Self {
            watched: Watched { stream, clock },
            // More than hyper reads, so that hyper is the one to say 431.
            framing: Framing::requests(head_max.saturating_mul(2)),
            notes,
            held: Held::default(),
            reader: None,
            mid_write: false,
        }
    }

    /// The stream, and what was held back from hyper.
    pub fn into_parts(self) -> (Stream, Bytes) {
        (self.watched.stream, Bytes::from(self.held.bytes))
    }

    fn stop(&self, stop: Stop) -> io::Error {
        self.notes.stop_for(stop);
        io::Error::new(io::ErrorKind::InvalidData, stop)
    }

    /// Reads on while a request is being answered: only to see the client leave, or to hold what
    /// it sends.
    fn poll_hold(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while !self.held.ended && self.held.bytes.len() < HELD_MAX {
            let room = (HELD_MAX - self.held.bytes.len()).min(buf.remaining());
            let mut part = buf.take(room);
            if let Err(error) = ready!(Pin::new(&mut self.watched).poll_read(cx, &mut part)) {
                return Poll::Ready(Err(error));
            }
            self.held.bytes.extend_from_slice(part.filled());
            self.held.ended = part.filled().is_empty();
            self.notes.set_more(!self.held.bytes.is_empty());
        }
        // A client that ends with nothing held has left; hyper is to know.
        if self.held.bytes.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Shows hyper what is `fresh` in `buf`, as far as it belongs to the request under way.
    fn check(&mut self, buf: &mut ReadBuf<'_>, before: usize) -> io::Result<()> {
        let fresh = buf.filled().get(before..).unwrap_or_default();
        let in_head = !self.framing.is_past_head();
        let taken = self.framing.take(fresh).map_err(|it| {
            // As long as hyper has not seen the whole head, nothing is under way.
            self.stop(if in_head { Stop::Head(it) } else { Stop::Body(it) })
        })?;
        if in_head && self.framing.is_past_head() {
            self.watched.clock.busy();
        }
        if taken < fresh.len() {
            self.held.bytes.splice(..0, fresh.get(taken..).unwrap_or_default().iter().copied());
            self.notes.set_more(true);
            buf.set_filled(before + taken);
        }
        Ok(())
    }

    /// Once an answer is written, the next request may come.
    fn release(&mut self) {
        if !self.framing.is_at_end() || !self.watched.clock.is_answered() {
            return;
        }
        self.framing.next(false);
        self.notes.set_more(false);
        // With nothing held the stream itself wakes the reader.
        let waiting = self.reader.take().filter(|_| self.held.ended || !self.held.bytes.is_empty());
        if let Some(reader) = waiting {
            reader.wake();
        }
    }

    fn poll_interims(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.mid_write {
            // They are hints; an answer that is half out is not.
            self.notes.forget_interims();
        }
        loop {
            let bytes = self.notes.interims();
            if bytes.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let written = ready!(Pin::new(&mut self.watched).poll_write(cx, &bytes))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.notes.interims_written(written);
        }
    }
}

impl AsyncRead for Guard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.framing.is_at_end() {
            this.reader = Some(cx.waker().clone());
            return this.poll_hold(cx, buf);
        }
        let before = buf.filled().len();
        if !this.held.bytes.is_empty() {
            let len = this.held.bytes.len().min(buf.remaining());
            this.watched.clock.received();
            buf.put_slice(this.held.bytes.get(..len).unwrap_or_default());
            this.held.bytes.drain(..len);
            return Poll::Ready(this.check(buf, before));
        }
        if this.held.ended {
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut this.watched).poll_read(cx, buf))?;
        Poll::Ready(this.check(buf, before))
    }
}

impl AsyncWrite for Guard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_interims(cx))?;
        let written = ready!(Pin::new(&mut self.watched).poll_write(cx, buf))?;
        self.mid_write = written < buf.len();
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_interims(cx))?;
        ready!(Pin::new(&mut self.watched).poll_flush(cx))?;
        self.release();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper takes it for a client that has left; it is still to be told why it is turned away.
        if matches!(self.notes.stop(), Some(Stop::Head(_))) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.watched).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_interims(cx))?;
        let all: usize = bufs.iter().map(|it| it.len()).sum();
        let written = ready!(Pin::new(&mut self.watched).poll_write_vectored(cx, bufs))?;
        self.mid_write = written < all;
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.watched.is_write_vectored()
    }
}

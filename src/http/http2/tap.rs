//! Stands between a client's stream and hyper's HTTP/2: sees each frame go by in both directions, tells the
//! clock, and ends the connection on a flood. Reads no head and no body, and changes nothing.

use std::collections::BTreeSet;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::frames::{Follower, Frame, Kind};
use super::toll::{Flood, Toll};
use crate::http::clock::{Clock, Watched};
use crate::stream::Stream;

/// A client's stream under hyper.
pub struct Tap {
    watched: Option<Watched>,
    inward: Follower,
    outward: Follower,
    seen: Seen,
    left: Left,
    ended: Ended,
}

/// Set when no more comes on the connection, or hyper has nothing more to say.
pub type Ended = Arc<AtomicBool>;

/// What is left when hyper lets go of the stream.
pub type Left = Arc<Mutex<Option<Remains>>>;

/// The stream, and what was seen on it.
pub struct Remains {
    /// The stream itself.
    pub stream: Stream,
    /// What it ended for, if it did.
    pub flood: Option<Flood>,
    /// The last stream that the client began.
    pub last: u32,
    /// How many it began.
    pub begun: u64,
    /// A frame may be written.
    pub at_border: bool,
}

struct Seen {
    toll: Toll,
    flood: Option<Flood>,
    /// Streams of which neither side has seen the last.
    alive: BTreeSet<u32>,
    last: u32,
    begun: u64,
}

/// Most streams that are told apart; hyper holds far fewer, and refuses the others at once.
const TOLD_APART: usize = 1000;

impl Tap {
    /// Watches `stream`; `left` has it again when this is dropped.
    pub fn new(stream: Stream, clock: Clock, left: Left, ended: Ended) -> Self {
        let toll = Toll::new(Instant::now());
        Self {
            watched: Some(Watched { stream, clock }),
            inward: Follower::of_client(),
            outward: Follower::of_server(),
            seen: Seen { toll, flood: None, alive: BTreeSet::new(), last: 0, begun: 0 },
            left,
            ended,
        }
    }

    fn watched(&mut self) -> io::Result<Pin<&mut Watched>> {
        match &mut self.watched {
            // It is there until the drop.
            None => Err(io::ErrorKind::NotConnected.into()),
            Some(watched) => Ok(Pin::new(watched)),
        }
    }

    fn received(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (seen, now) = (&mut self.seen, Instant::now());
        self.inward.feed(bytes, |frame| seen.received(&frame, now));
        self.tell();
        self.flooded()
    }

    fn sent<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]>, mut count: usize) {
        let (seen, now) = (&mut self.seen, Instant::now());
        for piece in pieces {
            let piece = piece.get(..count.min(piece.len())).unwrap_or_default();
            self.outward.feed(piece, |frame| seen.sent(&frame, now));
            count -= piece.len();
        }
        self.tell();
    }

    fn tell(&self) {
        if let Some(watched) = &self.watched {
            let (greeted, in_head) = (self.inward.has_begun(), self.inward.in_head());
            watched.clock.framed(greeted, in_head, self.seen.alive.len());
        }
    }

    fn flooded(&self) -> io::Result<()> {
        let error = |flood| io::Error::new(io::ErrorKind::InvalidData, flood);
        self.seen.flood.map_or(Ok(()), |flood| Err(error(flood)))
    }
}

impl Seen {
    fn received(&mut self, frame: &Frame, now: Instant) {
        match frame.kind {
            Kind::Headers if frame.stream > self.last => {
                self.last = frame.stream;
                self.begun += 1;
                if self.alive.len() < TOLD_APART {
                    self.alive.insert(frame.stream);
                }
            }
            Kind::Reset => {
                self.alive.remove(&frame.stream);
            }
            _ => {}
        }
        let tolled = self.toll.received(frame, now);
        self.flood = self.flood.or(tolled.err());
    }

    fn sent(&mut self, frame: &Frame, now: Instant) {
        let ends = match frame.kind {
            Kind::Data | Kind::Headers => frame.marked,
            Kind::Reset => true,
            _ => false,
        };
        if ends {
            self.alive.remove(&frame.stream);
        }
        let tolled = self.toll.sent(frame, now);
        self.flood = self.flood.or(tolled.err());
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let Some(watched) = self.watched.take() else { return };
        let remains = Remains {
            stream: watched.stream,
            flood: self.seen.flood,
            last: self.seen.last,
            begun: self.seen.begun,
            at_border: self.outward.at_border(),
        };
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(remains);
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.flooded()?;
        let before = buf.filled().len();
        let read = ready!(self.watched()?.poll_read(cx, buf));
        if read.is_err() || buf.filled().len() == before {
            self.ended.store(true, Ordering::Relaxed);
        }
        read?;
        Poll::Ready(self.received(buf.filled().get(before..).unwrap_or_default()))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.flooded()?;
        let written = ready!(self.watched()?.poll_write(cx, buf))?;
        self.sent(std::iter::once(buf), written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watched()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ended.store(true, Ordering::Relaxed);
        self.watched()?.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.flooded()?;
        let written = ready!(self.watched()?.poll_write_vectored(cx, bufs))?;
        self.sent(bufs.iter().map(|it| &**it), written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.watched.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}

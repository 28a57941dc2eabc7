//! Which wait a client's HTTP connection is in. hyper has one timer for a head, whether the client
//! is silent between requests or slow within one; the configuration has a key for each.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::config::model::ClientTimeouts;
use crate::life::Timer;
use crate::stream::Stream;

/// A client that takes no byte of an answer this long is cut, as nginx's `send_timeout` has it.
const STALLED_ANSWER: Duration = Duration::from_secs(60);

/// Follows one connection; shared by the stream under hyper and the service above it.
#[derive(Clone, Debug)]
pub struct Clock {
    state: Arc<Mutex<State>>,
    limits: ClientTimeouts,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    /// Since when the client has taken nothing of what is waiting for it.
    stalled: Option<Instant>,
    heard: bool,
    answered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Head,
    Busy,
}

impl Clock {
    /// A connection that is expected to send its first request now.
    pub fn new(limits: &ClientTimeouts) -> Self {
        let now = Instant::now();
        let state =
            State { phase: Phase::Head, since: now, stalled: None, heard: false, answered: false };
        Self { state: Arc::new(Mutex::new(state)), limits: limits.clone() }
    }

    /// A whole head has come.
    pub fn busy(&self) {
        let mut state = self.state();
        *state = State { phase: Phase::Busy, since: Instant::now(), answered: false, ..*state };
    }

    /// The answer has been handed over.
    pub fn idle(&self) {
        let mut state = self.state();
        let since = Instant::now();
        *state = State { phase: Phase::Idle, since, heard: false, answered: true, ..*state };
    }

    /// Whether the last whole head has been answered.
    pub fn is_answered(&self) -> bool {
        self.state().answered
    }

    /// The next wait that runs out, and when.
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        let state = self.state();
        let wait = match state.phase {
            Phase::Idle => Some((state.since + self.limits.keep_alive, Timer::KeepAlive)),
            Phase::Head => Some((state.since + self.limits.request_head, Timer::RequestHead)),
            Phase::Busy => None,
        };
        let stall = state.stalled.map(|since| (since + STALLED_ANSWER, Timer::StalledWriter));
        wait.into_iter().chain(stall).min_by_key(|(at, _)| *at)
    }

    /// Whether anything of the head that is awaited has come.
    pub fn heard(&self) -> bool {
        self.state().heard
    }

    /// Bytes of a request have come.
    pub fn received(&self) {
        let mut state = self.state();
        state.heard = true;
        if state.phase == Phase::Idle {
            state.phase = Phase::Head;
            state.since = Instant::now();
        }
    }

    fn wrote(&self, stalled: bool) {
        let mut state = self.state();
        match stalled {
            false => state.stalled = None,
            true => {
                state.stalled.get_or_insert_with(Instant::now);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that tells the clock what it sees.
pub struct Watched {
    /// The stream itself.
    pub stream: Stream,
    /// The clock.
    pub clock: Clock,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.clock.received();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.clock.wrote(written.is_pending());
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.clock.wrote(flushed.is_pending());
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.clock.wrote(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

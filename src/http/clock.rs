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
pub(super) const STALLED_ANSWER: Duration = Duration::from_secs(60);

/// The last bytes of answers over HTTP/2 that a client has no window for wait this long while it
/// asks for nothing else: what is kept of one is gone by then on the slowest networks.
const UNTAKEN: Duration = Duration::from_secs(180);

/// An HTTP/2 client that has nothing under way has this long to answer a GOAWAY.
const LEAVE: Duration = Duration::from_secs(1);

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
    /// Over HTTP/2 many requests are under way at a time.
    streams: Option<Streams>,
}

/// The streams of an HTTP/2 connection.
#[derive(Clone, Copy, Debug, Default)]
struct Streams {
    /// Requests that are being answered, and sockets.
    open: usize,
    /// Streams that the client has not had the end of.
    alive: usize,
    /// Since when a head is on its way.
    head: Option<Instant>,
    /// Since when the client knows that it has to leave.
    leaving: Option<Instant>,
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
        Self::begin(limits, None)
    }

    /// The same for one that speaks HTTP/2.
    pub fn of_streams(limits: &ClientTimeouts) -> Self {
        Self::begin(limits, Some(Streams::default()))
    }

    fn begin(limits: &ClientTimeouts, streams: Option<Streams>) -> Self {
        let (phase, since) = (Phase::Head, Instant::now());
        let state = State { phase, since, stalled: None, heard: false, answered: false, streams };
        Self { state: Arc::new(Mutex::new(state)), limits: limits.clone() }
    }

    /// A whole head has come.
    pub fn busy(&self) {
        let mut state = self.state();
        if let Some(streams) = &mut state.streams {
            streams.open += 1;
        }
        *state = State { phase: Phase::Busy, since: Instant::now(), answered: false, ..*state };
    }

    /// The answer has been handed over.
    pub fn idle(&self) {
        let mut state = self.state();
        if let Some(streams) = &mut state.streams {
            streams.open = streams.open.saturating_sub(1);
            if streams.open > 0 {
                return;
            }
        }
        let since = Instant::now();
        *state = State { phase: Phase::Idle, since, heard: false, answered: true, ..*state };
    }

    /// What the frames of an HTTP/2 connection tell: whether its preface has come, whether a head
    /// is on its way, and how many streams the client has not had the end of.
    pub fn framed(&self, greeted: bool, in_head: bool, alive: usize) {
        let mut state = self.state();
        let now = Instant::now();
        if greeted && state.phase == Phase::Head {
            state.phase = Phase::Idle;
            state.since = now;
        }
        if let Some(streams) = &mut state.streams {
            streams.alive = alive;
            streams.head = in_head.then(|| streams.head.unwrap_or(now));
        }
    }

    /// The client of an HTTP/2 connection was told to leave.
    pub fn let_go(&self) {
        if let Some(streams) = &mut self.state().streams {
            streams.leaving.get_or_insert_with(Instant::now);
        }
    }

    /// Whether the last whole head has been answered.
    pub fn is_answered(&self) -> bool {
        self.state().answered
    }

    /// The next wait that runs out, and when.
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        let state = self.state();
        let untaken = state.streams.is_some_and(|it| it.alive > 0);
        let leaving = state.streams.and_then(|it| it.leaving);
        let wait = match (state.phase, leaving) {
            (Phase::Idle | Phase::Head, Some(at)) if !untaken => {
                Some((at.max(state.since) + LEAVE, Timer::KeepAlive))
            }
            (phase, _) => self.waits_in(phase, untaken, state.since),
        };
        let stall = state.stalled.map(|since| (since + STALLED_ANSWER, Timer::StalledWriter));
        let head = state.streams.and_then(|it| it.head);
        let head = head.map(|since| (since + self.limits.request_head, Timer::RequestHead));
        wait.into_iter().chain(stall).chain(head).min_by_key(|(at, _)| *at)
    }

    fn waits_in(&self, phase: Phase, untaken: bool, since: Instant) -> Option<(Instant, Timer)> {
        match phase {
            Phase::Idle if untaken => Some((since + UNTAKEN, Timer::StalledWriter)),
            Phase::Idle => Some((since + self.limits.keep_alive, Timer::KeepAlive)),
            Phase::Head => Some((since + self.limits.request_head, Timer::RequestHead)),
            Phase::Busy => None,
        }
    }

    /// Whether anything of the head that is awaited has come.
    pub fn heard(&self) -> bool {
        self.state().heard
    }

    /// Bytes of a request have come.
    pub fn received(&self) {
        let mut state = self.state();
        state.heard = true;
        // Over HTTP/2 they may be of anything: see `framed`.
        if state.phase == Phase::Idle && state.streams.is_none() {
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

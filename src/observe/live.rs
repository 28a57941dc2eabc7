//! One live socket as everybody else sees it: who it is, what has flowed so far, and a mailbox in
//! which it can be ordered to close. Only its tunnel writes the meters; knows nothing of frames.

use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, SystemTime};

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::histogram::SizeMeter;
use super::lane::Lane;
use super::line::{Flow, Line, Part};
use crate::life::Cause;

/// One socket that has not ended.
#[derive(Debug)]
pub struct Live {
    /// The id that its access line will have, as a number.
    pub id: u64,
    /// The way that it came.
    pub lane: Arc<Lane>,
    /// The name asked for.
    pub host: Box<str>,
    /// The address of the server at its other end.
    pub server: Box<str>,
    /// The client's address; behind a trusted proxy the forwarded one.
    pub client: Box<str>,
    /// The mini program, or nothing.
    pub app: Box<str>,
    /// The Origin header, or nothing.
    pub origin: Box<str>,
    /// When it became a WebSocket.
    pub since: SystemTime,
    /// What has come from the client.
    pub up: Meter,
    /// What has come from the backend.
    pub down: Meter,
    /// Bytes that wait for a side which does not take them.
    waiting: AtomicU64,
    /// Milliseconds of the socket's life after which that side took nothing, plus one; 0: it does.
    blocked: AtomicU64,
    begun: Instant,
    called: AtomicBool,
    let_go: AtomicBool,
    order: Mutex<Option<Box<Order>>>,
    tunnel: AtomicWaker,
}

/// What has come from one side so far. One task writes, anybody reads; the numbers belong together
/// only loosely.
#[derive(Debug, Default)]
pub struct Meter {
    frames: AtomicU64,
    messages: AtomicU64,
    bytes: AtomicU64,
    binary: [AtomicU64; 2],
    control: [AtomicU64; 2],
    /// How long its messages were.
    pub sizes: SizeMeter,
    /// Seconds of the socket's life after which the side was last heard.
    heard: AtomicU64,
    /// The last round trip of a ping in microseconds; 0 when there was none.
    round_trip: AtomicU64,
}

/// How a socket is told to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// The word for the log: [`Cause::Ordered`] or [`Cause::Drained`].
    pub cause: Cause,
    /// The close code that the client gets.
    pub code: u16,
    /// The close reason that the client gets.
    pub reason: Arc<str>,
}

/// A farewell and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What is said.
    pub farewell: Farewell,
    /// When.
    pub at: Instant,
}

impl Live {
    /// The socket whose access line is `line` so far; it begins now.
    pub(super) fn new(id: u64, line: &Line, lane: Arc<Lane>) -> Self {
        Self {
            id,
            lane,
            host: line.host.as_str().into(),
            server: line.server.as_str().into(),
            client: line.client.as_str().into(),
            app: line.app.as_str().into(),
            origin: line.origin.as_str().into(),
            since: SystemTime::now(),
            up: Meter::default(),
            down: Meter::default(),
            waiting: AtomicU64::new(0),
            blocked: AtomicU64::new(0),
            begun: Instant::now(),
            called: AtomicBool::new(false),
            let_go: AtomicBool::new(false),
            order: Mutex::default(),
            tunnel: AtomicWaker::new(),
        }
    }

    /// How long it has been alive.
    pub fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Since when the side of `meter` has been silent, as of `now`; exact to a second.
    pub fn silent_for(&self, meter: &Meter, now: Instant) -> Duration {
        let heard = Duration::from_secs(meter.heard.load(Relaxed));
        now.saturating_duration_since(self.begun + heard)
    }

    /// Tells the tunnel to close. When it has an order already, the earlier one holds.
    pub fn order(&self, order: Order) {
        if order.farewell.cause == Cause::Drained {
            self.let_go.store(true, Relaxed);
        }
        let mut waiting = self.order_waiting();
        if waiting.as_ref().is_none_or(|other| order.at < other.at) {
            *waiting = Some(Box::new(order));
        }
        drop(waiting);
        self.wake();
    }

    /// Whether it was told to close as in a drain: its route or its backend is gone.
    pub fn is_let_go(&self) -> bool {
        self.let_go.load(Relaxed)
    }

    /// Has the tunnel look around: there is an order, or the drain has moved on.
    pub fn wake(&self) {
        self.called.store(true, Release);
        self.tunnel.wake();
    }

    /// For the tunnel, at its first poll: who is to be woken.
    pub fn register(&self, tunnel: &Waker) {
        self.tunnel.register(tunnel);
    }

    /// For the tunnel, at every poll: whether it was told to look around; one relaxed load while
    /// there is no news.
    pub fn called(&self, tunnel: &Waker) -> bool {
        let mut called = false;
        // Waking uses the waker up. Asked again behind a new one: a call in between found none.
        while self.called.load(Relaxed) && self.called.swap(false, AcqRel) {
            self.tunnel.register(tunnel);
            called = true;
        }
        called
    }

    /// For the tunnel, when it was called: its order, if there is one.
    pub fn ordered(&self) -> Option<Order> {
        self.order_waiting().take().map(|it| *it)
    }

    /// For the tunnel: what has come from the side of `meter`, which was last heard at `heard`.
    pub fn publish(&self, meter: &Meter, flow: &Flow, heard: Instant) {
        if meter.bytes.load(Relaxed) == flow.bytes {
            return;
        }
        meter.bytes.store(flow.bytes, Relaxed);
        meter.frames.store(flow.frames, Relaxed);
        meter.messages.store(flow.messages, Relaxed);
        for (to, part) in [(&meter.binary, flow.binary), (&meter.control, flow.control)] {
            to[0].store(part.frames, Relaxed);
            to[1].store(part.bytes, Relaxed);
        }
        meter.heard.store(heard.saturating_duration_since(self.begun).as_secs(), Relaxed);
    }

    /// For the tunnel, when this has changed: so many bytes wait, and a side takes nothing since.
    pub fn hold(&self, waiting: usize, blocked: Option<Instant>) {
        let millis = |at: Instant| at.saturating_duration_since(self.begun).as_millis();
        let since = blocked.map_or(0, |at| u64::try_from(millis(at)).unwrap_or(u64::MAX - 1) + 1);
        self.waiting.store(waiting as u64, Relaxed);
        self.blocked.store(since, Relaxed);
    }

    /// How many bytes wait, and for how long a side has taken none of them; `None` when none does.
    pub fn held(&self, now: Instant) -> Option<(u64, Duration)> {
        let since = self.blocked.load(Relaxed).checked_sub(1)?;
        let since = self.begun + Duration::from_millis(since);
        Some((self.waiting.load(Relaxed), now.saturating_duration_since(since)))
    }

    fn order_waiting(&self) -> MutexGuard<'_, Option<Box<Order>>> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter {
    /// What has come so far.
    pub fn flow(&self) -> Flow {
        let part =
            |it: &[AtomicU64; 2]| Part { frames: it[0].load(Relaxed), bytes: it[1].load(Relaxed) };
        Flow {
            frames: self.frames.load(Relaxed),
            messages: self.messages.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            binary: part(&self.binary),
            control: part(&self.control),
        }
    }

    /// How long the side took to answer the gateway's last ping.
    pub fn round_trip(&self) -> Option<Duration> {
        Some(self.round_trip.load(Relaxed)).filter(|it| *it > 0).map(Duration::from_micros)
    }

    /// For the tunnel: a ping was answered.
    pub fn answered(&self, after: Duration) {
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        self.round_trip.store(micros.max(1), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;
    use crate::observe::sockets::Sockets;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn a_tunnel_is_woken_every_time_that_it_is_called() {
        let lane = Arc::new(Sockets::default()).lane("localhost", "/", "app");
        let live = Live::new(1, &Line::default(), lane);
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        live.register(&waker);
        assert!(!live.called(&waker));
        for calls in 1..4 {
            live.wake();
            assert_eq!(count.0.load(Relaxed), calls);
            assert!(live.called(&waker) && !live.called(&waker));
        }
    }
}

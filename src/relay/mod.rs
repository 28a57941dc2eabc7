//! The tunnel behind the 101: two flows of frames, one in each direction, in one future. It sees
//! frame headers and control frames, and knows nothing of how the tunnel came to be.
//!
//! `flow` moves the bytes, `pulse` knows when silence is death, `closing` how both sides are told
//! of an end. This file puts them together and keeps the one timer.

mod closing;
mod flow;
mod pulse;
mod scratch;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use self::closing::Settled;
use self::flow::{Broken, Flow, Nonce};
use self::pulse::{Pulse, Verdict};
use crate::config::model::{Drain, Heartbeat, RouteLimits};
use crate::drain::{Phase, Watch};
use crate::life::{By, Cause, End, Stage, Timer};
use crate::observe::metrics::{self, Metrics};
use crate::observe::record::Record;
use crate::stream::{Side, Stream};
use crate::ws::close;
use crate::ws::scan::{Scanner, Sender};

/// What one tunnel is made of.
pub struct Tunnel {
    /// The client's side.
    pub client: Side,
    /// The backend's side.
    pub backend: Side,
    /// The rules it is under.
    pub rules: Rules,
}

/// The rules of one tunnel.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Which silence is death.
    pub heartbeat: Heartbeat,
    /// Sizes.
    pub limits: RouteLimits,
    /// Whether permessage-deflate was agreed on.
    pub compressed: bool,
    /// How it is let go.
    pub drain: Drain,
    /// For an answer to a Close frame, and for the rest after a half-close.
    pub close: Duration,
}

/// Runs a tunnel to its end and writes into `record` how it ended and what flowed.
pub async fn run(tunnel: Tunnel, mut drain: Watch, record: &mut Record) {
    let mut running = Running::new(tunnel);
    let mut awaited = Phase::Draining;
    let end = loop {
        tokio::select! {
            biased;
            end = poll_fn(|cx| running.poll(cx)) => break end,
            () = drain.reached(awaited) => {}
        }
        if awaited == Phase::Cutting {
            break running.ended_or(By::Gateway, Cause::Stopped);
        }
        running.drain_soon();
        awaited = Phase::Cutting;
    };
    let (up, down) = (running.up.seen, running.down.seen);
    record.line.up = up;
    record.line.down = down;
    record.end(end);
    if let Some(words) = running.detail.take() {
        record.detail(words);
    }
    count(&record.books().metrics, up, down, running.pings);
}

fn count(
    metrics: &Metrics,
    up: crate::observe::line::Flow,
    down: crate::observe::line::Flow,
    pings: u64,
) {
    let add = |to: &metrics::Flow, flow: crate::observe::line::Flow| {
        to.frames.add(flow.frames);
        to.messages.add(flow.messages);
        to.bytes.add(flow.bytes);
    };
    add(&metrics.from_clients, up);
    add(&metrics.from_backends, down);
    metrics.pings.add(pings);
}

/// A tunnel under way.
struct Running {
    client: Stream,
    backend: Stream,
    /// From the client to the backend.
    up: Flow,
    /// From the backend to the client.
    down: Flow,
    rules: Rules,
    client_pulse: Pulse,
    backend_pulse: Pulse,
    nonce: Nonce,
    born: Instant,
    /// The first word about the end; from then on everything is closing.
    end: Option<End>,
    detail: Option<String>,
    /// When what is left is cut.
    cut_at: Option<Instant>,
    /// When the drain reaches this tunnel.
    drain_at: Option<Instant>,
    pings: u64,
    /// The one timer, re-armed when it fires.
    alarm: Pin<Box<Sleep>>,
}

impl Running {
    fn new(tunnel: Tunnel) -> Self {
        let Tunnel { client, backend, rules } = tunnel;
        let now = Instant::now();
        let limit = rules.limits.message_size;
        let scanner = |sender| Scanner::new(sender, limit, rules.compressed);
        let beat = &rules.heartbeat;
        let mut running = Self {
            up: Flow::new(scanner(Sender::Client), &client.read_buf, now),
            down: Flow::new(scanner(Sender::Server), &backend.read_buf, now),
            client: client.stream,
            backend: backend.stream,
            client_pulse: Pulse::new(beat.client_ping, beat.client_timeout),
            backend_pulse: Pulse::new(beat.backend_ping, beat.backend_timeout),
            nonce: rand::random(),
            born: now,
            end: None,
            detail: None,
            cut_at: None,
            drain_at: None,
            pings: 0,
            alarm: Box::pin(sleep_until(now)),
            rules,
        };
        let first = running.next_look(now);
        running.alarm.as_mut().reset(first);
        running
    }

    /// Lets everything move as far as it goes.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let now = Instant::now();
        loop {
            let (up, down) = scratch::lend(|scratch| {
                let (client, backend) = (&mut self.client, &mut self.backend);
                let up = self.up.poll(cx, client, backend, scratch, now, self.nonce);
                let down = self.down.poll(cx, backend, client, scratch, now, self.nonce);
                (up, down)
            });
            if let Err(broken) = up {
                self.broke(By::Client, broken, now);
            }
            if let Err(broken) = down {
                self.broke(By::Backend, broken, now);
            }
            match self.settle(now) {
                Settled::Done => return Poll::Ready(self.ended_or(By::Client, Cause::Fin)),
                Settled::Changed => {}
                Settled::Waiting => return self.poll_alarm(cx, now),
            }
        }
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<End> {
        // A close begun just now ends sooner than what the alarm was armed for.
        if self.cut_at.is_some_and(|at| at < self.alarm.deadline()) {
            self.rearm(now);
        }
        while self.alarm.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if let Some(end) = self.look(now) {
                return Poll::Ready(end);
            }
            self.rearm(now);
            // What a look has put in is written at the next poll.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn rearm(&mut self, now: Instant) {
        let next = self.next_look(now);
        self.alarm.as_mut().reset(next);
    }

    /// Everything that time alone brings about.
    fn look(&mut self, now: Instant) -> Option<End> {
        if let Some(cut_at) = self.cut_at {
            let over = now >= cut_at;
            return over.then(|| self.ended_or(By::Gateway, Cause::Timer(Timer::Close)));
        }
        self.look_at_pulses(now);
        if self.cut_at.is_none() {
            self.look_at_limits(now);
        }
        None
    }

    fn look_at_pulses(&mut self, now: Instant) {
        // While a side is not being read for the other's sake, its silence is ours.
        self.up.excuse(now);
        self.down.excuse(now);
        self.down.answered(self.up.heard);
        self.up.answered(self.down.heard);
        match self.client_pulse.look(now, &self.up.heard, self.down.pinged()) {
            Verdict::Alive => {}
            Verdict::Ping => self.ping(By::Client),
            Verdict::Dead => return self.silent(By::Client, now),
        }
        match self.backend_pulse.look(now, &self.down.heard, self.up.pinged()) {
            Verdict::Alive => {}
            Verdict::Ping => self.ping(By::Backend),
            Verdict::Dead => self.silent(By::Backend, now),
        }
    }

    fn look_at_limits(&mut self, now: Instant) {
        let limits = &self.rules.limits;
        let stalled = |flow: &Flow| flow.stalled.zip(limits.stalled_writer).map(|(a, b)| a + b);
        let (client, backend) = (stalled(&self.down), stalled(&self.up));
        let past = |at: Option<Instant>| at.is_some_and(|at| now >= at);
        if past(client) {
            return self.stalled(By::Client, now);
        }
        if past(backend) {
            return self.stalled(By::Backend, now);
        }
        if past(self.idle_until()) {
            return self.idle(now);
        }
        let max_age = self.rules.heartbeat.max_age.map(|age| self.born + age);
        if past(max_age) {
            return self.let_go(Cause::Timer(Timer::MaxAge), now);
        }
        if past(self.drain_at) {
            self.let_go(Cause::Drained, now);
        }
    }

    /// When time alone next brings something about. Never earlier than a tick from now, so that
    /// no mistake here can spin.
    fn next_look(&self, now: Instant) -> Instant {
        if let Some(cut_at) = self.cut_at {
            return cut_at.max(now);
        }
        let stall = self.rules.limits.stalled_writer;
        let wanted = [
            self.client_pulse.due(&self.up.heard, self.down.pinged()),
            self.backend_pulse.due(&self.down.heard, self.up.pinged()),
            self.idle_until(),
            self.rules.heartbeat.max_age.map(|age| self.born + age),
            self.drain_at,
            self.down.stalled.zip(stall).map(|(since, limit)| since + limit),
            self.up.stalled.zip(stall).map(|(since, limit)| since + limit),
            // A writer that stalls after this look is found by the next one.
            stall.map(|limit| now + limit),
        ];
        let wanted = wanted.into_iter().flatten().min();
        wanted.unwrap_or(now + LOOK_LONGEST).clamp(now + TICK, now + LOOK_LONGEST)
    }

    fn idle_until(&self) -> Option<Instant> {
        let limit = self.rules.heartbeat.idle_timeout?;
        Some(self.up.data.max(self.down.data) + limit)
    }

    fn drain_soon(&mut self) {
        let share: f64 = rand::random();
        self.drain_at = Some(Instant::now() + self.rules.drain.spread.mul_f64(share));
        self.rearm(Instant::now());
    }

    fn broke(&mut self, from: By, broken: Broken, now: Instant) {
        match broken {
            Broken::Rule(rule) => self.violated(from, rule, now),
            Broken::TooBig => self.too_big(from, now),
            Broken::Reading(error) => self.lost(from, &error, now),
            Broken::Writing if from == By::Client => self.deaf(By::Backend, now),
            Broken::Writing => self.deaf(By::Client, now),
        }
    }

    fn ended_or(&self, by: By, cause: Cause) -> End {
        self.end.unwrap_or(End::new(by, Stage::Relay, cause))
    }
}

/// Coarseness of the timer: heartbeats are a matter of seconds.
const TICK: Duration = Duration::from_millis(10);

/// A look every hour at the latest, when nothing else asks for one.
const LOOK_LONGEST: Duration = Duration::from_secs(3600);

/// What the client is told when the backend's stream ends without a Close frame.
const BACKEND_LOST: (u16, &str) = (close::INTERNAL_ERROR, "backend closed without a close frame");

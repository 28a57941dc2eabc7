//! The tunnel behind the 101: two flows of frames, one in each direction, in one future. It sees
//! frame headers and control frames, and knows nothing of how the tunnel came to be.
//!
//! `flow` moves the bytes, `pulse` knows when silence is death, `tempo` what is too fast,
//! `application` the heartbeats that are messages, `alarm` keeps the one timer, and `closing` knows how both sides are told of an end,
//! `orders` hears of those from outside.
//! `diagnosis` has words for the traps of well-known backends. This file puts them together.

mod alarm;
mod application;
mod closing;
mod diagnosis;
mod flow;
mod orders;
mod pulse;
mod scratch;
mod tempo;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

use self::application::Beats;
use self::closing::Settled;
use self::diagnosis::Trap;
use self::flow::{Broken, Flow, Input, Nonce, Seer};
use self::pulse::Pulse;
use self::tempo::Tempo;
use crate::config::model::{Gateway, Route};
use crate::drain::{Phase, Watch};
use crate::life::{By, Cause, End, Stage};
use crate::observe::books::Books;
use crate::observe::live::{Live, Order};
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
    /// Where others see it, and order it to close.
    pub live: Arc<Live>,
    /// When it is let go with all others.
    pub drain: Watch,
}

/// The rules of one tunnel.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Which silence is death, and sizes.
    pub route: Arc<Route>,
    /// How it is let go, and how long it has for that.
    pub gateway: Arc<Gateway>,
    /// Whether permessage-deflate was agreed on.
    pub compressed: bool,
    /// The version of Engine.IO that the handshake named; 3 when it named none.
    pub engine_io: u8,
}

impl Running {
    /// Runs a tunnel to its end and writes into `record` how it ended and what flowed. Whoever moves
    /// the drain on wakes it ([`crate::observe::sockets::Sockets::wake`]).
    pub async fn run(&mut self, record: &mut Record) {
        let end = poll_fn(|cx| self.poll(cx)).await;
        let (up, down) = (self.up.seen, self.down.seen);
        record.line.up = up;
        record.line.down = down;
        record.end(end);
        if let Some(trap) = self.trap() {
            diagnosis::name(trap, record);
        }
        if let Some(words) = self.detail.take() {
            record.detail(words);
        }
        if let Some(code) = self.told.filter(|_| !has_another_code(end)) {
            record.books().metrics.closed(By::Gateway, code);
        }
    }
}

/// A tunnel under way: what a sleeping socket is made of, beside its streams.
pub struct Running {
    client: Stream,
    backend: Stream,
    /// From the client to the backend.
    up: Flow,
    /// From the backend to the client.
    down: Flow,
    rules: Rules,
    nonce: Nonce,
    born: Instant,
    /// The first word about the end; from then on everything is closing.
    end: Option<End>,
    detail: Option<Box<str>>,
    /// The backend spoke HTTP where frames were due.
    http_behind_switch: bool,
    /// When what is left is cut.
    cut_at: Option<Instant>,
    /// When a backend's last answers to an expelled client have had their time.
    hurry_at: Option<Instant>,
    /// What others were last told of what waits here.
    held: (usize, Option<Instant>),
    /// How and when it is told to go, by the drain or by an order.
    order: Option<Box<Order>>,
    /// What others see of it.
    live: Arc<Live>,
    /// Where what is rare is counted at once.
    books: Arc<Books>,
    /// The close code that the client was told by the gateway.
    told: Option<u16>,
    /// An order, or the drain, knows whom to wake.
    registered: bool,
    drain: Watch,
    /// It has heard of the drain.
    draining: bool,
    /// The one timer, re-armed when it fires.
    alarm: Pin<Box<Sleep>>,
    /// The timer knows whom to wake.
    alarm_set: bool,
}

impl Running {
    /// Nothing moves before [`Running::run`].
    pub fn new(tunnel: Tunnel, books: Arc<Books>) -> Self {
        let Tunnel { client, backend, rules, live, drain } = tunnel;
        let now = Instant::now();
        let limit = rules.route.limits.message_size;
        let beat = &rules.route.heartbeat;
        let flow = |sender, early| {
            let beats = Beats::new(beat, rules.engine_io, sender);
            Flow::new(Scanner::new(sender, limit, rules.compressed), beats, early, now)
        };
        let mut running = Self {
            up: flow(Sender::Client, &client.read_buf),
            down: flow(Sender::Server, &backend.read_buf),
            client: client.stream,
            backend: backend.stream,
            nonce: rand::random(),
            born: now,
            end: None,
            detail: None,
            http_behind_switch: false,
            cut_at: None,
            hurry_at: None,
            held: (0, None),
            order: None,
            live,
            books,
            told: None,
            registered: false,
            drain,
            draining: false,
            alarm: Box::pin(sleep_until(now)),
            alarm_set: false,
            rules,
        };
        running.up.tempo = Tempo::of(&running.rules.route.limits, now);
        let first = running.next_look(now);
        running.alarm.as_mut().reset(first);
        running
    }

    /// Lets everything move as far as it goes.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let now = Instant::now();
        self.listen(cx, now);
        let mut polled = self.move_on(cx, now);
        if polled.is_pending() && self.drain.phase() == Phase::Cutting {
            polled = Poll::Ready(self.ended_or(By::Gateway, Cause::Stopped));
        }
        self.live.publish(&self.live.up, &self.up.seen, self.up.heard);
        self.live.publish(&self.live.down, &self.down.seen, self.down.heard);
        let held = self.held();
        if held != self.held {
            self.held = held;
            self.live.hold(held.0, held.1);
        }
        polled
    }

    /// How much waits for a side, and since when one of them has taken nothing.
    fn held(&self) -> (usize, Option<Instant>) {
        let since = match (self.up.stalled, self.down.stalled) {
            (Some(up), Some(down)) => Some(up.min(down)),
            (up, down) => up.or(down),
        };
        (self.up.waiting() + self.down.waiting(), since)
    }

    fn move_on(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<End> {
        loop {
            let (up, down) = scratch::lend(|scratch| {
                let (client, backend) = (&mut self.client, &mut self.backend);
                let (nonce, live) = (self.nonce, &self.live);
                let seer = Seer { now, nonce, sizes: &live.up.sizes, parting: false };
                let up = self.up.poll(cx, client, backend, scratch, &seer);
                Beats::exchange(&mut self.up.beats, &mut self.down.beats);
                // As `settle` has it: after the closing handshake the end of the stream is ours.
                let parting = !matches!(self.up.input, Input::Relay | Input::Watch);
                let seer = Seer { sizes: &live.down.sizes, parting, ..seer };
                let down = self.down.poll(cx, backend, client, scratch, &seer);
                (up, down)
            });
            let mut news = false;
            for (from, moved) in [(By::Client, up), (By::Backend, down)] {
                if let Err(broken) = moved {
                    self.broke(from, broken, now);
                    news = true;
                }
            }
            if self.up.ponged || self.down.ponged {
                self.answered(now);
            }
            let paused = self.up.paused.is_some();
            let settled = self.settle(now);
            // A client that was too fast is heard to its end: nobody else wakes us for it either.
            news |= paused && self.up.paused.is_none();
            match settled {
                Settled::Done => return Poll::Ready(self.ended_or(By::Client, Cause::Fin)),
                // What was just put on its way has to be written: nobody else wakes us for it.
                Settled::Waiting if !news => return self.poll_alarm(cx, now),
                Settled::Changed | Settled::Waiting => {}
            }
        }
    }

    fn broke(&mut self, from: By, broken: Broken, now: Instant) {
        match broken {
            Broken::Rule(rule) => self.violated(from, rule, now),
            Broken::Http(rule) => {
                self.http_behind_switch = from == By::Backend;
                self.violated(from, rule, now);
            }
            Broken::TooBig => self.too_big(from, now),
            Broken::TooFast(refusal) => self.too_fast(refusal, now),
            Broken::Reading(error) => self.lost(from, &error, now),
            Broken::Writing if from == By::Client => self.deaf(By::Backend, now),
            Broken::Writing => self.deaf(By::Client, now),
        }
    }

    fn client_pulse(&self) -> Pulse {
        let beat = &self.rules.route.heartbeat;
        Pulse::new(beat.client_ping, beat.client_timeout)
    }

    fn backend_pulse(&self) -> Pulse {
        let beat = &self.rules.route.heartbeat;
        Pulse::new(beat.backend_ping, beat.backend_timeout)
    }

    fn trap(&self) -> Option<Trap> {
        let engine_io = self.rules.engine_io;
        let http = self.http_behind_switch.then_some(Trap::HttpBehindSwitch { engine_io });
        http.or(self.up.beats.unended.then_some(Trap::NoSeparator))
    }

    fn ended_or(&self, by: By, cause: Cause) -> End {
        self.end.unwrap_or(End::new(by, Stage::Relay, cause))
    }
}

/// Whether the gateway's code was not what ended it: a peer said its own, or the client left without any.
fn has_another_code(end: End) -> bool {
    match end.cause {
        Cause::Close(_) => true,
        Cause::Fin | Cause::Reset => end.by == By::Client,
        _ => false,
    }
}

/// What a client is told whose own stream ended without a Close frame, and then the backend's.
const CLIENT_LEFT: (u16, &str) = (close::NORMAL, "client closed without a close frame");

/// What the client is told when the backend's stream ends without a Close frame.
const BACKEND_LOST: (u16, &str) = (close::INTERNAL_ERROR, "backend closed without a close frame");

#[cfg(test)]
mod tests {
    use super::*;

    /// Every socket that sleeps has one; what is rare belongs into a box of its own.
    #[test]
    fn a_tunnel_stays_small() {
        let size = size_of::<Running>();
        assert!(size <= 1024, "{size} bytes");
    }
}

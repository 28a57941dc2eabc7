//! How a tunnel ends: who is told what, in which order, and when nothing is left to wait for.
//!
//! Both sides get a Close frame wherever one can still be put in, the code and reason of a peer's
//! own Close pass unchanged, and a stream that just ends is passed on as an end of stream. From
//! the first word about the end everything has `gateway.timeouts.close` left.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::flow::{Input, Output};
use super::{BACKEND_LOST, CLIENT_LEFT, Running};
use crate::config::model::Rate;
use crate::life::{By, Cause, End, Refusal, Rule, Stage, Timer};
use crate::observe::live::Farewell;
use crate::ws::{close, control};

/// For a backend to finish its answers to a client that has broken the protocol, or to take the last of
/// one whose connection broke.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What settling has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// Nothing is left to do or to wait for.
    Done,
    /// Something was put on its way.
    Changed,
    /// Everything waits for a side.
    Waiting,
}

impl Running {
    /// Draws the consequences of what the flows have seen.
    pub(super) fn settle(&mut self, now: Instant) -> Settled {
        let before = (self.up.output, self.down.output);
        if let Some(code) = self.up.closed {
            self.ending(By::Client, Cause::Close(code), now);
        }
        if let Some(code) = self.down.closed {
            self.ending(By::Backend, Cause::Close(code), now);
        }
        if self.up.input == Input::Ended {
            self.ending(By::Client, Cause::Fin, now);
            self.up.finish();
        }
        if self.down.input == Input::Ended {
            self.ending(By::Backend, Cause::Fin, now);
            self.say_goodbye_for_the_backend();
            self.down.finish();
        }
        // We are the client's server: after the closing handshake the end of the stream is ours
        // to send (RFC 6455 section 7.1.1), and the backend's to send to us.
        if self.down.is_closed() && self.up.input != Input::Relay && self.up.input != Input::Watch {
            self.down.finish();
        }
        if self.up.is_closed() && self.down.input == Input::Discard && self.down.closed.is_none() {
            self.up.finish();
        }
        let over = |input, output| input == Input::Ended && output == Output::Shut;
        if over(self.up.input, self.down.output) && over(self.down.input, self.up.output) {
            Settled::Done
        } else if before == (self.up.output, self.down.output) {
            Settled::Waiting
        } else {
            Settled::Changed
        }
    }

    /// The backend's stream ended without a Close frame: the client gets one from us. A client
    /// that has closed already is answered with its own code. One whose own stream ended first may
    /// still read: that the backend follows it is no fault of the backend's.
    fn say_goodbye_for_the_backend(&mut self) {
        let left = |end: End| end.by == By::Client && end.cause == Cause::Fin;
        let (code, reason) = match self.up.closed {
            None if self.end.is_some_and(left) => CLIENT_LEFT,
            None => BACKEND_LOST,
            Some(code) if close::may_be_sent(code) => (code, ""),
            Some(_) => (close::NORMAL, ""),
        };
        self.tell(By::Client, code, reason);
    }

    /// Notes the end; the first word counts. What is left has a bounded time from here.
    fn ending(&mut self, by: By, cause: Cause, now: Instant) {
        self.end.get_or_insert(End::new(by, Stage::Relay, cause));
        self.cut_at.get_or_insert(now + self.rules.gateway.timeouts.close);
        self.up.hasten();
    }

    /// `from` broke a rule of the protocol.
    pub(super) fn violated(&mut self, from: By, rule: Rule, now: Instant) {
        let code = match rule {
            Rule::CloseReason => close::INVALID_PAYLOAD,
            _ => close::PROTOCOL_ERROR,
        };
        let reason = format!("protocol violation: {}", rule.name());
        self.expel(from, Cause::Protocol(rule), (code, &reason), now);
    }

    /// `from` sent a message longer than the limit.
    pub(super) fn too_big(&mut self, from: By, now: Instant) {
        let limit = self.rules.route.limits.message_size.unwrap_or(u64::MAX);
        let reason = format!("message longer than {limit} bytes");
        self.expel(from, Cause::MessageTooBig, (close::TOO_BIG, &reason), now);
    }

    /// The client sends faster than the route allows.
    pub(super) fn too_fast(&mut self, refusal: Refusal, now: Instant) {
        let limits = &self.rules.route.limits;
        let reason = match refusal {
            Refusal::MessageRate => too_many(limits.messages, "messages"),
            _ => too_many(limits.bytes, "bytes"),
        };
        self.expel(By::Client, Cause::Refusal(refusal), (close::POLICY, &reason), now);
    }

    /// Closes both sides because of what `from` did.
    fn expel(&mut self, from: By, cause: Cause, (code, reason): (u16, &str), now: Instant) {
        self.ending(from, cause, now);
        let (other, told, words) = match from {
            By::Client if cause == Cause::MessageTooBig => {
                (By::Backend, close::GOING_AWAY, "client sent a message that is too big")
            }
            By::Client if matches!(cause, Cause::Refusal(_)) => {
                (By::Backend, close::GOING_AWAY, "client sent too much")
            }
            By::Client => (By::Backend, close::GOING_AWAY, "client broke the protocol"),
            _ if cause == Cause::MessageTooBig => {
                (By::Client, close::GOING_AWAY, "backend sent a message that is too big")
            }
            _ => (By::Client, close::INTERNAL_ERROR, "backend broke the protocol"),
        };
        self.tell(other, told, words);
        if from == By::Client {
            // What the backend has answered to the good frames before is the client's, and comes
            // before the verdict.
            let mut frame = Vec::new();
            self.told.get_or_insert(code);
            control::close(code, reason, None, &mut frame);
            self.down.close_after(frame);
            self.hurry_at = Some(now + LAST_WORDS.min(self.rules.gateway.timeouts.close / 2));
        } else {
            self.tell(from, code, reason);
        }
        self.source_mut(from).ignore(Input::Discard);
    }

    /// The stream of `side` broke while it was read.
    pub(super) fn lost(&mut self, side: By, error: &io::Error, now: Instant) {
        self.detail.get_or_insert_with(|| error.to_string().into());
        self.ending(side, Cause::Reset, now);
        self.source_mut(side).ignore(Input::Ended);
        self.deaf(side, now);
        if side == By::Client {
            // Nobody is left to hear the backend; it has a moment to take what was sent before.
            let soon = now + LAST_WORDS.min(self.rules.gateway.timeouts.close);
            self.cut_at = Some(self.cut_at.map_or(soon, |at| at.min(soon)));
        }
    }

    /// The stream of `side` takes nothing any more. What it has sent before may still be read:
    /// its last frames say why.
    pub(super) fn deaf(&mut self, side: By, now: Instant) {
        self.cut_at.get_or_insert(now + self.rules.gateway.timeouts.close);
        let sink = self.sink_mut(side);
        sink.abandon();
        sink.ignore(Input::Discard);
    }

    /// `side` has been silent for its timeout.
    pub(super) fn silent(&mut self, side: By, now: Instant) {
        let beat = &self.rules.route.heartbeat;
        let (timer, limit) = match side {
            By::Client => (Timer::ClientSilent, beat.client_timeout),
            _ => (Timer::BackendSilent, beat.backend_timeout),
        };
        let reason = format!("{} silent for {}", side.name(), words(limit));
        self.end_all(side, Cause::Timer(timer), beat.close_code, &reason, now);
    }

    /// Neither side has sent data for the idle timeout.
    pub(super) fn idle(&mut self, now: Instant) {
        let beat = &self.rules.route.heartbeat;
        let reason = format!("no message for {}", words(beat.idle_timeout));
        self.end_all(By::Gateway, Cause::Timer(Timer::Idle), beat.close_code, &reason, now);
    }

    /// Old enough: the client is told what the drain is configured to say.
    pub(super) fn grown_old(&mut self, now: Instant) {
        let (cause, reason) =
            (Cause::Timer(Timer::MaxAge), self.rules.gateway.drain.close_reason.clone());
        self.end_all(By::Gateway, cause, self.rules.gateway.drain.close_code, &reason, now);
    }

    /// Drained, or ordered to close.
    pub(super) fn let_go(&mut self, farewell: &Farewell, now: Instant) {
        let Farewell { cause, code, reason } = farewell;
        self.end_all(By::Gateway, *cause, *code, reason, now);
    }

    /// `side` has taken no byte for `limits.stalled_writer`: no Close can reach it any more.
    pub(super) fn stalled(&mut self, side: By, now: Instant) {
        let limit = words(self.rules.route.limits.stalled_writer);
        let reason = format!("{} took no byte for {limit}", side.name());
        self.give_up(side, (side, Cause::Timer(Timer::StalledWriter)), &reason, now);
    }

    /// Memory is short, and a side lets much of it wait: that side is given up.
    pub(super) fn sacrifice(&mut self, farewell: &Farewell, now: Instant) {
        if self.cut_at.is_none() {
            let backend = self.up.waiting() > self.down.waiting();
            let side = if backend { By::Backend } else { By::Client };
            self.give_up(side, (By::Gateway, farewell.cause), &farewell.reason, now);
        }
    }

    /// No Close can reach `side` any more, and what waits for it is dropped; the other side is told.
    fn give_up(&mut self, side: By, (by, cause): (By, Cause), reason: &str, now: Instant) {
        self.ending(by, cause, now);
        self.deaf(side, now);
        self.source_mut(side).ignore(Input::Discard);
        let (other, code) = match side {
            By::Client => (By::Backend, close::GOING_AWAY),
            _ => (By::Client, close::INTERNAL_ERROR),
        };
        self.tell(other, code, reason);
        self.source_mut(side).ignore(Input::Ended);
    }

    /// Tells both sides; the backend always 1001.
    fn end_all(&mut self, by: By, cause: Cause, code: u16, reason: &str, now: Instant) {
        self.ending(by, cause, now);
        self.tell(By::Client, code, reason);
        self.tell(By::Backend, close::GOING_AWAY, reason);
    }

    /// Sends a Close frame to `side` at the next border toward it.
    fn tell(&mut self, side: By, code: u16, reason: &str) {
        if side == By::Client {
            self.told.get_or_insert(code);
        }
        let mut frame = Vec::new();
        control::close(code, reason, mask(side), &mut frame);
        self.sink_mut(side).close(&frame);
    }

    /// Sends the gateway's own Ping to `side`.
    pub(super) fn ping(&mut self, side: By) {
        let mut frame = Vec::new();
        control::ping(&self.nonce, mask(side), &mut frame);
        self.sink_mut(side).ping(&frame);
        self.books.metrics.pings.add(1);
    }

    /// The flow that `side` sends into.
    fn source_mut(&mut self, side: By) -> &mut super::Flow {
        if side == By::Client { &mut self.up } else { &mut self.down }
    }

    /// The flow that ends at `side`.
    fn sink_mut(&mut self, side: By) -> &mut super::Flow {
        if side == By::Client { &mut self.down } else { &mut self.up }
    }
}

/// Toward the backend we are the client, whose frames are masked with an unpredictable key
/// (RFC 6455 sections 5.3 and 10.3).
fn mask(side: By) -> control::Mask {
    (side == By::Backend).then(rand::random)
}

/// What was exceeded, as the client is told.
fn too_many(rate: Option<Rate>, what: &str) -> String {
    let Some(Rate { amount, per }) = rate else { return String::new() };
    let span = match per.as_secs() {
        1 => "second",
        60 => "minute",
        _ => "hour",
    };
    format!("more than {amount} {what} a {span}")
}

/// A duration as the configuration would write it.
fn words(limit: Option<Duration>) -> String {
    limit.map_or_else(String::new, |limit| format!("{limit:?}"))
}

//! The application's own heartbeats in one direction: which messages they are, and, where the
//! gateway answers, which are taken out and which are put in. Knows messages, not streams.

use std::sync::Arc;
use std::time::Duration;

use super::diagnosis;
use crate::config::model::{Application, Heartbeat};
use crate::ws::control::{self, FRAME_MAX};
use crate::ws::scan::Sender;
use crate::ws::short::{Lengths, Short};

/// The gateway's own pings toward a backend whose client is answered here: GatewayWorker's manual
/// has the server expect something within 55 s.
const PING_EVERY: Duration = Duration::from_secs(50);

/// Most messages of ours that wait for their place, and most answers to ours that are waited for:
/// whoever sends more pings without reading gets no answer to the rest. A TCP segment holds fewer pings
/// in JSON, so that a client gets all its answers whose network held a minute's worth back.
const WAITING_MAX: u8 = 64;

/// Bytes that everything waiting takes at most.
const SPOKEN_MAX: usize = WAITING_MAX as usize * FRAME_MAX;

/// What a short message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The application's data.
    Data,
    /// A heartbeat, to be passed on.
    Beat,
    /// A heartbeat between the gateway and the sender.
    Taken,
}

/// How heartbeats look in one direction.
#[derive(Clone, Debug)]
enum Dialect {
    /// No message is one.
    None,
    /// This one byte as text, or this probe.
    EngineIo(u8, &'static [u8]),
    SignalR,
    Words {
        ping: Arc<str>,
        pong: Arc<str>,
    },
}

impl Dialect {
    fn engine_io(version: u8, sender: Sender) -> Self {
        // From version 4 on it is the server that asks.
        let asks = (version >= 4) == (sender == Sender::Server);
        // Probes are the client's, before it changes from polling, in every version; the client of
        // Tencent's demo has no other ping.
        let probe: &[u8] = if sender == Sender::Client { b"2probe" } else { b"3probe" };
        Self::EngineIo(if asks { b'2' } else { b'3' }, probe)
    }
}

/// The heartbeats of one direction.
#[derive(Debug)]
pub(super) struct Beats {
    dialect: Dialect,
    sender: Sender,
    /// The gateway answers the client.
    answers: bool,
    /// Pings of the client that were taken out, and that the other direction does not know of.
    taken: u8,
    /// Pings to the backend that were put in, and that the other direction does not know of.
    asked: u8,
    /// Answers of the backend to such pings, still to come.
    expected: u8,
    /// Messages of ours that wait for the end of a message.
    waiting: u8,
    /// SignalR: the client's handshake is still to come.
    greets: bool,
    /// SignalR: it came without its end.
    pub(super) unended: bool,
}

impl Beats {
    /// What `sender` says under this rule; `engine_io` is the version that the handshake named.
    pub(super) fn new(rule: &Heartbeat, engine_io: u8, sender: Sender) -> Self {
        let dialect = match &rule.application {
            None => Dialect::None,
            Some(Application::EngineIo) => Dialect::engine_io(engine_io, sender),
            Some(Application::SignalR) => Dialect::SignalR,
            Some(Application::Words { ping, pong }) => {
                Dialect::Words { ping: Arc::clone(ping), pong: Arc::clone(pong) }
            }
        };
        Self {
            greets: matches!(dialect, Dialect::SignalR) && sender == Sender::Client,
            dialect,
            sender,
            answers: rule.answer,
            taken: 0,
            asked: 0,
            expected: 0,
            waiting: 0,
            unended: false,
        }
    }

    /// How long messages are that have to be looked at.
    pub(super) fn lengths(&self) -> Lengths {
        match &self.dialect {
            _ if self.greets => Lengths::ALL,
            Dialect::None => Lengths::NONE,
            Dialect::EngineIo(_, probe) => Lengths::NONE.with(1).with(probe.len()),
            Dialect::SignalR => Lengths::NONE.with(SIGNALR_TEXT.len()).with(SIGNALR_BINARY.len()),
            Dialect::Words { ping, pong } => Lengths::NONE.with(ping.len()).with(pong.len()),
        }
    }

    /// Whether a greeting is awaited; `first` is the first message that can be one.
    pub(super) fn greeted(&mut self, first: Option<&Short>) -> bool {
        self.unended |= self.greets && first.is_some_and(diagnosis::lacks_separator);
        std::mem::take(&mut self.greets)
    }

    /// What a message is, and notes what follows from it.
    pub(super) fn hear(&mut self, short: &Short) -> Heard {
        let said = short.payload();
        let is_beat = match &self.dialect {
            Dialect::None => false,
            Dialect::EngineIo(word, probe) => short.is_text && (said == [*word] || said == *probe),
            Dialect::SignalR if short.is_text => said == SIGNALR_TEXT,
            Dialect::SignalR => said == SIGNALR_BINARY,
            Dialect::Words { ping, .. } if short.is_text && said == ping.as_bytes() => {
                if self.answers && self.sender == Sender::Client {
                    self.taken = self.taken.saturating_add(1);
                    return Heard::Taken;
                }
                true
            }
            Dialect::Words { pong, .. } if short.is_text && said == pong.as_bytes() => {
                if self.expected > 0 {
                    self.expected -= 1;
                    return Heard::Taken;
                }
                true
            }
            Dialect::Words { .. } => false,
        };
        if is_beat { Heard::Beat } else { Heard::Data }
    }

    /// Lets one direction know what the other has taken out and put in.
    pub(super) fn exchange(up: &mut Self, down: &mut Self) {
        down.waiting = (down.waiting.saturating_add(up.taken)).min(WAITING_MAX);
        down.expected = (down.expected.saturating_add(up.asked)).min(WAITING_MAX);
        (up.taken, up.asked) = (0, 0);
    }

    /// How often the backend is asked in the client's place, when it hears nothing from it.
    pub(super) fn ping_every(rule: &Heartbeat) -> Option<Duration> {
        let set = rule.backend_ping.unwrap_or(PING_EVERY);
        rule.answer.then(|| set.min(PING_EVERY))
    }

    /// Asks the backend in the client's place.
    pub(super) fn ask(&mut self) {
        self.waiting = 1;
    }

    /// Whether something of ours waits for the end of a message.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Writes what waits to the front of `out`, which has room for it, and says how long it is.
    pub(super) fn speak(&mut self, out: &mut [u8]) -> usize {
        let mut len = 0;
        if self.sender == Sender::Client {
            self.asked = self.asked.saturating_add(self.waiting);
        }
        for _ in 0..std::mem::take(&mut self.waiting) {
            let (Dialect::Words { ping, pong }, Some(rest)) = (&self.dialect, out.get_mut(len..))
            else {
                break;
            };
            let (word, mask) = match self.sender {
                Sender::Client => (ping, Some(rand::random())),
                Sender::Server => (pong, None),
            };
            len += control::text(word, mask, rest);
        }
        len
    }

    /// As [`Beats::speak`], behind what `out` has already.
    pub(super) fn append(&mut self, out: &mut Vec<u8>) {
        let mut spoken = [0; SPOKEN_MAX];
        let len = self.speak(&mut spoken);
        out.extend_from_slice(&spoken[..len]);
    }
}

/// `{"type":6}` and the record separator.
const SIGNALR_TEXT: &[u8] = b"{\"type\":6}\x1e";

/// The same in MessagePack: two bytes follow, an array of one, 6.
const SIGNALR_BINARY: &[u8] = b"\x02\x91\x06";

#[cfg(test)]
#[path = "application_tests.rs"]
mod tests;

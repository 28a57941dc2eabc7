//! Named counters and gauges. They are handed in where they are needed; there is no registry.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::histogram::{Histogram, WAITS};
use super::line::{Kind, Line};
use crate::life::{By, Cause};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `by`.
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// The sum so far.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many of something there are now.
#[derive(Debug, Default)]
pub struct Gauge(Arc<AtomicU64>);

impl Gauge {
    /// Counts one more until the returned value is dropped.
    pub fn enter(&self) -> Present {
        self.0.fetch_add(1, Ordering::Relaxed);
        Present(Arc::clone(&self.0))
    }

    /// How many there are.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One of those that a [`Gauge`] counts.
#[derive(Debug)]
pub struct Present(Arc<AtomicU64>);

impl Drop for Present {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether memory is short, by `gateway.memory`. Looked at now and then while that is set.
#[derive(Debug, Default)]
pub struct Memory(AtomicBool);

impl Memory {
    /// Notes a look.
    pub fn note(&self, short: bool) {
        self.0.store(short, Ordering::Relaxed);
    }

    /// Whether it was short at the last look.
    pub fn is_short(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything that the gateway counts.
#[derive(Debug)]
pub struct Metrics {
    /// Client connections open.
    pub connections: Gauge,
    /// Plain requests under way.
    pub requests: Gauge,
    /// WebSockets open.
    pub sockets: Gauge,
    /// Connections accepted.
    pub accepted: Counter,
    /// Accepts that failed, e.g. for want of descriptors.
    pub accept_errors: Counter,
    /// Tasks of connections that a panic ended.
    pub panics: Counter,
    /// TLS handshakes that succeeded with a full exchange.
    pub tls_full: Counter,
    /// TLS handshakes that resumed a session.
    pub tls_resumed: Counter,
    /// Those of both that agreed on TLS 1.2.
    pub tls_12: Counter,
    /// Those of both that agreed on TLS 1.3.
    pub tls_13: Counter,
    /// Connections that agreed on HTTP/2.
    pub http2: Counter,
    /// WebSocket handshakes that succeeded.
    pub upgrades: Counter,
    /// The gateway's own pings to clients and backends.
    pub pings: Counter,
    /// How long clients took to answer them, in microseconds.
    pub client_round_trips: Histogram,
    /// How long backends took to answer them, in microseconds.
    pub backend_round_trips: Histogram,
    /// Access lines that were lost because their queue was full.
    pub lost_lines: Counter,
    /// Whether memory is short.
    pub memory: Memory,
    /// Ends, by kind, by who, and by cause.
    ends: Vec<Counter>,
    /// WebSocket handshakes that failed, by cause.
    failed_handshakes: Vec<Counter>,
    /// Close codes, by who said them.
    closes: Vec<Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let counters = |count| std::iter::repeat_with(Counter::default).take(count).collect();
        Self {
            connections: Gauge::default(),
            requests: Gauge::default(),
            sockets: Gauge::default(),
            accepted: Counter::default(),
            accept_errors: Counter::default(),
            panics: Counter::default(),
            tls_full: Counter::default(),
            tls_resumed: Counter::default(),
            tls_12: Counter::default(),
            tls_13: Counter::default(),
            http2: Counter::default(),
            upgrades: Counter::default(),
            pings: Counter::default(),
            client_round_trips: Histogram::new(WAITS),
            backend_round_trips: Histogram::new(WAITS),
            lost_lines: Counter::default(),
            memory: Memory::default(),
            ends: counters(Kind::ALL.len() * By::ALL.len() * Cause::COUNT),
            failed_handshakes: counters(Cause::COUNT),
            closes: counters(By::ALL.len() * CLOSES),
        }
    }
}

impl Metrics {
    /// Counts the end that `line` tells of; every close code falls to the same counter.
    pub fn ended(&self, line: &Line) {
        let (kind, by, cause) = (line.kind, line.end.by, line.end.cause);
        if let Some(counter) = self.ends.get(end_place(kind, by, cause)) {
            counter.add(1);
        }
        if line.handshake
            && kind == Kind::Request
            && let Some(counter) = self.failed_handshakes.get(cause.index())
        {
            counter.add(1);
        }
        if kind == Kind::Socket
            && let Cause::Close(code) = cause
        {
            self.closed(by, code);
        }
    }

    /// Counts a close code that ended a socket, and whose it was.
    pub fn closed(&self, by: By, code: u16) {
        if let Some(counter) = self.closes.get(by as usize * CLOSES + close_place(code)) {
            counter.add(1);
        }
    }

    /// How many ended for this cause.
    pub fn ends(&self, cause: Cause) -> u64 {
        let of =
            |kind: &Kind| By::ALL.iter().map(|by| self.ends_of(*kind, *by, cause)).sum::<u64>();
        Kind::ALL.iter().map(of).sum()
    }

    /// How many of a kind `by` ended for this cause.
    pub fn ends_of(&self, kind: Kind, by: By, cause: Cause) -> u64 {
        self.ends.get(end_place(kind, by, cause)).map_or(0, Counter::value)
    }

    /// Every kind of end that there was, with its number.
    pub fn all_ends(&self) -> Vec<(Kind, By, Cause, u64)> {
        let mut all = Vec::new();
        for kind in Kind::ALL {
            for by in By::ALL {
                let those = Cause::every().map(|it| (*kind, *by, it, self.ends_of(*kind, *by, it)));
                all.extend(those.filter(|it| it.3 > 0));
            }
        }
        all
    }

    /// WebSocket handshakes that failed, by every cause that there was.
    pub fn handshake_failures(&self) -> Vec<(Cause, u64)> {
        let count = |it: Cause| self.failed_handshakes.get(it.index()).map_or(0, Counter::value);
        Cause::every().map(|it| (it, count(it))).filter(|it| it.1 > 0).collect()
    }

    /// Close codes with their numbers, those that there were: 1000 to 1015 each for itself, what
    /// libraries and applications use in two classes.
    pub fn all_closes(&self) -> Vec<(By, &'static str, u64)> {
        let mut all = Vec::new();
        for by in By::ALL {
            for (place, code) in CLOSE_CODES.iter().enumerate() {
                let counter = self.closes.get(*by as usize * CLOSES + place);
                all.push((*by, *code, counter.map_or(0, Counter::value)));
            }
        }
        all.retain(|it| it.2 > 0);
        all
    }
}

/// The labels of close codes: a peer may say any code, and must not make a series for each.
const CLOSE_CODES: [&str; CLOSES] = [
    "1000", "1001", "1002", "1003", "1004", "1005", "1006", "1007", "1008", "1009", "1010", "1011",
    "1012", "1013", "1014", "1015", "3xxx", "4xxx", "other",
];

const CLOSES: usize = 19;

fn close_place(code: u16) -> usize {
    match code {
        1000..=1015 => usize::from(code - 1000),
        3000..=3999 => 16,
        4000..=4999 => 17,
        _ => 18,
    }
}

fn end_place(kind: Kind, by: By, cause: Cause) -> usize {
    (kind as usize * By::ALL.len() + by as usize) * Cause::COUNT + cause.index()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::life::{End, Refusal, Stage};

    #[test]
    fn ends_are_counted_by_kind_by_whom_and_why() {
        let metrics = Metrics::default();
        let line = |kind, by, cause, handshake| {
            let end = End::new(by, Stage::Relay, cause);
            metrics.ended(&Line { kind, end, handshake, ..Line::default() });
        };
        let origin = Cause::Refusal(Refusal::Origin);
        line(Kind::Request, By::Client, origin, true);
        line(Kind::Request, By::Client, origin, false);
        line(Kind::Socket, By::Backend, Cause::Close(4001), true);
        line(Kind::Socket, By::Backend, Cause::Close(4999), true);
        line(Kind::Socket, By::Client, Cause::Close(1000), true);
        metrics.closed(By::Gateway, 2999);
        assert_eq!(metrics.ends(origin), 2);
        assert_eq!(metrics.handshake_failures(), [(origin, 1)]);
        let closes = [(By::Client, "1000", 1), (By::Backend, "4xxx", 2), (By::Gateway, "other", 1)];
        assert_eq!(metrics.all_closes(), closes);
        assert_eq!(metrics.all_ends().iter().map(|it| it.3).sum::<u64>(), 5);
    }
}

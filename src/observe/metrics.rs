//! Named counters and gauges. They are handed in where they are needed; there is no registry.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::life::Cause;

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
    /// TLS handshakes that succeeded with a full exchange.
    pub tls_full: Counter,
    /// TLS handshakes that resumed a session.
    pub tls_resumed: Counter,
    /// WebSocket handshakes that succeeded.
    pub upgrades: Counter,
    /// The gateway's own pings to clients and backends.
    pub pings: Counter,
    /// Access lines that were lost because their queue was full.
    pub lost_lines: Counter,
    ends: Vec<Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            connections: Gauge::default(),
            requests: Gauge::default(),
            sockets: Gauge::default(),
            accepted: Counter::default(),
            accept_errors: Counter::default(),
            tls_full: Counter::default(),
            tls_resumed: Counter::default(),
            upgrades: Counter::default(),
            pings: Counter::default(),
            lost_lines: Counter::default(),
            ends: std::iter::repeat_with(Counter::default).take(Cause::COUNT).collect(),
        }
    }
}

impl Metrics {
    /// Counts one end; every close code falls to the same counter.
    pub fn ended(&self, cause: Cause) {
        if let Some(counter) = self.ends.get(cause.index()) {
            counter.add(1);
        }
    }

    /// How many ended for this cause.
    pub fn ends(&self, cause: Cause) -> u64 {
        self.ends.get(cause.index()).map_or(0, Counter::value)
    }
}

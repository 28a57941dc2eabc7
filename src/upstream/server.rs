//! One address of a pool: what is alive toward it, which connections are kept, how it stands.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::{Duration, Instant, SystemTime};

use super::balance::hash;
use super::health::{Health, Standing};
use super::keep::Kept;
use super::wire::Wire;
use crate::observe::histogram::{Histogram, WAITS};
use crate::observe::metrics::{Counter, Gauge, Present};
use crate::observe::report::{self, Failure};

/// Where a connection goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// An address that some name may have had.
    Tcp(SocketAddr),
    /// A unix socket's path.
    Unix(PathBuf),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// One server. A reload that keeps its address keeps the server, with everything known about it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) target: Target,
    /// It speaks TLS, under this name.
    pub(super) tls: Option<String>,
    /// The address as logs have it.
    pub(super) name: String,
    /// The same for every gateway: what rendezvous hashing tells servers apart by.
    pub(super) identity: u64,
    pub(super) kept: Kept,
    live: Gauge,
    health: Mutex<Health>,
    /// How long connections took that were made, in microseconds.
    connect: Histogram,
    /// Connections that could not be made.
    failures: Counter,
    last_failure: Mutex<Option<Failure>>,
}

/// Counts one socket or request toward a server for as long as it lives.
#[derive(Debug)]
pub struct Lease {
    server: Arc<Server>,
    /// The connection may serve another client afterwards.
    shared: bool,
    _present: Present,
}

impl Server {
    pub(super) fn new(target: Target, tls: Option<String>) -> Self {
        let name = target.to_string();
        Self {
            identity: hash(name.as_bytes()),
            target,
            tls,
            name,
            kept: Kept::default(),
            live: Gauge::default(),
            health: Mutex::default(),
            connect: Histogram::new(WAITS),
            failures: Counter::default(),
            last_failure: Mutex::default(),
        }
    }

    /// Sockets and requests alive toward it.
    pub(super) fn live(&self) -> u64 {
        self.live.value()
    }

    /// Counts one more; its connection is `shared` when others may use it later.
    pub(super) fn lease(self: &Arc<Self>, shared: bool) -> Lease {
        Lease { server: Arc::clone(self), shared, _present: self.live.enter() }
    }

    /// How it stands as far as connections tell.
    pub(super) fn standing(&self, now: Instant) -> Standing {
        self.health().standing(now)
    }

    /// It is going to be tried.
    pub(super) fn claim(&self, now: Instant) {
        self.health().claim(now);
    }

    /// A connection to it was made, which took so long.
    pub(super) fn connected(&self, pool: &str, took: Duration) {
        self.connect.observe_wait(took);
        if self.health().connected() {
            tracing::info!(
                backend = pool,
                server = self.name,
                "the server takes connections again"
            );
        }
    }

    /// A connection to it could not be made.
    pub(super) fn failed(&self, pool: &str, why: &dyn fmt::Display, now: Instant) {
        self.failures.add(1);
        self.note_failure(why.to_string());
        if self.health().failed(now) {
            tracing::warn!(backend = pool, server = self.name, %why, "the server takes no connection");
        }
    }

    /// A connection kept from an earlier exchange that is still good.
    pub(super) fn reuse(&self, cx: &mut Context<'_>) -> Option<Wire> {
        self.kept.take(Instant::now(), cx)
    }

    /// How it is; its place in the pool is the caller's to fill in.
    pub(super) fn report(&self) -> report::Server {
        report::Server {
            address: self.name.clone(),
            standing: self.standing(Instant::now()).name(),
            weight: 1,
            backup: false,
            live: self.live(),
            failed: self.failures.value(),
            connect: self.connect.spread(),
            last_failure: lock(&self.last_failure).clone(),
        }
    }

    /// Remembers what went wrong, for whoever looks.
    pub(super) fn note_failure(&self, words: String) {
        *lock(&self.last_failure) = Some(Failure { time: SystemTime::now(), words });
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        lock(&self.health)
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lease {
    /// The server's address, for logs.
    pub fn server(&self) -> &str {
        &self.server.name
    }

    /// Keeps a connection whose exchange has ended well.
    pub(super) fn keep(&self, wire: Wire) {
        if self.shared {
            self.server.kept.put(wire, Instant::now());
        }
    }
}

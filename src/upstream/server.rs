//! One address of a pool: what is alive toward it, which connections are kept, how it stands.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Instant;

use super::balance::hash;
use super::health::{Health, Standing};
use super::keep::Kept;
use super::wire::Wire;
use crate::config::model;
use crate::observe::metrics::{Gauge, Present};

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
}

/// A server's place in a pool.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) server: Arc<Server>,
    pub(super) weight: u32,
    pub(super) backup: bool,
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

    pub(super) fn standing(&self, now: Instant) -> Standing {
        self.health().standing(now)
    }

    /// It is going to be tried.
    pub(super) fn claim(&self, now: Instant) {
        self.health().claim(now);
    }

    /// A connection to it was made.
    pub(super) fn connected(&self, pool: &str) {
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
        if self.health().failed(now) {
            tracing::warn!(backend = pool, server = self.name, %why, "the server takes no connection");
        }
    }

    /// A check of it came to its end; `Err` says what was wrong.
    pub(super) fn checked(&self, pool: &str, found: &Result<(), String>, rule: &model::Health) {
        if !self.health().checked(found.is_ok(), rule) {
            return;
        }
        match found {
            Ok(()) => {
                tracing::info!(backend = pool, server = self.name, "the server is well again")
            }
            Err(why) => {
                tracing::warn!(backend = pool, server = self.name, why, "the server is not well");
            }
        }
    }

    /// A connection kept from an earlier exchange that is still good.
    pub(super) fn reuse(&self, cx: &mut Context<'_>) -> Option<Wire> {
        self.kept.take(Instant::now(), cx)
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

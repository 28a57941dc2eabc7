//! The pools of the configuration, and what is alive toward each.

use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

use super::connect::{DialError, dial};
use super::keep::Kept;
use super::wire::Wire;
use crate::config::model::{Backend, Config, ServerAddress};
use crate::observe::metrics::{Gauge, Present};
use crate::stream::Stream;

/// Every pool, in the order of [`Config::backends`].
#[derive(Debug)]
pub struct Pools(Vec<Arc<Pool>>);

/// One pool.
#[derive(Debug)]
pub struct Pool {
    name: String,
    server: ServerAddress,
    connect_timeout: Duration,
    live: Gauge,
    kept: Kept,
}

/// Counts one socket or request toward a pool for as long as it lives.
#[derive(Debug)]
pub struct Lease {
    _present: Present,
}

impl Pools {
    /// The pools of `config`. Those that `previous` had with the same name and settings are
    /// carried over with their connections and counts.
    pub fn build(config: &Config, previous: Option<&Self>) -> Self {
        let pool = |backend: &Backend| {
            let old = previous.and_then(|old| old.0.iter().find(|pool| pool.is(backend)));
            old.map_or_else(|| Arc::new(Pool::new(backend)), Arc::clone)
        };
        Self(config.backends.iter().map(pool).collect())
    }

    /// The pool at `place`; a [`Config`] names no other places.
    pub fn at(&self, place: usize) -> Option<&Arc<Pool>> {
        self.0.get(place)
    }

    /// Closes connections that have been kept too long unused.
    pub fn sweep(&self, now: Instant) {
        self.0.iter().for_each(|pool| pool.kept.sweep(now));
    }
}

impl Pool {
    fn new(backend: &Backend) -> Self {
        Self {
            name: backend.name.clone(),
            server: backend.server.value.clone(),
            connect_timeout: backend.connect_timeout,
            live: Gauge::default(),
            kept: Kept::default(),
        }
    }

    fn is(&self, backend: &Backend) -> bool {
        self.name == backend.name
            && self.server == backend.server.value
            && self.connect_timeout == backend.connect_timeout
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sockets and requests alive toward it.
    pub fn live(&self) -> u64 {
        self.live.value()
    }

    /// Counts one more.
    pub fn lease(&self) -> Lease {
        Lease { _present: self.live.enter() }
    }

    /// A new connection.
    ///
    /// # Errors
    /// [`DialError`]; nothing was sent.
    pub async fn dial(&self) -> Result<Stream, DialError> {
        dial(&self.server, self.connect_timeout).await
    }

    /// A connection kept from an earlier exchange that is still good, if there is one.
    pub fn reuse(&self, cx: &mut Context<'_>) -> Option<Wire> {
        self.kept.take(Instant::now(), cx)
    }

    /// Keeps a connection whose exchange has ended well.
    pub(super) fn keep(&self, wire: Wire) {
        self.kept.put(wire, Instant::now());
    }
}

//! Every pool of a configuration, and what a reload carries over.

use std::sync::Arc;
use std::time::Instant;

use super::pool::Pool;
use super::resolver::Resolver;
use crate::config::model::{Backend, Config};
use crate::tls::LoadError;

/// Every pool, in the order of [`Config::backends`].
#[derive(Clone, Debug)]
pub struct Pools(Vec<Arc<Pool>>);

impl Pools {
    /// The pools of `config`. One that `previous` has just so stays, for older connections and new ones;
    /// of one that has changed the servers are carried over: their live sockets still count, and so
    /// does what is known of their health.
    ///
    /// # Errors
    /// [`LoadError`] when a file for TLS toward a backend cannot be used.
    pub fn build(config: &Config, previous: Option<&Self>) -> Result<Self, LoadError> {
        Self::with(config, previous, &Resolver::default())
    }

    pub(super) fn with(
        config: &Config,
        previous: Option<&Self>,
        resolver: &Resolver,
    ) -> Result<Self, LoadError> {
        let pool = |backend: &Backend| {
            let old = previous.and_then(|old| old.0.iter().find(|it| it.name() == backend.name));
            Pool::of(backend, old, resolver)
        };
        config.backends.iter().map(pool).collect::<Result<_, _>>().map(Self)
    }

    /// The pool at `place`; a [`Config`] names no other places.
    pub fn at(&self, place: usize) -> Option<&Arc<Pool>> {
        self.0.get(place)
    }

    /// All of them.
    pub fn all(&self) -> &[Arc<Pool>] {
        &self.0
    }

    /// Closes connections that have been kept too long unused.
    pub fn sweep(&self, now: Instant) {
        for pool in &self.0 {
            pool.charge.roster.members().iter().for_each(|it| it.server.kept.sweep(now));
        }
    }
}

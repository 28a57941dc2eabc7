//! What the names of one pool stand for: looked up side by side, and remembered while they cannot be. Knows
//! nothing of servers.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::iter;

use super::resolver::{Found, Resolver};
use crate::config::model::{Backend, ServerAddress};
use crate::life::{Timer, within};

/// The names of one pool.
#[derive(Debug)]
pub(super) struct Names {
    pool: String,
    /// Each with its port.
    written: Vec<(String, u16)>,
    resolver: Resolver,
    known: Mutex<HashMap<(String, u16), Known>>,
}

/// What is known of a name.
#[derive(Clone, Debug, Default)]
struct Known {
    /// What it stood for when it was last found.
    addresses: Vec<SocketAddr>,
    /// The last look-up did not find it.
    missing: bool,
}

impl Names {
    /// The names of `backend`; what they stood for in `previous` holds until they are looked up.
    pub(super) fn new(backend: &Backend, previous: Option<&Self>, resolver: &Resolver) -> Self {
        let written = backend.servers.iter().filter_map(|it| name(&it.address.value)).collect();
        Self {
            pool: backend.name.clone(),
            written,
            resolver: resolver.clone(),
            known: Mutex::new(previous.map(|it| it.known().clone()).unwrap_or_default()),
        }
    }

    /// Whether there is any.
    pub(super) fn any(&self) -> bool {
        !self.written.is_empty()
    }

    /// What `address` stands for as far as is known; an IP address for itself.
    pub(super) fn addresses(&self, address: &ServerAddress) -> Vec<SocketAddr> {
        match (address, name(address)) {
            (_, Some(name)) => self.known().get(&name).map_or(vec![], |it| it.addresses.clone()),
            (ServerAddress::Tcp { host, port }, None) => {
                host.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, *port)).into_iter().collect()
            }
            (ServerAddress::Unix(_), None) => vec![],
        }
    }

    /// Looks every name up again, each within `limit`. One that is not found keeps what it stood for.
    pub(super) async fn look_up(&self, limit: Duration) {
        let one = |(host, port): &(String, u16)| {
            let name = (host.clone(), *port);
            async move {
                let looking = self.resolver.ask(&name.0, name.1);
                let found = match within(Some(limit), Timer::Connect, looking).await {
                    Ok(found) => found,
                    Err(elapsed) => Err(io::Error::new(io::ErrorKind::TimedOut, elapsed)),
                };
                self.note(name, found);
            }
        };
        // Made before they run: as a lazy iterator their type would not be `Send`.
        let all: Vec<_> = self.written.iter().map(one).collect();
        iter(all).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// The log hears of changes only: while a request is held, names are looked up five times a second.
    fn note(&self, name: (String, u16), found: Found) {
        let host = name.0.clone();
        let mut known = self.known();
        let of_name = known.entry(name).or_default();
        let was_missing = std::mem::replace(&mut of_name.missing, found.is_err());
        match found {
            Ok(addresses) => of_name.addresses = addresses,
            Err(error) if !was_missing => {
                tracing::warn!(backend = self.pool, host, %error, "the name cannot be looked up");
            }
            Err(_) => {}
        }
        if was_missing && !of_name.missing {
            tracing::info!(backend = self.pool, host, "the name is found again");
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<(String, u16), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name and port of an address that is written with a name.
fn name(address: &ServerAddress) -> Option<(String, u16)> {
    match address {
        ServerAddress::Tcp { host, port } if host.parse::<IpAddr>().is_err() => {
            Some((host.clone(), *port))
        }
        _ => None,
    }
}

/// Names of one pool that are looked up at the same time; each takes a thread of the system's resolver.
const AT_ONCE: usize = 16;

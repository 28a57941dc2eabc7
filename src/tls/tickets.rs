//! Session tickets: stateless resumption, with keys that rotate and are never shared between
//! sites whose TLS policies differ.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

use super::clients::Fingerprint;
use super::server::LoadError;
use super::shared_tickets::{Master, SharedTickets};
use crate::config::model::{Config, TlsVersion};

/// What a client has to fulfil. A ticket of one policy must not open a session under another:
/// rustls compares neither the version floor nor the client's certificate on resumption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// The lowest version.
    pub tls_min: TlsVersion,
    /// The CAs of which it needs a certificate.
    pub(super) clients: Option<Fingerprint>,
}

impl Policy {
    /// What a key is derived with.
    pub(super) fn label(self) -> Vec<u8> {
        let version: &[u8] = match self.tls_min {
            TlsVersion::V12 => b"tls 1.2",
            TlsVersion::V13 => b"tls 1.3",
        };
        [version, self.clients.as_ref().map_or(&[], |it| it.as_slice())].concat()
    }
}

/// The ticketers of this process. They outlive reloads, so that a reload costs nobody a full
/// handshake; those with keys of their own rotate them by themselves every six hours.
#[derive(Debug, Default)]
pub struct Tickets {
    own: Arc<Own>,
    latest: ArcSwap<Vec<Master>>,
}

/// One a policy, made when it is first asked for.
type Own = Mutex<HashMap<Policy, Arc<dyn ProducesTickets>>>;

/// The ticketers of one configuration.
pub(super) struct Ticketers {
    own: Arc<Own>,
    /// The keys that gateways share, the first for new tickets; without any the process' own.
    masters: Arc<Vec<Master>>,
}

impl Tickets {
    /// Those of `config`, whose key files are read now.
    ///
    /// # Errors
    /// [`LoadError::TicketKey`] when one cannot be used.
    pub(super) fn of(&self, config: &Config) -> Result<Ticketers, LoadError> {
        let master = |path: &Path| {
            read(path).map_err(|source| LoadError::TicketKey { path: path.to_owned(), source })
        };
        let keys = config.gateway.ticket_keys.iter().map(|it| master(&it.value));
        self.latest.store(Arc::new(keys.collect::<Result<_, _>>()?));
        Ok(self.latest())
    }

    /// Those that were read last.
    pub(super) fn latest(&self) -> Ticketers {
        Ticketers { own: Arc::clone(&self.own), masters: self.latest.load_full() }
    }
}

impl Ticketers {
    /// The ticketer for `policy`.
    ///
    /// # Errors
    /// When the system has no randomness for a key.
    pub(super) fn ticketer(
        &self,
        policy: Policy,
    ) -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
        if let Some(shared) = SharedTickets::derive(&self.masters, &policy.label())? {
            return Ok(Arc::new(shared));
        }
        let mut known = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ticketer) = known.get(&policy) {
            return Ok(Arc::clone(ticketer));
        }
        let ticketer = Ticketer::new()?;
        known.insert(policy, Arc::clone(&ticketer));
        Ok(ticketer)
    }
}

/// The secret of a file.
pub(super) fn read(path: &Path) -> io::Result<Master> {
    use std::io::Read;
    let mut secret = Vec::new();
    std::fs::File::open(path)?.take(Master::LONGEST as u64 + 1).read_to_end(&mut secret)?;
    Master::new(secret).ok_or_else(|| {
        let range = format!(
            "it needs {} to {} random bytes: openssl rand -out FILE 48",
            Master::SHORTEST,
            Master::LONGEST
        );
        io::Error::new(io::ErrorKind::InvalidData, range)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_of_one_policy_is_nothing_to_another() {
        let tickets = Tickets::default();
        let policy = |tls_min| Policy { tls_min, clients: None };
        let ticketers = tickets.latest();
        let lax = ticketers.ticketer(policy(TlsVersion::V12)).expect("randomness");
        let strict = ticketers.ticketer(policy(TlsVersion::V13)).expect("randomness");
        let ticket = lax.encrypt(b"session").expect("a key");
        assert_eq!(strict.decrypt(&ticket), None);
        let members = Policy { clients: Some([7; 32]), ..policy(TlsVersion::V12) };
        let members = ticketers.ticketer(members).expect("randomness");
        assert_eq!(members.decrypt(&ticket), None, "of somebody without a certificate");
        let again = tickets.latest().ticketer(policy(TlsVersion::V12)).expect("known");
        assert_eq!(again.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
    }
}

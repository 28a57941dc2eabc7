//! Session tickets: stateless resumption, with keys that rotate and are never shared between
//! sites whose TLS policies differ.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

use crate::config::model::TlsVersion;

/// What a client has to fulfil. A ticket of one policy must not open a session under another:
/// rustls compares neither the version floor nor the client's certificate on resumption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// The lowest version.
    pub tls_min: TlsVersion,
}

/// The ticketers of this process, one a policy. They outlive reloads, so that a reload costs
/// nobody a full handshake; each rotates its keys by itself every six hours.
#[derive(Debug, Default)]
pub struct Tickets(Mutex<HashMap<Policy, Arc<dyn ProducesTickets>>>);

impl Tickets {
    /// The ticketer for `policy`, made when it is first asked for.
    ///
    /// # Errors
    /// When the system has no randomness for a key.
    pub fn ticketer(&self, policy: Policy) -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ticketer) = known.get(&policy) {
            return Ok(Arc::clone(ticketer));
        }
        let ticketer = Ticketer::new()?;
        known.insert(policy, Arc::clone(&ticketer));
        Ok(ticketer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_of_one_policy_is_nothing_to_another() {
        let tickets = Tickets::default();
        let policy = |tls_min| Policy { tls_min };
        let lax = tickets.ticketer(policy(TlsVersion::V12)).expect("randomness");
        let strict = tickets.ticketer(policy(TlsVersion::V13)).expect("randomness");
        let ticket = lax.encrypt(b"session").expect("a key");
        assert_eq!(strict.decrypt(&ticket), None);
        let again = tickets.ticketer(policy(TlsVersion::V12)).expect("known");
        assert_eq!(again.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
    }
}

//! One configuration turned into the rooms' parts. A connection keeps the snapshot that it began
//! with; a reload makes another and swaps them.

use std::sync::Arc;

use crate::config::model::{Config, Gateway};
use crate::http::{PageError, Sites};
use crate::tls::{LoadError, Table, Tickets};
use crate::upstream::Pools;

/// Why a snapshot cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A certificate, a key, or a file for TLS toward a backend.
    #[error("{0}")]
    Tls(#[from] LoadError),
    /// A page for errors.
    #[error("{0}")]
    Page(#[from] PageError),
}

/// Everything that a connection needs from the configuration.
pub struct Snapshot {
    /// `[gateway]`
    pub gateway: Arc<Gateway>,
    /// Certificates by name.
    pub tls: Table,
    /// Sites and routes by name.
    pub sites: Arc<Sites>,
    /// The pools behind the routes.
    pub pools: Pools,
}

impl Snapshot {
    /// Builds the parts; certificates and pages are read now. What is known of the servers is carried
    /// over from `previous`, tickets outlive every snapshot.
    ///
    /// # Errors
    /// [`BuildError`] when one of these files cannot be used.
    pub fn build(
        config: &Config,
        tickets: &Tickets,
        previous: Option<&Self>,
    ) -> Result<Self, BuildError> {
        let tls = Table::load(config, tickets)?;
        let pools = Pools::build(config, previous.map(|old| &old.pools))?;
        let sites = Arc::new(Sites::build(config, &pools, previous.map(|old| &*old.sites))?);
        Ok(Self { gateway: Arc::new(config.gateway.clone()), tls, sites, pools })
    }

    /// The same with certificates, keys and ticket keys read again. Where they cannot be used the
    /// old ones stay, and the errors say which. `config` is the one that this was built of.
    pub fn renewed(&self, config: &Config, tickets: &Tickets) -> (Self, Vec<LoadError>) {
        let (tls, errors) = self.tls.renewed(config, tickets);
        let (gateway, sites) = (Arc::clone(&self.gateway), Arc::clone(&self.sites));
        (Self { gateway, tls, sites, pools: self.pools.clone() }, errors)
    }
}

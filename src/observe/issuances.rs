//! What became of the certificates that the gateway orders itself, and when each is tried next. Knows no order.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::metrics::Counter;

/// Of all sites; outlives reloads.
#[derive(Debug, Default)]
pub struct Issuances {
    /// Certificates that were issued.
    pub issued: Counter,
    /// Orders that failed.
    pub failed: Counter,
    sites: Mutex<BTreeMap<String, Standing>>,
}

/// How it stands with one site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// When an order is tried next.
    pub next: Option<SystemTime>,
    /// Orders that failed since the last that did not.
    pub failures: u32,
    /// Why the last one failed; empty when it did not.
    pub words: String,
}

impl Issuances {
    /// Notes how it stands with the site of this first domain.
    pub fn note(&self, site: &str, standing: Standing) {
        self.sites().insert(site.to_owned(), standing);
    }

    /// How it stands with a site.
    pub fn of(&self, site: &str) -> Option<Standing> {
        self.sites().get(site).cloned()
    }

    /// Forgets every site that `keeps` does not.
    pub fn retain(&self, keeps: impl Fn(&str) -> bool) {
        self.sites().retain(|site, _| keeps(site));
    }

    /// All of them, by first domain.
    pub fn all(&self) -> Vec<(String, Standing)> {
        self.sites().iter().map(|(site, standing)| (site.clone(), standing.clone())).collect()
    }

    fn sites(&self) -> MutexGuard<'_, BTreeMap<String, Standing>> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

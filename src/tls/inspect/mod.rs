//! Looks at every site's certificate and key, and at the files for TLS toward backends, before
//! anything is bound. Knows the configuration
//! and the files it names; opens no socket.
//!
//! What keeps a site from being served at all is an error. What makes clients refuse it is a
//! warning, an expired certificate too: a reload must not be refused, nor every other site stay
//! down at a start, because one certificate was not renewed.

mod automatic;
mod backends;
mod chain;
mod clients;

use std::path::PathBuf;
use std::time::SystemTime;

pub use chain::{covers, valid_between, valid_until};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use crate::config::model::{Config, Located, Site, Spot};
use crate::config::{Level, Problem};
use crate::tls::pem::{read_chain, read_key};
use crate::tls::{tickets, words};

/// The certificates that clients start from.
#[derive(Debug, Default)]
pub struct Roots(Vec<CertificateDer<'static>>);

impl Roots {
    /// Those of this system: near enough to what phones and browsers have.
    pub fn of_the_system() -> Self {
        // What could not be read is missing from the list; an empty list is reported as such.
        Self(rustls_native_certs::load_native_certs().certs)
    }

    /// These and no others.
    pub fn these(certificates: Vec<CertificateDer<'static>>) -> Self {
        Self(certificates)
    }

    /// These too.
    pub fn and(mut self, certificates: Vec<CertificateDer<'static>>) -> Self {
        self.0.extend(certificates);
        self
    }

    /// Whether there is nothing to start from.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `chain` (leaf first) leads to one of them, names and dates aside: the name of the
    /// one it leads to.
    ///
    /// # Errors
    /// What clients would say to the chain; `UnknownIssuer` when a certificate is missing.
    pub fn reached_by(
        &self,
        chain: &[CertificateDer<'_>],
        now: SystemTime,
    ) -> Result<String, webpki::Error> {
        chain::leads_to(chain, &self.0, now)
    }
}

/// Everything wrong with the certificates and keys of all sites, backends and tickets, against the system's roots.
pub fn inspect(config: &Config, now: SystemTime) -> Vec<Problem> {
    inspect_with(config, &Roots::of_the_system(), now)
}

/// The same against the roots given.
pub fn inspect_with(config: &Config, roots: &Roots, now: SystemTime) -> Vec<Problem> {
    let sites = config.sites.iter().flat_map(|site| inspect_site(site, roots, now));
    let mut problems: Vec<Problem> =
        sites.chain(config.backends.iter().filter_map(backends::inspect)).collect();
    problems.extend(config.gateway.ticket_keys.iter().filter_map(inspect_ticket_key));
    problems.extend(
        config
            .acme
            .iter()
            .flat_map(|it| automatic::inspect(it, config.places.acme_storage.as_ref())),
    );
    if roots.0.is_empty() {
        let message =
            "this system has no root certificates: whether chains are complete is unknown";
        problems.push(Problem::warning(None, message).hint("install the package ca-certificates"));
    }
    problems
}

/// When the site's certificate expires; `None` when that cannot be read.
pub fn expiry(site: &Site) -> Option<SystemTime> {
    let chain = read_chain(&site.certificate.value).ok()?;
    chain.first().and_then(chain::valid_until)
}

fn inspect_site(site: &Site, roots: &Roots, now: SystemTime) -> Vec<Problem> {
    let mut problems: Vec<Problem> = clients::inspect(site).into_iter().collect();
    problems.extend(clients::inspect_staple(site, now));
    if site.automatic {
        // What is stored is the gateway's own affair: it replaces what is no use.
        return problems;
    }
    let certificate = read_chain(&site.certificate.value).map_err(|error| {
        let path = site.certificate.value.display();
        problem(Level::Error, &site.certificate.spot, format!("`{path}` is no use: {error}"))
    });
    let key = read_key(&site.private_key.value).map_err(|error| {
        let path = site.private_key.value.display();
        problem(Level::Error, &site.private_key.spot, format!("`{path}` is no use: {error}"))
    });
    let (chain, key) = match (certificate, key) {
        (Ok(chain), Ok(key)) => (chain, key),
        (chain, key) => {
            problems.extend(key.err());
            match chain {
                Err(unreadable) => problems.push(unreadable),
                Ok(chain) => problems.extend(chain::inspect(site, &chain, &roots.0, now)),
            }
            return problems;
        }
    };
    match mismatch(site, &chain, key) {
        // A chain that does not begin with its leaf has nothing to say about names and dates.
        Some(wrong) => problems.push(wrong),
        None => problems.extend(chain::inspect(site, &chain, &roots.0, now)),
    }
    problems
}

fn inspect_ticket_key(file: &Located<PathBuf>) -> Option<Problem> {
    let error = tickets::read(&file.value).err()?;
    let message = format!("`{}` is no use as a ticket key: {error}", file.value.display());
    Some(problem(Level::Error, &file.spot, message))
}

fn mismatch(
    site: &Site,
    chain: &[CertificateDer<'static>],
    key: PrivateKeyDer<'static>,
) -> Option<Problem> {
    let provider = aws_lc_rs::default_provider();
    let key = match provider.key_provider.load_private_key(key.clone_key()) {
        Ok(key) => key,
        Err(error) => {
            let why = words::of_our_key(&key, &error);
            let message = format!("this private key cannot be used: {why}");
            return Some(problem(Level::Error, &site.private_key.spot, message));
        }
    };
    let matches = |certificate: &CertificateDer<'static>| {
        CertifiedKey::new(vec![certificate.clone()], key.clone()).keys_match()
    };
    let wrong = match chain.first().map(&matches)? {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => return None,
        Err(Error::InconsistentKeys(_)) => key_of_another(site, chain, &matches),
        Err(error) => {
            let message = format!("this certificate cannot be used: {}", words::of_our_own(&error));
            problem(Level::Error, &site.certificate.spot, message)
        }
    };
    Some(wrong)
}

/// The key is not that of the first certificate: of a later one, or of none.
fn key_of_another(
    site: &Site,
    chain: &[CertificateDer<'static>],
    matches: &dyn Fn(&CertificateDer<'static>) -> Result<(), Error>,
) -> Problem {
    if let Some(place) = chain.iter().position(|it| matches(it).is_ok()) {
        let message = format!(
            "the chain is in the wrong order: the site's own certificate is number {} in the file",
            place + 1
        );
        let hint = "put it first, then each certificate that signed the one before";
        return problem(Level::Error, &site.certificate.spot, message).hint(hint);
    }
    let message = "this is not the key of the certificate";
    let hint = "a renewal may have replaced one of the two files only";
    problem(Level::Error, &site.private_key.spot, message).hint(hint)
}

fn problem(level: Level, spot: &Spot, message: impl Into<String>) -> Problem {
    Problem { level, spot: Some(spot.clone()), message: message.into(), hint: None }
}

//! Every site's TLS settings: certificate, key, versions, tickets, the order of ciphers; found by
//! name. Knows no socket.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::ciphers;
use super::clients;
use super::inspect::{covers, valid_until};
use super::pem::{self, PemError};
use super::staple::{Staple, Stapled};
use super::tickets::{Policy, Ticketers, Tickets};
use super::words;
use crate::config::model::{Config, Site, TlsVersion};
use crate::config::names::Names;
use crate::observe::report::Certificate;

/// HTTP/1.1, in ALPN.
pub(super) const ALPN: &[u8] = b"http/1.1";

/// HTTP/2, in ALPN.
pub(super) const ALPN_HTTP2: &[u8] = b"h2";

/// Every site's TLS settings, by name.
pub struct Table {
    /// `None` where the certificate has yet to be ordered.
    names: Names<Option<Arc<Settings>>>,
    /// The same in the order of the configuration.
    sites: Vec<Loaded>,
}

/// One site's TLS settings.
#[derive(Clone)]
struct Loaded {
    /// `None` where there is no certificate yet.
    tls: Option<Arc<Settings>>,
    /// The domains that it is for; of one that is ordered here, it may be fewer than the site's.
    covered: Vec<String>,
    /// Of the certificate that is in use, whatever its file has become since.
    certificate: Certificate,
}

/// A site whose certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The certificate's file.
    #[error("certificate {}: {source}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PemError,
    },
    /// The key's file.
    #[error("private key {}: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PemError,
    },
    /// The two don't fit, or one is of a kind that TLS cannot use.
    #[error("certificate {} and private key {}: {}", certificate.display(), key.display(), words::of_our_own(source))]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
    /// The system has no randomness for a ticket key.
    #[error("session tickets: {0}")]
    Tickets(#[source] rustls::Error),
    /// A file of `gateway.ticket_keys`.
    #[error("ticket key {}: {source}", path.display())]
    TicketKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The file that says which backends or which clients to trust.
    #[error("ca {}: {source}", path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PemError,
    },
    /// A backend speaks TLS, no `ca` is named, and this system trusts nobody.
    #[error("no `ca` is named, and this system has no root certificates")]
    NoRoots,
    /// rustls has no common ground with itself.
    #[error("TLS toward backends: {0}")]
    Client(#[source] rustls::Error),
}

impl LoadError {
    /// Whether it is about a certificate or its key.
    fn is_of_pair(&self) -> bool {
        matches!(self, Self::Certificate { .. } | Self::Key { .. } | Self::Pair { .. })
    }

    /// Reads a chain and its key, each mistake with its file.
    pub(super) fn read_pair(certificate: &Path, key: &Path) -> Result<Pair, Self> {
        let chain = pem::read_chain(certificate)
            .map_err(|source| Self::Certificate { path: certificate.to_owned(), source })?;
        let private =
            pem::read_key(key).map_err(|source| Self::Key { path: key.to_owned(), source })?;
        Ok((chain, private))
    }
}

/// A chain, leaf first, and the leaf's key.
pub(super) type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Table {
    /// Reads every site's certificate and key.
    ///
    /// # Errors
    /// [`LoadError`] for the first site that cannot be used; `wsgate check` names them all.
    pub fn load(config: &Config, tickets: &Tickets) -> Result<Self, LoadError> {
        let tickets = tickets.of(config)?;
        let sites = config.sites.iter().map(|site| match load(site, &tickets) {
            Err(error) if site.automatic && error.is_of_pair() => {
                tell_unusable(site, &error);
                Ok(Loaded::nothing(site))
            }
            loaded => loaded,
        });
        Ok(Self::new(config, sites.collect::<Result<_, _>>()?))
    }

    /// Reads them again. A site whose files cannot be used (yet) keeps what it has; the errors
    /// say which. `config` is the one that this table was made of.
    pub fn renewed(&self, config: &Config, tickets: &Tickets) -> (Self, Vec<LoadError>) {
        let mut errors = Vec::new();
        let tickets = tickets.of(config).unwrap_or_else(|error| {
            errors.push(error);
            tickets.latest()
        });
        let renewed = config.sites.iter().zip(&self.sites).map(|(site, old)| {
            load(site, &tickets).unwrap_or_else(|error| {
                if !site.automatic || old.tls.is_some() || !error.is_of_pair() {
                    errors.push(error);
                }
                old.clone()
            })
        });
        let sites = renewed.collect();
        (Self::new(config, sites), errors)
    }

    /// The settings of the site that `name` belongs to; `Some(None)` where there is no certificate yet.
    pub(super) fn find(&self, name: &str) -> Option<Option<&Arc<Settings>>> {
        self.names.find(name).map(Option::as_ref)
    }

    /// The certificates in use, in the order of the configuration.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.sites.iter().map(|it| &it.certificate)
    }

    fn new(config: &Config, sites: Vec<Loaded>) -> Self {
        let mut names = Names::default();
        for (site, loaded) in config.sites.iter().zip(&sites) {
            for domain in &site.domains {
                let covered = loaded.covered.contains(&domain.value);
                names.insert(&domain.value, loaded.tls.clone().filter(|_| covered));
            }
        }
        Self { names, sites }
    }
}

impl Loaded {
    /// A certificate that has yet to be ordered.
    fn nothing(site: &Site) -> Self {
        let certificate = Certificate {
            names: site.domains.iter().map(|it| it.value.clone()).collect(),
            file: site.certificate.value.clone(),
            not_after: None,
        };
        Self { tls: None, covered: Vec::new(), certificate }
    }
}

/// A file that is not there yet is no news; one that is no use will be replaced.
fn tell_unusable(site: &Site, error: &LoadError) {
    if site.certificate.value.exists() {
        tracing::warn!(%error, "the stored certificate is no use, another will be ordered");
    }
}

/// One site's settings; the tickets of each open the others.
pub(super) struct Settings {
    /// Where only HTTP/1.1 is spoken.
    http1: Orders,
    /// Where HTTP/2 is spoken too.
    http2: Orders,
}

struct Orders {
    /// For most: our order of ciphers.
    ours: Arc<ServerConfig>,
    /// For those who know better: theirs.
    theirs: Arc<ServerConfig>,
}

impl Settings {
    /// Those for one handshake. `knows_better`: the client's order of ciphers holds.
    pub(super) fn of(&self, http2: bool, knows_better: bool) -> &Arc<ServerConfig> {
        let orders = if http2 { &self.http2 } else { &self.http1 };
        if knows_better { &orders.theirs } else { &orders.ours }
    }
}

impl Orders {
    fn new(mut tls: ServerConfig, protocols: &[&[u8]]) -> Self {
        tls.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
        let mut ours = tls.clone();
        // All suites are good ones; an order of the server's own is what scanners ask for.
        ours.ignore_client_order = true;
        Self { ours: Arc::new(ours), theirs: Arc::new(tls) }
    }
}

fn load(site: &Site, tickets: &Ticketers) -> Result<Loaded, LoadError> {
    let (certificate, key) = (&site.certificate.value, &site.private_key.value);
    let (chain, private) = LoadError::read_pair(certificate, key)?;
    // What somebody else keeps is shown for whatever it was configured for.
    let shows = |name: &&String| !site.automatic || covers(&chain, name);
    let all = site.domains.iter().map(|it| &it.value);
    let covered = all.filter(shows).cloned().collect();
    let certificate_in_use = Certificate {
        names: site.domains.iter().map(|it| it.value.clone()).collect(),
        file: certificate.clone(),
        not_after: chain.first().and_then(valid_until),
    };
    let versions: &[&SupportedProtocolVersion] = match site.tls_min {
        TlsVersion::V12 => &[&TLS13, &TLS12],
        TlsVersion::V13 => &[&TLS13],
    };
    let provider = Arc::new(ciphers::provider());
    let pair =
        |source| LoadError::Pair { certificate: certificate.clone(), key: key.clone(), source };
    let staple = staple(site, &chain);
    let shown = CertifiedKey::from_der(chain, private, &provider).map_err(pair)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(pair)?;
    let (builder, clients) = match &site.client_ca {
        None => (builder.with_no_client_auth(), None),
        Some(ca) => {
            let (verifier, fingerprint) = clients::verifier(&ca.value, provider)?;
            (builder.with_client_cert_verifier(verifier), Some(fingerprint))
        }
    };
    let mut tls = builder.with_cert_resolver(Arc::new(Stapled::new(shown, staple)));
    // Tickets are the state: the default store forgets all but 256 sessions.
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    // Each is a record and an encryption; a client that has one comes back as quickly as with two.
    tls.send_tls13_tickets = 1;
    // For the stream, which protects records itself once hands are shaken.
    tls.enable_secret_extraction = true;
    let policy = Policy { tls_min: site.tls_min, clients };
    tls.ticketer = tickets.ticketer(policy).map_err(LoadError::Tickets)?;
    let http1 = Orders::new(tls.clone(), &[ALPN]);
    let tls = Settings { http1, http2: Orders::new(tls, &[ALPN_HTTP2, ALPN]) };
    Ok(Loaded { tls: Some(Arc::new(tls)), covered, certificate: certificate_in_use })
}

/// The response of the site's file, if there is one that can be stapled. Without it clients ask the
/// CA themselves, or do without: no reason to serve nobody.
fn staple(site: &Site, chain: &[CertificateDer<'static>]) -> Option<Staple> {
    let path = &site.ocsp_staple.as_ref()?.value;
    match Staple::read(path, chain.first()?, SystemTime::now()) {
        Ok(staple) => Some(staple),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "nothing is stapled");
            None
        }
    }
}

//! The TLS handshake with a client: the ClientHello is read first, its name decides about the
//! site, and a name in no site gets an alert instead of anybody's certificate.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{Acceptor, NoServerSessionStorage};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, ProtocolVersion, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::LazyConfigAcceptor;

use super::clients;
use super::inspect::valid_until;
use super::pem::{self, PemError};
use super::staple::{Staple, Stapled};
use super::suites::BySuite;
use super::tickets::{Policy, Ticketers, Tickets};
use crate::config::model::{Config, Site, TlsVersion};
use crate::config::names::Names;
use crate::life::{Elapsed, Timer, TlsFault, within};
use crate::observe::report::Certificate;
use crate::stream::{Socket, Stream};

/// ALPN: WebSockets need HTTP/1.1, and nothing else is spoken yet.
pub(super) const ALPN: &[u8] = b"http/1.1";

/// A TLS record with the fatal alert unrecognized_name(112) (RFC 8446 section 6, RFC 6066
/// section 3). rustls would say access_denied, which a phone reports as something else.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// How long a refused client may take to read the alert and hang up. Closing at once would reset
/// the connection under the alert.
const ALERT_LINGER: Duration = Duration::from_millis(500);

/// Every site's TLS settings, by name.
pub struct Table {
    names: Names<Arc<BySuite>>,
    /// The same in the order of the configuration.
    sites: Vec<Loaded>,
}

/// One site's TLS settings.
#[derive(Clone)]
struct Loaded {
    tls: Arc<BySuite>,
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
    #[error("certificate {} and private key {}: {source}", certificate.display(), key.display())]
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
    #[error("no `ca` for a backend with TLS, and this system has no root certificates")]
    NoRoots,
    /// rustls has no common ground with itself.
    #[error("TLS toward backends: {0}")]
    Client(#[source] rustls::Error),
}

impl LoadError {
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

/// A handshake that succeeded.
#[derive(Debug)]
pub struct Handshake {
    /// The stream, encrypted from now on.
    pub stream: Stream,
    /// The name that the client asked for, as it wrote it.
    pub server_name: String,
    /// Whether a session was resumed.
    pub resumed: bool,
    /// Whether it is TLS 1.3, and not 1.2.
    pub newest: bool,
}

/// A handshake that failed.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// It took too long.
    #[error(transparent)]
    Elapsed(#[from] Elapsed),
    /// The name was refused.
    #[error("the name {1:?} is in no site")]
    Name(TlsFault, String),
    /// Everything else.
    #[error("{1}")]
    Io(TlsFault, #[source] io::Error),
}

impl Table {
    /// Reads every site's certificate and key.
    ///
    /// # Errors
    /// [`LoadError`] for the first site that cannot be used; `wsgate check` names them all.
    pub fn load(config: &Config, tickets: &Tickets) -> Result<Self, LoadError> {
        let tickets = tickets.of(config)?;
        let sites = config.sites.iter().map(|site| load(site, &tickets));
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
                errors.push(error);
                old.clone()
            })
        });
        let sites = renewed.collect();
        (Self::new(config, sites), errors)
    }

    /// The certificates in use, in the order of the configuration.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.sites.iter().map(|it| &it.certificate)
    }

    fn new(config: &Config, sites: Vec<Loaded>) -> Self {
        let mut names = Names::default();
        for (site, loaded) in config.sites.iter().zip(&sites) {
            for domain in &site.domains {
                names.insert(&domain.value, Arc::clone(&loaded.tls));
            }
        }
        Self { names, sites }
    }
}

fn load(site: &Site, tickets: &Ticketers) -> Result<Loaded, LoadError> {
    let (certificate, key) = (&site.certificate.value, &site.private_key.value);
    let (chain, private) = LoadError::read_pair(certificate, key)?;
    let certificate_in_use = Certificate {
        names: site.domains.iter().map(|it| it.value.clone()).collect(),
        file: certificate.clone(),
        not_after: chain.first().and_then(valid_until),
    };
    let versions: &[&SupportedProtocolVersion] = match site.tls_min {
        TlsVersion::V12 => &[&TLS13, &TLS12],
        TlsVersion::V13 => &[&TLS13],
    };
    let pair =
        |source| LoadError::Pair { certificate: certificate.clone(), key: key.clone(), source };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let staple = staple(site, &chain);
    let shown = CertifiedKey::from_der(chain, private, &provider).map_err(pair)?;
    let shown = Arc::new(Stapled::new(shown, staple));
    let clients = site.client_ca.as_ref().map(|ca| clients::verifier(&ca.value, provider));
    let clients = clients.transpose()?;
    let policy = Policy { tls_min: site.tls_min, clients: clients.as_ref().map(|it| it.1) };
    let ticketer = tickets.ticketer(policy).map_err(LoadError::Tickets)?;
    let tls = BySuite::new(|provider| {
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(pair)?;
        let builder = match &clients {
            None => builder.with_no_client_auth(),
            Some((verifier, _)) => builder.with_client_cert_verifier(Arc::clone(verifier)),
        };
        let mut tls = builder.with_cert_resolver(Arc::clone(&shown) as _);
        tls.alpn_protocols = vec![ALPN.to_vec()];
        // Tickets are the state: the default store forgets all but 256 sessions.
        tls.session_storage = Arc::new(NoServerSessionStorage {});
        tls.ticketer = Arc::clone(&ticketer);
        Ok(tls)
    })?;
    Ok(Loaded { tls: Arc::new(tls), certificate: certificate_in_use })
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

/// Shakes hands with a client, in at most `limit`.
///
/// # Errors
/// [`HandshakeError`]; the client has been sent a fatal alert where there was time for one.
pub async fn handshake(
    socket: Socket,
    table: &Table,
    limit: Duration,
) -> Result<Handshake, HandshakeError> {
    within(Some(limit), Timer::TlsHandshake, shake(socket, table)).await?
}

async fn shake(socket: Socket, table: &Table) -> Result<Handshake, HandshakeError> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), socket).await.map_err(failed)?;
    let name = start.client_hello().server_name().map(str::to_owned);
    let Some(tls) = name.as_deref().and_then(|name| table.names.find(name)) else {
        let fault = if name.is_some() { TlsFault::UnknownName } else { TlsFault::NoName };
        refuse(start.io).await;
        return Err(HandshakeError::Name(fault, name.unwrap_or_default()));
    };
    let tls = Arc::clone(tls.for_client(start.client_hello().cipher_suites()));
    let stream = start.into_stream(tls).await.map_err(failed)?;
    let session = stream.get_ref().1;
    let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    let newest = session.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    Ok(Handshake {
        stream: Stream::Tls(Box::new(stream)),
        server_name: name.unwrap_or_default(),
        resumed,
        newest,
    })
}

/// Sends the alert and lets the client hang up first.
async fn refuse(mut socket: Socket) {
    let goodbye = async {
        socket.write_all(&UNRECOGNIZED_NAME).await?;
        socket.shutdown().await?;
        let mut rest = [0; 512];
        while socket.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    // Whatever goes wrong now, the client was refused all the same.
    let _ = within(Some(ALERT_LINGER), Timer::Close, goodbye).await;
}

fn failed(error: io::Error) -> HandshakeError {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    let rustls = error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>());
    let fault = match error.kind() {
        _ if matches!(rustls, Some(rustls::Error::NoCertificatesPresented)) => {
            TlsFault::NoCertificate
        }
        // We look at no certificates but those of clients.
        _ if matches!(rustls, Some(rustls::Error::InvalidCertificate(_))) => {
            TlsFault::BadCertificate
        }
        UnexpectedEof | ConnectionReset | BrokenPipe => TlsFault::Broken,
        _ => TlsFault::Failed,
    };
    HandshakeError::Io(fault, error)
}

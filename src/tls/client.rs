//! TLS toward backends: whom to trust, and what to show of ourselves. Knows nothing of pools.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use xxhash_rust::xxh3::Xxh3;

use super::pem::{self, PemError};
use super::server::{ALPN, LoadError};
use super::words;
use crate::config::model::BackendTls;
use crate::stream::{Socket, Stream};

/// How one pool's servers are spoken to. Two are equal that were made of the same certificates and key.
#[derive(Clone)]
pub struct Client {
    connector: TlsConnector,
    made_of: u128,
}

impl Client {
    /// Reads the files that the configuration names.
    ///
    /// # Errors
    /// [`LoadError`] when one cannot be used, or when nobody is left to be trusted.
    pub fn load(tls: &BackendTls) -> Result<Self, LoadError> {
        let mut made_of = Xxh3::new();
        let roots = match &tls.ca {
            Some(ca) => roots_in(&ca.value)?,
            None => roots_of_the_system()?,
        };
        for root in &roots.roots {
            made_of.update(&root.subject);
            made_of.update(&root.subject_public_key_info);
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(LoadError::Client)?
            .with_root_certificates(roots);
        let mut config = match &tls.client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let (certificate, key) = (&certificate.value, &key.value);
                let (chain, private) = LoadError::read_pair(certificate, key)?;
                chain.iter().for_each(|it| made_of.update(it));
                made_of.update(private.secret_der());
                builder.with_client_auth_cert(chain, private).map_err(|source| LoadError::Pair {
                    certificate: certificate.clone(),
                    key: key.clone(),
                    source,
                })?
            }
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Self { connector, made_of: made_of.digest128() })
    }

    /// Shakes hands with a server that has to prove to be `name`. The caller bounds the wait.
    ///
    /// # Errors
    /// What is wrong, in words for whoever runs the server, e.g. a certificate of somebody else.
    pub async fn connect(&self, socket: Socket, name: &str) -> io::Result<Stream> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let stream = self.connector.connect(name, socket).await.map_err(words::of_a_server)?;
        Ok(Stream::TlsOut(Box::new(stream)))
    }
}

impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        self.made_of == other.made_of
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

fn roots_in(path: &Path) -> Result<RootCertStore, LoadError> {
    let failed = |source| LoadError::Ca { path: path.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for certificate in pem::read_chain(path).map_err(failed)? {
        roots.add(certificate).map_err(|error| {
            failed(PemError::Io(io::Error::new(io::ErrorKind::InvalidData, error)))
        })?;
    }
    Ok(roots)
}

fn roots_of_the_system() -> Result<RootCertStore, LoadError> {
    let mut roots = RootCertStore::empty();
    // Systems carry certificates of strange forms; what is usable counts.
    let (usable, _) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if usable == 0 { Err(LoadError::NoRoots) } else { Ok(roots) }
}

//! Which clients a site takes: those with a certificate from its `client_ca`.

use std::io;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::pem::{self, PemError};
use super::server::LoadError;

/// What tells one set of CAs from another.
pub(super) type Fingerprint = [u8; 32];

/// Reads the CAs of `path`: what checks a client's certificate, and the fingerprint of its rule.
///
/// # Errors
/// [`LoadError::Ca`] when the file cannot be read, or a certificate in it cannot be a CA's.
pub(super) fn verifier(
    path: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<(Arc<dyn ClientCertVerifier>, Fingerprint), LoadError> {
    let failed = |source| LoadError::Ca { path: path.to_owned(), source };
    let unfit = |error: String| failed(PemError::Io(io::Error::other(error)));
    let (mut roots, mut digest) = (RootCertStore::empty(), Context::new(&SHA256));
    for certificate in pem::read_chain(path).map_err(failed)? {
        digest.update(&(certificate.len() as u64).to_be_bytes());
        digest.update(&certificate);
        roots.add(certificate).map_err(|error| unfit(error.to_string()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = builder.build().map_err(|error| unfit(error.to_string()))?;
    let mut fingerprint = Fingerprint::default();
    fingerprint.copy_from_slice(digest.finish().as_ref());
    Ok((verifier, fingerprint))
}

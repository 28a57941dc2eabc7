//! The handshake of tls-alpn-01 (RFC 8737): a certificate that is good for nothing but to show a CA that we are who
//! the name leads to. Knows no order.

use std::sync::Arc;

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::ciphers;

/// The protocol that a CA offers, alone (RFC 8737 section 3).
pub(super) const PROTOCOL: &[u8] = b"acme-tls/1";

/// Why no proof can be made.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The certificate.
    #[error("{0}")]
    Certificate(#[from] rcgen::Error),
    /// rustls does not take it.
    #[error("{0}")]
    Tls(#[from] rustls::Error),
}

/// What is shown to a CA that asks for `name`: `digest` is the SHA-256 of the key authorization.
///
/// # Errors
/// [`ProofError`] when no certificate can be made, e.g. because `name` is none.
pub fn proof(name: &str, digest: &[u8; 32]) -> Result<Arc<ServerConfig>, ProofError> {
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?.der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(ciphers::provider());
    let key = provider.key_provider.load_private_key(key)?;
    // Unchecked: rustls reads no certificate with an extension that it does not know and must not ignore.
    let shown = SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key));
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    tls.alpn_protocols = vec![PROTOCOL.to_vec()];
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;
    Ok(Arc::new(tls))
}

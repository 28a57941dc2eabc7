//! A certificate for all proxies alike (P-256), and clients that take any: what a client does is
//! not what is compared.

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// How clients come.
pub struct Trust {
    /// With a full handshake each time.
    pub full: Arc<ClientConfig>,
    /// With a ticket of the time before.
    pub resuming: Arc<ClientConfig>,
}

/// Tickets that are kept; enough for every socket that is closing while others open.
const TICKETS: usize = 64;

/// Writes `site.crt`, `site.key` and both together.
pub fn make(folder: &Path) -> Trust {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let (certificate, key) =
        (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem());
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("written");
    write("site.crt", &certificate);
    write("site.key", &key);
    write("site.pem", &format!("{certificate}{key}"));
    Trust {
        full: client(Resumption::disabled()),
        resuming: client(Resumption::in_memory_sessions(TICKETS)),
    }
}

fn client(resumption: Resumption) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = resumption;
    Arc::new(config)
}

#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

//! The demo's certificate: an authority made on the spot and one leaf for this machine's own
//! names. Knows nothing of files.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

/// How long both certificates are valid.
pub const VALID: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// PEM texts. The authority's own key is nowhere among them: once the leaf is signed it is
/// forgotten, so that who chooses to trust the authority trusts this one leaf and nothing more.
#[derive(Debug)]
pub struct Certificate {
    /// The authority's certificate, to be trusted by whoever wants no warning.
    pub authority: String,
    /// The leaf for `localhost`, `127.0.0.1` and `::1`.
    pub leaf: String,
    /// The leaf's private key, PKCS#8.
    pub leaf_key: String,
}

/// Makes a new authority and leaf, valid from a day before `now` (for clocks that differ).
///
/// # Errors
/// When the system gives no randomness.
pub fn certificate(now: SystemTime) -> Result<Certificate, rcgen::Error> {
    let authority_key = KeyPair::generate()?;
    let mut params = params("wsgate demo authority", now);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = params.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(params, authority_key);

    let leaf_key = KeyPair::generate()?;
    let leaf = leaf_params(now)?.signed_by(&leaf_key, &issuer)?.pem();
    Ok(Certificate { authority, leaf, leaf_key: leaf_key.serialize_pem() })
}

fn leaf_params(now: SystemTime) -> Result<CertificateParams, rcgen::Error> {
    let mut params = params("localhost", now);
    params.subject_alt_names = vec![
        SanType::DnsName("localhost".try_into()?),
        SanType::IpAddress(Ipv4Addr::LOCALHOST.into()),
        SanType::IpAddress(Ipv6Addr::LOCALHOST.into()),
    ];
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn params(common_name: &str, now: SystemTime) -> CertificateParams {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch.saturating_sub(DAY);
    params.not_after = epoch + (since_epoch + VALID);
    params
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
    use rustls::{RootCertStore, crypto::aws_lc_rs};

    use super::*;

    fn accepts(made: &Certificate, name: &str, at: Duration) -> bool {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(made.authority.as_bytes()).expect("PEM");
        roots.add(authority).expect("an authority");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
            .build()
            .expect("a verifier");
        let leaf = CertificateDer::from_pem_slice(made.leaf.as_bytes()).expect("PEM");
        let name = ServerName::try_from(name).expect("a name");
        let at = UnixTime::since_unix_epoch(at);
        verifier.verify_server_cert(&leaf, &[], &name, &[], at).is_ok()
    }

    #[test]
    fn a_client_that_trusts_the_authority_accepts_the_leaf_for_this_machine_only() {
        let made = certificate(SystemTime::now()).expect("a certificate");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        for name in ["localhost", "127.0.0.1", "::1"] {
            assert!(accepts(&made, name, now), "{name}");
        }
        assert!(!accepts(&made, "example.com", now));
        assert!(!accepts(&made, "localhost", now + VALID + Duration::from_secs(60)));
    }

    #[test]
    fn the_key_belongs_to_the_leaf_and_the_authority_key_is_not_given_out() {
        let made = certificate(SystemTime::now()).expect("a certificate");
        let leaf = CertificateDer::from_pem_slice(made.leaf.as_bytes()).expect("PEM");
        let key = PrivateKeyDer::from_pem_slice(made.leaf_key.as_bytes()).expect("PEM");
        let provider = aws_lc_rs::default_provider();
        rustls::sign::CertifiedKey::from_der(vec![leaf], key, &provider).expect("they match");
        assert!(!made.authority.contains("PRIVATE KEY"));
    }
}

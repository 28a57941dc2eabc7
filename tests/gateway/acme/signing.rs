//! Requests for certificates (RFC 2986), read and checked.

use std::time::{Duration, SystemTime};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rcgen::{PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use x509_cert::der::{Decode, Encode};
use x509_cert::request::CertReq;

/// The key of a request.
pub struct RequestedKey(Vec<u8>);

impl PublicKeyData for RequestedKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// The key that a certificate is asked for, by a request that is signed with it and names each of `names`.
pub fn requested_key(der: &[u8], names: &[String]) -> RequestedKey {
    let request = CertReq::from_der(der).expect("a request");
    let point = request.info.public_key.subject_public_key.raw_bytes().to_vec();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point.clone());
    let info = request.info.to_der().expect("DER");
    key.verify(&info, request.signature.raw_bytes()).expect("signed with its own key");
    assert!(request.info.subject.to_string().is_empty(), "names stand in the extension alone");
    for name in names {
        assert!(info.windows(name.len()).any(|it| it == name.as_bytes()), "{name} is missing");
    }
    RequestedKey(point)
}

/// So many seconds from now, as RFC 3339 has it.
pub fn moment(seconds: i64) -> String {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let now = SystemTime::now();
    let at = if seconds < 0 { now - distance } else { now + distance };
    humantime::format_rfc3339_seconds(at).to_string()
}

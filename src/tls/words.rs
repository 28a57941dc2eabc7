//! What rustls says of certificates, in words for whoever made them.

use aws_lc_rs::rsa::KeyPair;
use rustls::pki_types::PrivateKeyDer;
use rustls::{CertificateError, Error};

/// What is wrong with a certificate of ours. rustls would speak of a peer's.
pub(super) fn of_our_own(error: &Error) -> String {
    // rustls has no error of its own for a key that it cannot use.
    if matches!(error, Error::General(words) if words.contains("private key")) {
        return UNFIT.to_owned();
    }
    let Error::InvalidCertificate(wrong) = error else { return error.to_string() };
    match wrong {
        CertificateError::BadEncoding => "it is damaged".to_owned(),
        CertificateError::Other(other) => match other.0.downcast_ref::<webpki::Error>() {
            Some(webpki::Error::UnsupportedCertVersion) => OLD.to_owned(),
            Some(other) => format!("it cannot be read: {other}"),
            None => format!("it cannot be read: {other}"),
        },
        _ => error.to_string(),
    }
}

/// What is wrong with a private key that was refused with `error`.
pub(super) fn of_our_key(key: &PrivateKeyDer<'_>, error: &Error) -> String {
    let refused = match key {
        PrivateKeyDer::Pkcs8(key) => KeyPair::from_pkcs8(key.secret_pkcs8_der()).err(),
        PrivateKeyDer::Pkcs1(key) => KeyPair::from_der(key.secret_pkcs1_der()).err(),
        _ => None,
    };
    match refused.map(|it| it.to_string()).as_deref() {
        Some("TooSmall") => SHORT.to_owned(),
        _ => of_our_own(error),
    }
}

const SHORT: &str = "it is an RSA key of less than 2048 bits, which clients no longer take; make a \
                     new one, and a certificate for it";
const UNFIT: &str = "it is none of those that TLS can use: ECDSA (P-256, P-384, P-521), Ed25519, or \
                     RSA of 2048 bits at least";

/// What `openssl x509 -req` makes unless it is told otherwise.
const OLD: &str = "it is of X.509 version 1, which clients no longer take; make it with extensions, \
                   e.g. `openssl x509 -req -copy_extensions copy`";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn an_old_certificate_and_a_damaged_one_are_told_apart() {
        let old = rustls::OtherError(Arc::new(webpki::Error::UnsupportedCertVersion));
        let old = Error::InvalidCertificate(CertificateError::Other(old));
        assert_eq!(of_our_own(&old), OLD);
        let damaged = Error::InvalidCertificate(CertificateError::BadEncoding);
        assert_eq!(of_our_own(&damaged), "it is damaged");
        assert_eq!(of_our_own(&Error::DecryptError), Error::DecryptError.to_string());
    }

    #[test]
    fn a_short_rsa_key_is_told_from_one_of_a_kind_that_tls_does_not_know() {
        let refused = Error::General("failed to parse private key as RSA".to_owned());
        // The key of every textbook: 61 times 53.
        let short = [
            &[0x30, 0x1d, 2, 1, 0, 2, 2, 0x0c, 0xa1, 2, 1, 0x11, 2, 2, 0x0a, 0xc1][..],
            &[2, 1, 61, 2, 1, 53, 2, 1, 53, 2, 1, 49, 2, 1, 38],
        ];
        let short = PrivateKeyDer::Pkcs1(short.concat().into());
        assert_eq!(of_our_key(&short, &refused), SHORT);
        let odd = PrivateKeyDer::Pkcs8(vec![0x30, 0].into());
        assert_eq!(of_our_key(&odd, &refused), UNFIT);
    }
}

//! What rustls says of certificates, in words for whoever made them.

use rustls::{CertificateError, Error};

/// What is wrong with a certificate of ours. rustls would speak of a peer's.
pub(super) fn of_our_own(error: &Error) -> String {
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
}

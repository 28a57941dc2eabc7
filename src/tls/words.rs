//! What rustls says of certificates, in words for whoever made them.

use std::io;
use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::rsa::KeyPair;
use rustls::pki_types::PrivateKeyDer;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

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

/// Why there is no TLS with a backend's server. rustls would show the names of its own types.
pub(super) fn of_a_server(error: io::Error) -> io::Error {
    let words = match error.get_ref().and_then(|it| it.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(wrong)) => of_its_certificate(wrong),
        Some(Error::AlertReceived(alert)) => of_an_alert(*alert),
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "what the server answers is no TLS; is this the port for it?".to_owned()
        }
        Some(Error::PeerIncompatible(why)) => {
            format!("the server has nothing in common with us: {why:?}")
        }
        _ => return error,
    };
    io::Error::new(error.kind(), words)
}

fn of_an_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "the server wants a certificate of ours (`tls.client_certificate`)".to_owned()
        }
        AlertDescription::UnrecognisedName => {
            "the server does not know the name that we ask for (`tls.server_name`)".to_owned()
        }
        other => format!("the server breaks the handshake off: {other:?}"),
    }
}

fn of_its_certificate(wrong: &CertificateError) -> String {
    let moment =
        |seconds| humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds));
    match wrong {
        CertificateError::Other(other) => match other.0.downcast_ref::<webpki::Error>() {
            Some(webpki::Error::CaUsedAsEndEntity) => CA_AS_LEAF.to_owned(),
            Some(webpki::Error::UnsupportedCertVersion) => {
                "the server's certificate is of X.509 version 1; it needs extensions".to_owned()
            }
            Some(other) => format!("the server's certificate cannot be used: {other}"),
            None => format!("the server's certificate cannot be used: {}", other.0),
        },
        CertificateError::UnknownIssuer => UNKNOWN.to_owned(),
        CertificateError::BadEncoding => "the server's certificate is damaged".to_owned(),
        CertificateError::BadSignature => {
            "a signature on the server's certificates is not its issuer's".to_owned()
        }
        CertificateError::UnhandledCriticalExtension => {
            "the server's certificate has a critical extension that is not known".to_owned()
        }
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("a certificate of the server ended on {}", moment(not_after.as_secs()))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("a certificate of the server begins on {} only", moment(not_before.as_secs()))
        }
        CertificateError::NotValidForNameContext { .. } => {
            format!("the server's {wrong}; `tls.server_name` can say another name")
        }
        other => format!("the server's certificate is not good: {other}"),
    }
}

/// What `openssl req -x509` makes unless it is told otherwise.
const CA_AS_LEAF: &str = "the server shows a CA's certificate as its own; issue a leaf from it, or make it \
                          anew with `-addext basicConstraints=CA:FALSE`";

const UNKNOWN: &str = "the server's certificate is of a CA that is not trusted: name the CA in `tls.ca`, and \
                       have the server send its intermediate certificates";
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
    fn a_server_is_spoken_of_without_the_names_of_types() {
        let webpki = |it| CertificateError::Other(rustls::OtherError(Arc::new(it)));
        let said = |error: Error| {
            let error = of_a_server(io::Error::new(io::ErrorKind::InvalidData, error));
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            error.to_string()
        };
        let of = |wrong| said(Error::InvalidCertificate(wrong));
        assert_eq!(of(webpki(webpki::Error::CaUsedAsEndEntity)), CA_AS_LEAF);
        assert_eq!(of(CertificateError::UnknownIssuer), UNKNOWN);
        let day =
            |seconds| rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let ended = CertificateError::ExpiredContext { time: day(2), not_after: day(1) };
        assert_eq!(of(ended), "a certificate of the server ended on 1970-01-01T00:00:01Z");
        for error in [
            Error::InvalidCertificate(webpki(webpki::Error::PathLenConstraintViolated)),
            Error::InvalidCertificate(CertificateError::BadEncoding),
            Error::InvalidMessage(InvalidMessage::InvalidContentType),
            Error::AlertReceived(AlertDescription::CertificateRequired),
        ] {
            let words = said(error);
            assert!(words.contains("the server") && !words.contains("Other("), "{words}");
        }
        let other = of_a_server(io::ErrorKind::ConnectionReset.into());
        assert_eq!(other.kind(), io::ErrorKind::ConnectionReset);
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

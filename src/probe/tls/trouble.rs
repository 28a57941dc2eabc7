//! Why a TLS handshake failed, told from rustls' error and the server's first bytes.

use std::io;

use rustls::{AlertDescription, Error, PeerIncompatible};

use super::Failed;
use super::recorder::Recorder;
use crate::probe::clean::printable;

/// The kinds of failure that call for different remedies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No version in common.
    #[error("the server speaks neither TLS 1.2 nor TLS 1.3")]
    Version,
    /// `unrecognized_name`, or whatever servers say instead.
    #[error("the server has no certificate for this name (alert {0})")]
    Name(String),
    /// `handshake_failure` and the like: no cipher or group in common, most likely.
    #[error("the server found nothing in common (alert {0})")]
    NothingInCommon(String),
    /// It wants a certificate of the client's.
    #[error("the server asks for a client certificate")]
    ClientCertificate,
    /// Another alert.
    #[error("the server broke off with the alert {0}")]
    Alert(String),
    /// HTTP without TLS on this port.
    #[error("the server answered TLS with HTTP text: `{0}`")]
    PlainHttp(String),
    /// Something else without TLS.
    #[error("what the server sent is not TLS")]
    NotTls,
    /// The end of the stream, or a reset.
    #[error("the server hung up in the middle of the handshake{}", if *.reset { " (reset)" } else { "" })]
    HungUp {
        /// Rather than closed.
        reset: bool,
    },
    /// Nothing in time.
    #[error("the server did not finish the handshake in time")]
    Silence,
    /// The rest.
    #[error("{0}")]
    Other(String),
}

impl Trouble {
    /// Whether an older hello may tell more.
    pub const fn may_be_outdated(&self) -> bool {
        matches!(self, Self::Version | Self::NothingInCommon(_) | Self::HungUp { .. })
    }

    pub(super) fn of(failed: Failed, recorder: &Recorder) -> Self {
        let first = &failed.first;
        if first.starts_with(b"HTTP/") {
            let line = first.split(|it| matches!(it, b'\r' | b'\n')).next().unwrap_or_default();
            return Self::PlainHttp(printable(&String::from_utf8_lossy(line)));
        }
        match failed.error.get_ref().and_then(|it| it.downcast_ref::<Error>()) {
            Some(Error::AlertReceived(alert)) => of_alert(*alert, recorder),
            Some(Error::PeerIncompatible(what)) => of_incompatible(what),
            Some(Error::InvalidMessage(_)) if !looks_like_tls(first) => Self::NotTls,
            Some(other) => Self::Other(other.to_string()),
            None => of_io(&failed.error),
        }
    }
}

fn of_alert(alert: AlertDescription, recorder: &Recorder) -> Trouble {
    let name = name(alert);
    match alert {
        AlertDescription::ProtocolVersion => Trouble::Version,
        AlertDescription::UnrecognisedName => Trouble::Name(name),
        AlertDescription::CertificateRequired => Trouble::ClientCertificate,
        AlertDescription::HandshakeFailure | AlertDescription::BadCertificate
            if recorder.was_asked() =>
        {
            Trouble::ClientCertificate
        }
        AlertDescription::HandshakeFailure
        | AlertDescription::InsufficientSecurity
        | AlertDescription::NoApplicationProtocol => Trouble::NothingInCommon(name),
        _ => Trouble::Alert(name),
    }
}

fn of_incompatible(what: &PeerIncompatible) -> Trouble {
    match what {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => Trouble::Version,
        other => Trouble::NothingInCommon(format!("{other:?}")),
    }
}

fn of_io(error: &io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::TimedOut => Trouble::Silence,
        io::ErrorKind::UnexpectedEof => Trouble::HungUp { reset: false },
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            Trouble::HungUp { reset: true }
        }
        _ => Trouble::Other(error.to_string()),
    }
}

/// A record's type, and a version that begins with 3.
fn looks_like_tls(first: &[u8]) -> bool {
    matches!(first, [0x14..=0x17, 3, ..])
}

/// The alert as the RFCs spell it: `unrecognized_name`.
fn name(alert: AlertDescription) -> String {
    if alert == AlertDescription::UnrecognisedName {
        return "unrecognized_name".to_owned();
    }
    let mut name = String::new();
    let written = format!("{alert:?}");
    for (place, letter) in written.char_indices() {
        let upper_before = written[..place].ends_with(|it: char| it.is_ascii_uppercase());
        if letter.is_ascii_uppercase() && place > 0 && !upper_before {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(error: Error, first: &[u8]) -> Trouble {
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        Trouble::of(Failed { error, first: first.to_vec() }, &Recorder::default())
    }

    #[test]
    fn an_alert_says_which_remedy_is_called_for() {
        let alert = |it| trouble(Error::AlertReceived(it), &[0x15, 3, 1, 0, 2, 2, 70]);
        assert_eq!(alert(AlertDescription::ProtocolVersion), Trouble::Version);
        let name = Trouble::Name("unrecognized_name".to_owned());
        assert_eq!(alert(AlertDescription::UnrecognisedName), name);
        assert_eq!(alert(AlertDescription::CertificateRequired), Trouble::ClientCertificate);
        let nothing = Trouble::NothingInCommon("handshake_failure".to_owned());
        assert_eq!(alert(AlertDescription::HandshakeFailure), nothing);
        let other = Trouble::Alert("internal_error".to_owned());
        assert_eq!(alert(AlertDescription::InternalError), other);
    }

    #[test]
    fn http_without_tls_is_recognised_by_its_first_bytes() {
        let error = Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        let plain = trouble(error.clone(), b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n");
        assert_eq!(plain, Trouble::PlainHttp("HTTP/1.1 400 Bad Request".to_owned()));
        assert_eq!(trouble(error, b"SSH-2.0-OpenSSH"), Trouble::NotTls);
    }
}

//! `[acme]`: where certificates are ordered, as whom, and how names are proven.

use std::path::PathBuf;
use std::time::Duration;

use super::Located;

/// `[acme]`
#[derive(Clone, Debug)]
pub struct Acme {
    /// The directory's URL, https (RFC 8555 section 7.1.1).
    pub directory: String,
    /// Whom the CA may write to: `mailto:` URLs.
    pub contact: Vec<String>,
    /// The folder of this directory below `acme.storage`: account key and certificates.
    pub folder: PathBuf,
    /// `acme.storage` itself.
    pub storage: PathBuf,
    /// How names are proven.
    pub challenge: AcmeChallenge,
    /// Whom to trust when asking the directory; the system's roots when absent.
    pub ca: Option<Located<PathBuf>>,
    /// So long before its end a certificate is renewed; `None`: when the CA suggests it, else when a third
    /// of its time is left.
    pub renew_before: Option<Duration>,
    /// An account of the CA's customers that ours is bound to (RFC 8555 section 7.3.4).
    pub external_account: Option<ExternalAccount>,
}

impl Acme {
    /// The directory's host, for people.
    pub fn authority(&self) -> &str {
        let rest = self.directory.split_once("://").map_or(self.directory.as_str(), |it| it.1);
        rest.split('/').next().unwrap_or(rest)
    }

    /// Where the certificate of the site with this first domain is kept, with its key.
    pub fn file(&self, domain: &str) -> PathBuf {
        self.folder.join(format!("{domain}.pem"))
    }
}

/// `acme.challenge`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcmeChallenge {
    /// A file on port 80 (RFC 8555 section 8.3).
    Http01,
    /// A certificate on port 443 (RFC 8737).
    TlsAlpn01,
}

impl AcmeChallenge {
    /// As in the configuration and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }

    /// The port that CAs ask at.
    pub const fn port(self) -> u16 {
        match self {
            Self::Http01 => 80,
            Self::TlsAlpn01 => 443,
        }
    }
}

/// `acme.external_account`
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    /// What the CA calls it.
    pub key_id: String,
    /// The secret shared with the CA, decoded.
    pub hmac_key: Vec<u8>,
}

impl std::fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalAccount").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

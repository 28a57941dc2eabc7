//! Certificates and keys from PEM files: the only file that knows rustls-pemfile.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls_pemfile::Item;

/// What kept a PEM file from being used. The path is the caller's to name.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// The file cannot be read, or its base64 is broken.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Readable, but no certificate in it.
    #[error("there is no certificate in it (no `-----BEGIN CERTIFICATE-----`)")]
    NoCertificate,
    /// Readable, but no key in it.
    #[error("there is no private key in it (PKCS#8, PKCS#1 or SEC1 PEM)")]
    NoKey,
    /// A key behind a passphrase, which a service cannot be asked for.
    #[error("the private key is encrypted; take the passphrase off, e.g. with `openssl pkey`")]
    Encrypted,
}

/// Reads every certificate of the file, in its order: leaf first, then the intermediates.
///
/// # Errors
/// [`PemError`] when the file cannot be read or has no certificate.
pub fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    chain_in(&mut open(path)?)
}

/// The same of a text that is no file (yet).
///
/// # Errors
/// [`PemError`] when it has no certificate, or one whose base64 is broken.
pub fn chain_in(mut text: &mut dyn BufRead) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let chain = rustls_pemfile::certs(&mut text).collect::<Result<Vec<_>, _>>()?;
    if chain.is_empty() { Err(PemError::NoCertificate) } else { Ok(chain) }
}

/// Reads the first private key of the file, whatever its form.
///
/// # Errors
/// [`PemError`] when the file cannot be read, or its key is missing or encrypted.
pub fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    let mut reader = open(path)?;
    for item in rustls_pemfile::read_all(&mut reader) {
        match item? {
            Item::Pkcs1Key(key) => return Ok(key.into()),
            Item::Pkcs8Key(key) => return Ok(key.into()),
            Item::Sec1Key(key) => return Ok(key.into()),
            _ => {}
        }
    }
    let text = std::fs::read_to_string(path)?;
    // Both forms: PKCS#8's own label, and the header of the old PKCS#1 and SEC1 ones.
    let encrypted =
        text.contains("ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED");
    Err(if encrypted { PemError::Encrypted } else { PemError::NoKey })
}

fn open(path: &Path) -> io::Result<BufReader<File>> {
    File::open(path).map(BufReader::new)
}

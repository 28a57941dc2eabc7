//! An OCSP response from a file, stapled to the certificate as long as it is fresh. It is somebody
//! else's work to fetch it; what it is signed with is the client's to check (RFC 6960).

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_cert::Certificate;
use x509_cert::der::asn1::{AnyRef, GeneralizedTime};
use x509_cert::der::{Decode, Reader, SliceReader, Tag, Tagged};

/// Longest response that is read; they are about two kilobytes.
const LONGEST: u64 = 64 * 1024;

/// A response that can be stapled.
#[derive(Debug)]
pub(super) struct Staple {
    response: Vec<u8>,
    /// Its nextUpdate: from then on clients refuse it.
    until: Option<SystemTime>,
}

/// Why a file is not stapled.
#[derive(Debug, thiserror::Error)]
pub(super) enum StapleError {
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is no successful OCSP response in DER.
    #[error("it is no OCSP response (`openssl ocsp -respout` writes one)")]
    Malformed,
    /// It is about another certificate.
    #[error("it is about another certificate")]
    Other,
    /// It does not say that the certificate is good.
    #[error("it does not say that the certificate is good")]
    NotGood,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
}

/// Gives the certificate, with its staple as long as that is fresh.
pub(super) struct Stapled {
    plain: Arc<CertifiedKey>,
    stapled: Option<(Arc<CertifiedKey>, Option<SystemTime>)>,
}

impl Staple {
    /// Reads the response about `leaf` that is fresh at `now`.
    pub(super) fn read(
        path: &Path,
        leaf: &CertificateDer<'_>,
        now: SystemTime,
    ) -> Result<Self, StapleError> {
        use std::io::Read;
        let mut response = Vec::new();
        std::fs::File::open(path)?.take(LONGEST).read_to_end(&mut response)?;
        let said = single_response(&response).ok_or(StapleError::Malformed)?;
        let leaf = Certificate::from_der(leaf).map_err(|_| StapleError::Other)?;
        let serial = leaf.tbs_certificate().serial_number();
        if digits(said.serial) != digits(serial.as_bytes()) {
            return Err(StapleError::Other);
        }
        if !said.good {
            return Err(StapleError::NotGood);
        }
        if said.until.is_some_and(|until| now >= until) {
            return Err(StapleError::Expired);
        }
        let until = said.until;
        Ok(Self { response, until })
    }
}

impl Stapled {
    pub(super) fn new(key: CertifiedKey, staple: Option<Staple>) -> Self {
        let stapled = staple.map(|it| {
            let with = CertifiedKey { ocsp: Some(it.response), ..key.clone() };
            (Arc::new(with), it.until)
        });
        Self { plain: Arc::new(key), stapled }
    }
}

impl ResolvesServerCert for Stapled {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let fresh = |until: &Option<SystemTime>| until.is_none_or(|it| SystemTime::now() < it);
        let stapled = self.stapled.as_ref().filter(|(_, until)| fresh(until));
        Some(Arc::clone(stapled.map_or(&self.plain, |(with, _)| with)))
    }
}

impl fmt::Debug for Stapled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stapled").field("stapled", &self.stapled.is_some()).finish_non_exhaustive()
    }
}

/// What a response says about its first certificate (RFC 6960 section 4.2.1).
struct Said<'a> {
    serial: &'a [u8],
    good: bool,
    until: Option<SystemTime>,
}

fn single_response(response: &[u8]) -> Option<Said<'_>> {
    let outer = items(AnyRef::from_der(response).ok()?.value())?;
    let [status, bytes] = outer.as_slice() else { return None };
    if status.tag() != Tag::Enumerated || status.value() != [0] {
        return None;
    }
    // [0] { SEQUENCE { the type, OCTET STRING { a BasicOCSPResponse } } }
    let bytes = items(AnyRef::from_der(bytes.value()).ok()?.value())?;
    let basic = AnyRef::from_der(bytes.get(1)?.value()).ok()?;
    let data = items(items(basic.value())?.first()?.value())?;
    let responses = data.iter().find(|it| it.tag() == Tag::Sequence)?;
    let single = items(items(responses.value())?.first()?.value())?;
    let [about, verdict, _this_update, rest @ ..] = single.as_slice() else { return None };
    let next_update = rest.first().filter(|it| is_context(it.tag(), 0));
    let until = match next_update {
        None => None,
        Some(it) => Some(GeneralizedTime::from_der(it.value()).ok()?.to_system_time()),
    };
    let serial = items(about.value())?.get(3)?.value();
    Some(Said { serial, good: is_context(verdict.tag(), 0), until })
}

/// What stands one behind another in a SEQUENCE.
fn items(content: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(content).ok()?;
    let mut items = Vec::new();
    while !reader.is_finished() {
        items.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(items)
}

fn is_context(tag: Tag, wanted: u32) -> bool {
    matches!(tag, Tag::ContextSpecific { number, .. } if number.value() == wanted)
}

/// A number without the zeros before it.
fn digits(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|it| **it == 0).count();
    &number[zeros..]
}

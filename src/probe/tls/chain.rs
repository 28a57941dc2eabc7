//! A chain as it was sent, in words: whose, by whom, for which names, until when. Judges nothing.

use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate as Parsed;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use x509_cert::der::oid::db::DB;
use x509_cert::der::{Decode, Reader, SliceReader};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AuthorityInfoAccessSyntax, SubjectAltName};
use x509_cert::time::Time;

use crate::probe::clean::printable;
use crate::probe::report::Certificate;

/// Every certificate of the chain.
pub fn read(chain: &[CertificateDer<'_>], now: SystemTime) -> Vec<Certificate> {
    chain.iter().map(|it| read_one(it, now)).collect()
}

/// Where the certificate says that its issuer's can be fetched.
pub fn issuer_url(certificate: &CertificateDer<'_>) -> Option<String> {
    let parsed = Parsed::from_der(certificate).ok()?;
    let (_, access) =
        parsed.tbs_certificate().get_extension::<AuthorityInfoAccessSyntax>().ok()??;
    access.0.iter().find(|it| it.access_method == CA_ISSUERS).and_then(|it| {
        match &it.access_location {
            GeneralName::UniformResourceIdentifier(url) => Some(printable(url.as_str())),
            _ => None,
        }
    })
}

fn read_one(der: &CertificateDer<'_>, now: SystemTime) -> Certificate {
    match Parsed::from_der(der) {
        Ok(parsed) => words(&parsed, now),
        Err(error) => Certificate {
            subject: format!("unreadable: {error}"),
            issuer: String::new(),
            names: Vec::new(),
            not_before: String::new(),
            not_after: String::new(),
            days_left: 0,
            key: String::new(),
            signature: String::new(),
        },
    }
}

fn words(parsed: &Parsed, now: SystemTime) -> Certificate {
    let tbs = parsed.tbs_certificate();
    let validity = tbs.validity();
    Certificate {
        subject: printable(&tbs.subject().to_string()),
        issuer: printable(&tbs.issuer().to_string()),
        names: names(parsed),
        not_before: day(&validity.not_before),
        not_after: day(&validity.not_after),
        days_left: days_between(now, validity.not_after.to_system_time()),
        key: key(parsed).unwrap_or_else(|| "a key of unknown kind".to_owned()),
        signature: name_of(&parsed.signature_algorithm().oid),
    }
}

fn names(parsed: &Parsed) -> Vec<String> {
    let Ok(Some((_, names))) = parsed.tbs_certificate().get_extension::<SubjectAltName>() else {
        return Vec::new();
    };
    names.0.iter().filter_map(general_name).map(|it| printable(&it)).collect()
}

fn general_name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(|it| std::net::Ipv4Addr::from(it).to_string());
            let v6 = <[u8; 16]>::try_from(bytes).map(|it| std::net::Ipv6Addr::from(it).to_string());
            v4.or(v6).ok()
        }
        _ => None,
    }
}

/// `EC P-256`, `RSA 2048`, `Ed25519`.
fn key(parsed: &Parsed) -> Option<String> {
    let info = parsed.tbs_certificate().subject_public_key_info();
    match info.algorithm.oid {
        EC => {
            let curve: ObjectIdentifier = info.algorithm.parameters.as_ref()?.decode_as().ok()?;
            Some(format!("EC {}", curve_name(&curve)))
        }
        RSA => {
            let sequence = AnyRef::from_der(info.subject_public_key.as_bytes()?).ok()?;
            let mut inside = SliceReader::new(sequence.value()).ok()?;
            let modulus: UintRef<'_> = inside.decode().ok()?;
            let zeros = modulus.as_bytes().first().map_or(0, |it| it.leading_zeros() as usize);
            Some(format!("RSA {}", modulus.as_bytes().len() * 8 - zeros))
        }
        other => Some(name_of(&other)),
    }
}

fn curve_name(curve: &ObjectIdentifier) -> String {
    match name_of(curve).as_str() {
        "secp256r1" => "P-256".to_owned(),
        "secp384r1" => "P-384".to_owned(),
        "secp521r1" => "P-521".to_owned(),
        other => other.to_owned(),
    }
}

fn name_of(oid: &ObjectIdentifier) -> String {
    DB.by_oid(oid).map_or_else(|| oid.to_string(), str::to_owned)
}

/// Whole days, rounded down; negative when `until` has passed.
fn days_between(now: SystemTime, until: SystemTime) -> i64 {
    let seconds = |it: SystemTime| {
        let since = it.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        i64::try_from(since).unwrap_or(i64::MAX)
    };
    (seconds(until) - seconds(now)).div_euclid(24 * 60 * 60)
}

/// `2026-12-24`
fn day(time: &Time) -> String {
    let text = time.to_date_time().to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const CA_ISSUERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CustomExtension, KeyPair, PKCS_RSA_SHA256, date_time_ymd};

    use super::*;

    const URL: &[u8] = b"http://ca.example/issuing.crt";

    #[test]
    fn a_certificate_is_told_with_key_names_and_the_place_of_its_issuer() {
        let names = vec!["a.example".to_owned(), "192.0.2.7".to_owned()];
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 3, 1);
        // AccessDescription { caIssuers, uniformResourceIdentifier } (RFC 5280 section 4.2.2.1).
        let method = [6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2];
        let place = [&[0x86, URL.len() as u8], URL].concat();
        let length = (method.len() + place.len()) as u8;
        let access = [&[0x30, length + 2, 0x30, length], &method[..], &place].concat();
        let oid = [1, 3, 6, 1, 5, 5, 7, 1, 1];
        params.custom_extensions = vec![CustomExtension::from_oid_content(&oid, access)];
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
        let made = params.self_signed(&key).expect("a certificate");
        let day = |days: u64| UNIX_EPOCH + std::time::Duration::from_secs(days * 24 * 60 * 60);
        let (january, may) = (day(20_454), day(20_574)); // the first of each, in 2026
        let told = read_one(made.der(), january);
        assert_eq!(told.names, ["a.example", "192.0.2.7"]);
        assert_eq!((told.key.as_str(), told.days_left), ("RSA 2048", 59));
        assert_eq!(
            (told.not_before.as_str(), told.not_after.as_str()),
            ("2026-01-01", "2026-03-01")
        );
        assert!(told.signature.contains("256"), "{}", told.signature);
        assert_eq!(read_one(made.der(), may).days_left, -61);
        assert_eq!(issuer_url(made.der()).as_deref().map(str::as_bytes), Some(URL));
    }

    #[test]
    fn what_is_no_certificate_is_told_as_such() {
        let told = read_one(&CertificateDer::from(vec![0x30, 3, 1, 2, 3]), SystemTime::now());
        assert!(told.subject.starts_with("unreadable"), "{}", told.subject);
    }
}

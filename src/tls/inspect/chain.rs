//! What clients will say to a chain: its names, its dates, and whether it leads to a root.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::time::Time;

use super::problem;
use crate::config::model::Site;
use crate::config::{Level, Problem};

/// A warning this long before the end: automatic renewal is due 30 days before and has failed
/// for more than a week by then.
const SOON: Duration = Duration::from_secs(21 * DAY);
const DAY: u64 = 24 * 60 * 60;

/// Everything that clients would object to.
pub fn inspect(
    site: &Site,
    chain: &[CertificateDer<'static>],
    roots: &[CertificateDer<'static>],
    now: SystemTime,
) -> Vec<Problem> {
    let parsed: Result<Vec<_>, _> = chain.iter().map(|it| Certificate::from_der(it)).collect();
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            // rustls is content with less, so this alone keeps nothing from being served.
            let message = format!("a certificate in this file breaks RFC 5280: {error}");
            return vec![problem(Level::Warning, &site.certificate.spot, message)];
        }
    };
    let mut problems = names(site, chain);
    problems.extend(dates(site, &parsed, now));
    problems.extend(order(site, &parsed));
    problems.extend(completeness(site, chain, &parsed, roots, now));
    problems
}

/// The last moment at which the certificate is valid.
pub fn valid_until(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let parsed = Certificate::from_der(certificate).ok()?;
    Some(parsed.tbs_certificate().validity().not_after.to_system_time())
}

/// From when to when the certificate is valid.
pub fn valid_between(certificate: &CertificateDer<'_>) -> Option<(SystemTime, SystemTime)> {
    let parsed = Certificate::from_der(certificate).ok()?;
    let validity = parsed.tbs_certificate().validity();
    Some((validity.not_before.to_system_time(), validity.not_after.to_system_time()))
}

/// Whether the leaf of `chain` is for `domain`, which may be a wildcard.
pub fn covers(chain: &[CertificateDer<'_>], domain: &str) -> bool {
    let leaf = chain.first().and_then(|it| EndEntityCert::try_from(it).ok());
    leaf.is_some_and(|it| is_for(&it, domain))
}

/// The site's domains that the certificate is not for.
fn names(site: &Site, chain: &[CertificateDer<'static>]) -> Vec<Problem> {
    let Some(leaf) = chain.first().and_then(|it| EndEntityCert::try_from(it).ok()) else {
        let message = "this certificate cannot be read as one of a server";
        return vec![problem(Level::Error, &site.certificate.spot, message)];
    };
    let covered: Vec<&str> = leaf.valid_dns_names().collect();
    let hint = match covered.as_slice() {
        [] => "it has no DNS name among its subject alternative names".to_owned(),
        names => format!("it is for {}", names.join(", ")),
    };
    let outside = site.domains.iter().filter(|domain| !is_for(&leaf, &domain.value));
    let message = |name: &str| format!("the certificate does not cover `{name}`");
    outside
        .map(|it| problem(Level::Warning, &it.spot, message(&it.value)).hint(hint.clone()))
        .collect()
}

fn is_for(leaf: &EndEntityCert<'_>, domain: &str) -> bool {
    // A wildcard is covered when a name nobody would put into a certificate is.
    let name = match domain.strip_prefix("*.") {
        Some(rest) => format!("no-such-name-in-any-certificate.{rest}"),
        None => domain.to_owned(),
    };
    let name = ServerName::try_from(name.as_str());
    name.is_ok_and(|it| leaf.verify_is_valid_for_subject_name(&it).is_ok())
}

fn dates(site: &Site, chain: &[Certificate], now: SystemTime) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (place, certificate) in chain.iter().enumerate() {
        let which = match place {
            0 => "the certificate".to_owned(),
            _ => format!("the intermediate `{}`", certificate.tbs_certificate().subject()),
        };
        let validity = certificate.tbs_certificate().validity();
        let (from, until) = (&validity.not_before, &validity.not_after);
        let left = until.to_system_time().duration_since(now);
        let message = match left {
            _ if from.to_system_time() > now => {
                format!("{which} is not valid before {}: every client refuses it", day(from))
            }
            Err(_) => format!("{which} expired on {}: every client refuses it", day(until)),
            Ok(left) if left < SOON => {
                let days = left.as_secs() / DAY;
                format!("{which} expires in {days} days, on {}", day(until))
            }
            Ok(_) => continue,
        };
        let hint = match left {
            _ if from.to_system_time() > now => "look at this machine's clock",
            _ if place > 0 => "take the chain anew from the authority",
            Err(_) => "renew it, then reload with SIGHUP",
            Ok(_) => "renew it; if that is automatic, it has failed for some days",
        };
        problems.push(problem(Level::Warning, &site.certificate.spot, message).hint(hint));
    }
    problems
}

/// RFC 5246 section 7.4.2: each certificate certifies the one before it. TLS 1.3 and browsers are
/// lenient, embedded TLS stacks are not.
fn order(site: &Site, chain: &[Certificate]) -> Option<Problem> {
    let broken = chain.windows(2).any(|pair| match pair {
        [one, next] => one.tbs_certificate().issuer() != next.tbs_certificate().subject(),
        _ => false,
    });
    let message = "the certificates in this file do not follow one from another";
    let hint = "leaf first, then each certificate that signed the one before, and no others";
    broken.then(|| problem(Level::Warning, &site.certificate.spot, message).hint(hint))
}

fn completeness(
    site: &Site,
    chain: &[CertificateDer<'static>],
    parsed: &[Certificate],
    roots: &[CertificateDer<'static>],
    now: SystemTime,
) -> Option<Problem> {
    let warning = |message: String| problem(Level::Warning, &site.certificate.spot, message);
    let (leaf, top) = (parsed.first()?.tbs_certificate(), parsed.last()?.tbs_certificate());
    let error = leads_to(chain, roots, now).err()?;
    if roots.is_empty() {
        return None;
    }
    let issuer = top.issuer();
    let known = "clients that don't have its root refuse it";
    if leaf.issuer() == leaf.subject() {
        let message = "the certificate is self-signed: browsers and mini programs refuse it";
        return Some(warning(message.to_owned()).hint("for production get one from a public CA"));
    }
    if top.issuer() == top.subject() {
        let message = format!("the chain ends at the private root `{issuer}`: {known}");
        return Some(warning(message).hint("mini programs accept public CAs only"));
    }
    if !matches!(error, webpki::Error::UnknownIssuer) {
        return Some(warning(format!("clients will refuse the chain: {error}")));
    }
    let message = format!(
        "an intermediate is missing: the chain stops at `{}`, and no root of this system is its issuer `{issuer}`",
        top.subject()
    );
    let hint = "put the CA's intermediates behind the leaf (\"fullchain\"); some browsers and developer tools fetch what \
        is missing, Android and mini programs fail. A private CA looks the same";
    Some(warning(message).hint(hint))
}

/// Whether the certificates lead from the leaf to a root, names and dates aside: its name.
pub fn leads_to(
    chain: &[CertificateDer<'_>],
    roots: &[CertificateDer<'static>],
    now: SystemTime,
) -> Result<String, webpki::Error> {
    let bad = |_| webpki::Error::BadDer;
    let (leaf, intermediates) = chain.split_first().ok_or(webpki::Error::UnknownIssuer)?;
    let parsed = Certificate::from_der(leaf).map_err(bad)?;
    let validity = parsed.tbs_certificate().validity();
    let leaf = EndEntityCert::try_from(leaf)?;
    let anchors: Vec<TrustAnchor<'_>> =
        roots.iter().filter_map(|it| anchor_from_trusted_cert(it).ok()).collect();
    // Dates have their own finding: look at the chain on a day on which the leaf is valid.
    let first = validity.not_before.to_system_time();
    let last = validity.not_after.to_system_time();
    let day = now.max(first).min(last).duration_since(UNIX_EPOCH).unwrap_or_default();
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms.all;
    let time = UnixTime::since_unix_epoch(day);
    let usage = KeyUsage::server_auth();
    let path =
        leaf.verify_for_usage(algorithms, &anchors, intermediates, time, usage, None, None)?;
    let top = match path.intermediate_certificates().next_back() {
        Some(top) => Certificate::from_der(&top.der()).map_err(bad)?,
        None => parsed,
    };
    Ok(top.tbs_certificate().issuer().to_string())
}

/// `2026-12-24`
fn day(time: &Time) -> String {
    let text = time.to_date_time().to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

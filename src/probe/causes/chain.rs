//! What phones say to a chain: its names, its dates, its keys, and whether it is complete.

use std::time::SystemTime;

use rustls::pki_types::{CertificateDer, ServerName};
use webpki::EndEntityCert;

use super::{CERTIFICATE, fatal, warning};
use crate::probe::plan::Plan;
use crate::probe::report::{Certificate, Finding};
use crate::probe::tls::chain::issuer_url;

/// What a phone shows when the chain has a gap.
const INCOMPLETE: &str = "onError `UNABLE_TO_VERIFY_LEAF_SIGNATURE`, or `code:2, msg:Underlying \
    Transport Error`; some phones know the missing certificate from elsewhere and connect, as do \
    devtools and debug mode";

/// Renewal is due before this.
const SOON: i64 = 21;

/// Everything that phones object to. `read` is the same chain, read.
pub fn judge(
    plan: &Plan,
    chain: &[CertificateDer<'_>],
    read: &[Certificate],
    now: SystemTime,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = dates(read, now).collect();
    findings.extend(name(&plan.target.host, chain, read));
    findings.extend(completeness(plan, chain, read, now));
    findings.extend(order(read));
    findings.extend(weak(read));
    findings
}

fn dates(read: &[Certificate], now: SystemTime) -> impl Iterator<Item = Finding> {
    let today = day_of(now);
    read.iter().enumerate().filter_map(move |(place, it)| {
        let which = match place {
            0 => "the certificate".to_owned(),
            _ => format!("the intermediate `{}`", it.subject),
        };
        let renew = match place {
            0 => {
                "renew it (certbot renew), and reload the server: nginx -s reload, or SIGHUP for \
                  wsgate; a renewed file that nobody reloads changes nothing"
            }
            _ => "take the chain anew from the authority",
        };
        let (until, from) = (&it.not_after, &it.not_before);
        if *from > today {
            return Some(fatal("TLS", format!("{which} is not valid yet")).told(
                CERTIFICATE,
                format!("it is valid from {from} on"),
                "look at the clock of the machine that made it, and at this one's",
            ));
        }
        if it.days_left < 0 {
            let what = format!("{which} has expired");
            return Some(fatal("TLS", what).told(
                CERTIFICATE,
                format!("its last day was {until}"),
                renew,
            ));
        }
        (it.days_left < SOON && place == 0).then(|| {
            let what = format!("{which} expires in {} days", it.days_left);
            let cause =
                format!("its last day is {until}; if renewal is automatic, look whether it fails");
            warning("TLS", what).told("nothing yet; then every connect fails", cause, renew)
        })
    })
}

fn name(host: &str, chain: &[CertificateDer<'_>], read: &[Certificate]) -> Option<Finding> {
    let leaf = EndEntityCert::try_from(chain.first()?);
    let name = ServerName::try_from(host.to_owned()).ok()?;
    if leaf.is_ok_and(|it| it.verify_is_valid_for_subject_name(&name).is_ok()) {
        return None;
    }
    let names = read.first().map(|it| it.names.join(", ")).unwrap_or_default();
    let cause = match names.is_empty() {
        true => "it has no subject alternative name; the common name counts for nobody".to_owned(),
        false => format!(
            "it is for {names}: the server has no site of this name and shows its first one, or \
             the certificate was made for another domain"
        ),
    };
    Some(fatal("TLS", format!("the certificate is not for {host}")).told(
        CERTIFICATE,
        cause,
        "get a certificate that names this host (a wildcard covers one label only), and look \
         whether `server_name` (nginx) or `domains` (wsgate) has it",
    ))
}

fn completeness(
    plan: &Plan,
    chain: &[CertificateDer<'_>],
    read: &[Certificate],
    now: SystemTime,
) -> Option<Finding> {
    let (leaf, top) = (read.first()?, read.last()?);
    let error = plan.roots.reached_by(chain, now).err()?;
    if plan.roots.is_empty() {
        return Some(unknown());
    }
    if leaf.issuer == leaf.subject {
        return Some(self_signed("the certificate is self-signed"));
    }
    if top.issuer == top.subject {
        let what = format!("the chain ends at a private root, `{}`", top.subject);
        return Some(self_signed(&what));
    }
    if !matches!(error, webpki::Error::UnknownIssuer) {
        let draft = fatal("TLS", "phones refuse the chain");
        let action = "take certificate and chain anew from the authority";
        return Some(draft.told(CERTIFICATE, error.to_string(), action));
    }
    let place = chain.last().and_then(issuer_url);
    let place = place.map(|it| format!(" (it is at {it})")).unwrap_or_default();
    Some(fatal("TLS", "an intermediate certificate is missing").told(
        INCOMPLETE,
        format!(
            "the server sends {} and stops at `{}`; its issuer `{}` is no root{place}. A private \
             authority looks the same",
            count(read.len()),
            top.subject,
            top.issuer
        ),
        "nginx: `ssl_certificate` must be the full chain (certbot: fullchain.pem, not cert.pem; \
         others: the CA's bundle appended to the leaf), then reload; wsgate: the same file for \
         `certificate`",
    ))
}

fn unknown() -> Finding {
    fatal("TLS", "the chain cannot be judged").told(
        "unknown",
        "this machine has no root certificates",
        "install the package ca-certificates here, and probe again",
    )
}

fn self_signed(what: &str) -> Finding {
    fatal("TLS", what).told(
        CERTIFICATE,
        "phones trust public authorities only",
        "get a certificate from a public authority (Let's Encrypt, or the cloud's free one)",
    )
}

/// RFC 5246 section 7.4.2: each certificate certifies the one before it.
fn order(read: &[Certificate]) -> Option<Finding> {
    let broken = read.windows(2).any(|it| matches!(it, [one, next] if one.issuer != next.subject));
    broken.then(|| {
        warning("TLS", "the certificates do not follow one from another").told(
            "nothing, on most phones; strict TLS stacks of old Androids fail",
            "a certificate in the file is superfluous, or they are in the wrong order",
            "leaf first, then each certificate that signed the one before, and no others",
        )
    })
}

/// What iOS asks of keys and signatures (App Transport Security).
fn weak(read: &[Certificate]) -> Option<Finding> {
    let small = |it: &Certificate| {
        it.key
            .strip_prefix("RSA ")
            .and_then(|bits| bits.parse::<u32>().ok())
            .is_some_and(|it| it < 2048)
    };
    // A root's own signature counts for nothing.
    let old = |it: &Certificate| {
        let signature = it.signature.to_ascii_lowercase();
        it.issuer != it.subject && (signature.contains("sha1") || signature.contains("sha-1"))
    };
    let weak = read.iter().find(|it| small(it) || old(it))?;
    Some(fatal("TLS", "a certificate is too weak for iOS").told(
        CERTIFICATE,
        format!("`{}` has {} and {}", weak.subject, weak.key, weak.signature),
        "get a certificate with EC P-256 or RSA 2048 and SHA-256",
    ))
}

fn count(certificates: usize) -> String {
    match certificates {
        1 => "one certificate".to_owned(),
        many => format!("{many} certificates"),
    }
}

/// `2026-11-21`, which compares as dates do.
fn day_of(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string().chars().take(10).collect()
}

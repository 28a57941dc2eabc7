//! What went wrong with an order, in words that say what to do, and how soon it may be tried again.

use std::io;
use std::time::{Duration, SystemTime};

use instant_acme::{Error, Problem};

use super::ask::{AskError, Asker};
use crate::config::model::AcmeChallenge;
use crate::life::Elapsed;

/// How soon another attempt is decent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nobody refused anything: the network, the server, the disk.
    Passing,
    /// The CA said no, and will say it again until something changes.
    Refused,
    /// The CA said when.
    Until(SystemTime),
}

/// Why there is no certificate.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    /// For the log: a sentence without a full stop.
    pub(super) words: String,
    /// The CA does not know our account (any more).
    pub(super) no_account: bool,
}

/// When the CA says that it was too much, but not for how long.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// Longest text of a CA that is repeated.
const LONGEST_DETAIL: usize = 400;

impl Trouble {
    pub(super) fn refused(words: impl Into<String>) -> Self {
        Self { kind: Kind::Refused, words: words.into(), no_account: false }
    }

    pub(super) fn passing(words: impl Into<String>) -> Self {
        Self { kind: Kind::Passing, words: words.into(), no_account: false }
    }

    /// Something of the disk.
    pub(super) fn disk(what: &std::path::Path, error: &io::Error) -> Self {
        Self::passing(format!("{}: {error}", what.display()))
    }

    /// The order took too long.
    pub(super) fn late(elapsed: &Elapsed) -> Self {
        Self::passing(format!("the CA did not come to an end: {elapsed}"))
    }

    /// Any error of a request.
    pub(super) fn of(error: &Error, asker: &Asker) -> Self {
        let mut trouble = match error {
            Error::Api(problem) => Self::said(problem, asker),
            Error::Other(other) => match other.downcast_ref::<AskError>() {
                Some(error) => Self::passing(error.to_string()),
                None => Self::passing(clean(&other.to_string())),
            },
            Error::Json(_) | Error::Str(_) => {
                Self::passing(format!("the server does not answer as RFC 8555 has it: {error}"))
            }
            Error::Timeout(_) => {
                Self::passing("the order is still pending at the CA: it was given up")
            }
            Error::Unsupported(what) => Self::refused(format!("the server has no {what}")),
            error => Self::passing(error.to_string()),
        };
        if let (Kind::Passing, Some(moment)) = (trouble.kind, asker.come_back()) {
            trouble.kind = Kind::Until(moment);
        }
        trouble
    }

    /// A proof that the CA did not accept.
    pub(super) fn unproven(name: &str, challenge: AcmeChallenge, problem: &Problem) -> Self {
        let port = challenge.port();
        let advice = match kind(problem) {
            "connection" | "tls" => format!(
                "the CA cannot reach it on port {port}: does the name lead to this machine, and do firewalls let everybody in there?"
            ),
            "dns" => "the CA finds no address for it in the DNS: is there an A or AAAA record, and is it old enough to be seen?".to_owned(),
            "unauthorized" | "incorrectResponse" => format!(
                "somebody else answered the CA on port {port}: does every address of the name, IPv6 too, lead to this gateway?"
            ),
            "caa" => "a CAA record in the DNS forbids this CA to issue for it".to_owned(),
            _ => "the CA does not accept the proof".to_owned(),
        };
        let name_and_way = format!("{name} by {}", challenge.name());
        Self::refused(format!("{name_and_way}: {advice} The CA says: {}", told(problem)))
    }

    /// A problem document (RFC 8555 section 6.7).
    fn said(problem: &Problem, asker: &Asker) -> Self {
        let words = told(problem);
        match kind(problem) {
            "rateLimited" => {
                let moment = asker.come_back().unwrap_or_else(|| SystemTime::now() + PATIENCE);
                let words = format!("the CA has had enough of us for a while: {words}");
                Self { kind: Kind::Until(moment), words, no_account: false }
            }
            "accountDoesNotExist" => Self { no_account: true, ..Self::refused(words) },
            "externalAccountRequired" => {
                let what = "this CA serves its customers only: set acme.external_account";
                Self::refused(format!("{what} ({words})"))
            }
            "userActionRequired" => {
                Self::refused(format!("the CA wants somebody to agree to new terms: {words}"))
            }
            "rejectedIdentifier" => {
                Self::refused(format!("the CA does not issue for such a name: {words}"))
            }
            "badNonce" => Self::passing(format!("the CA forgets its own nonces: {words}")),
            "serverInternal" => Self::passing(words),
            _ => match problem.status.or(Some(400)) {
                Some(429) => Self::passing(words),
                Some(500..) => Self::passing(words),
                _ => Self::refused(words),
            },
        }
    }
}

/// The last word of `urn:ietf:params:acme:error:…`.
fn kind(problem: &Problem) -> &str {
    let urn = problem.r#type.as_deref().unwrap_or_default();
    urn.strip_prefix("urn:ietf:params:acme:error:").unwrap_or_default()
}

/// What the CA says, its words about each name included.
fn told(problem: &Problem) -> String {
    let mut text = problem.detail.clone().unwrap_or_default();
    for each in &problem.subproblems {
        text.push_str(&format!("; {each}"));
    }
    match kind(problem) {
        "" => clean(&text),
        kind => format!("{} ({kind})", clean(&text)),
    }
}

/// A text of somebody else's, as it may stand in a line of the log.
fn clean(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).take(LONGEST_DETAIL).collect()
}

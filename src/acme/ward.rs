//! One site whose certificate is kept: what it has, when its next step is due, and what became of the last.

use std::time::{Duration, SystemTime};

use instant_acme::CertificateIdentifier;
use rustls::pki_types::{CertificateDer, Der};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::AuthorityKeyIdentifier;

use super::account::Desk;
use super::trouble::Trouble;
use super::{Surroundings, Wanted, order, pace, store};
use crate::life::{Timer, within};
use crate::observe::books::Books;
use crate::observe::issuances::Standing;
use crate::tls::inspect::{covers, valid_between};
use crate::tls::pem;

/// How often a CA is asked when to renew: what it says itself holds in between (RFC 9773 section 4.3).
const ADVICE: (Duration, Duration) =
    (Duration::from_secs(60 * 60), Duration::from_secs(24 * 60 * 60));

/// When it could not be asked.
const ADVICE_AGAIN: Duration = Duration::from_secs(6 * 60 * 60);

/// For the directory and one question.
const ADVICE_LIMIT: Duration = Duration::from_secs(60);

/// A site and its certificate.
pub(super) struct Ward {
    wanted: Wanted,
    /// What is stored, as far as it is of use.
    stored: Option<Stored>,
    /// When the next order is due.
    due: SystemTime,
    /// When the CA is asked about the right moment.
    ask: SystemTime,
    failures: u32,
    words: String,
    tried: Option<SystemTime>,
}

struct Stored {
    leaf: CertificateDer<'static>,
    valid: (SystemTime, SystemTime),
}

impl Ward {
    pub(super) fn new(wanted: Wanted, now: SystemTime) -> Self {
        let (failures, words) = (0, String::new());
        let mut ward =
            Self { wanted, stored: None, due: now, ask: now, failures, words, tried: None };
        ward.look(now);
        ward
    }

    /// When something is to be done for it.
    pub(super) fn next_step(&self) -> SystemTime {
        if self.stored.is_some() { self.due.min(self.ask) } else { self.due }
    }

    /// Says how it stands.
    pub(super) fn note(&self, books: &Books) {
        let (failures, words) = (self.failures, self.words.clone());
        let standing = Standing { next: Some(self.due), failures, words };
        books.issuances.note(self.name(), standing);
    }

    /// Somebody wishes that what failed is tried again.
    pub(super) fn hurry(&mut self, now: SystemTime) {
        let long_ago = |it: SystemTime| it + pace::BETWEEN_WISHES <= now;
        if self.failures > 0 && self.tried.is_none_or(long_ago) {
            self.due = now;
        }
    }

    /// Does what is due.
    pub(super) async fn step(&mut self, desk: &Desk, around: &Surroundings) {
        let now = SystemTime::now();
        if self.due <= now {
            self.order(desk, around).await;
        } else {
            self.take_advice(desk, now).await;
        }
        self.note(&around.books);
    }

    async fn order(&mut self, desk: &Desk, around: &Surroundings) {
        let names = &self.wanted.names;
        tracing::info!(
            site = self.name(),
            ca = desk.settings.authority(),
            by = desk.settings.challenge.name(),
            "ordering a certificate"
        );
        self.tried = Some(SystemTime::now());
        let replaces = self.stored.as_ref().and_then(|it| identifier(&it.leaf));
        let replaces = replaces.filter(|_| desk.settings.renew_before.is_none());
        let issued = order::order(desk, names, replaces, &around.challenges).await;
        let kept = match issued {
            Ok(pem) => self.keep(&pem).await,
            Err(trouble) => Err(trouble),
        };
        let books = &around.books;
        match kept {
            Ok(()) => {
                books.issuances.issued.add(1);
                let now = SystemTime::now();
                self.look(now);
                self.plan(desk, now);
                around.renewed.notify_one();
                let renewal = humantime::format_rfc3339_seconds(self.due);
                tracing::info!(site = self.name(), %renewal, "a certificate was issued");
            }
            Err(trouble) => {
                books.issuances.failed.add(1);
                self.failed(trouble);
            }
        }
    }

    async fn keep(&self, pem: &str) -> Result<(), Trouble> {
        let file = &self.wanted.file;
        store::write(file, pem.as_bytes()).await.map_err(|error| Trouble::disk(file, &error))
    }

    fn failed(&mut self, trouble: Trouble) {
        self.failures = self.failures.saturating_add(1);
        self.due = pace::retry(trouble.kind, self.failures, SystemTime::now(), rand::random());
        let next = humantime::format_rfc3339_seconds(self.due);
        let (site, failures, why) = (self.name(), self.failures, &trouble.words);
        tracing::warn!(site, failures, %next, "no certificate was issued: {why}");
        self.words = trouble.words;
    }

    /// Reads what is stored. What is not for every name, or cannot be read, is due at once.
    fn look(&mut self, now: SystemTime) {
        let file = &self.wanted.file;
        let whole = pem::read_chain(file).ok().filter(|_| pem::read_key(file).is_ok());
        let whole = whole.filter(|it| self.wanted.names.iter().all(|name| covers(it, name)));
        let leaf = whole.and_then(|it| it.into_iter().next());
        self.stored = leaf.and_then(|leaf| Some(Stored { valid: valid_between(&leaf)?, leaf }));
        (self.due, self.ask) = (now, now);
    }
}

impl Ward {
    /// The site's first domain.
    fn name(&self) -> &str {
        self.wanted.names.first().map_or("", String::as_str)
    }

    /// From here on it is in order: when it is due by its dates alone.
    pub(super) fn plan(&mut self, desk: &Desk, now: SystemTime) {
        (self.failures, self.words) = (0, String::new());
        if let Some(stored) = &self.stored {
            self.due = pace::renewal(stored.valid, desk.settings.renew_before);
            let advised = desk.settings.renew_before.is_none();
            self.ask = if advised { now } else { self.due };
        }
    }

    /// Asks the CA when it would like to renew it (RFC 9773). Many have no opinion.
    async fn take_advice(&mut self, desk: &Desk, now: SystemTime) {
        let Some(stored) = &self.stored else { return };
        let asking = async {
            let identifier = identifier(&stored.leaf)?;
            desk.known_account().await?.renewal_info(&identifier).await.ok()
        };
        let answer = within(Some(ADVICE_LIMIT), Timer::AcmeRequest, asking).await.ok().flatten();
        let Some((advice, again)) = answer else {
            self.ask = now + ADVICE_AGAIN;
            return;
        };
        let window = (advice.suggested_window.start.into(), advice.suggested_window.end.into());
        // What failed has a pace of its own, and a CA that is never content must not keep us busy.
        if self.failures == 0 {
            let earliest = self.tried.map_or(now, |it| it + pace::BETWEEN_SUGGESTIONS);
            self.due = pace::suggested(stored.valid, window, rand::random()).max(earliest);
        }
        self.ask = now + again.clamp(ADVICE.0, ADVICE.1);
    }
}

/// How a CA that suggests moments of renewal knows a certificate (RFC 9773 section 4.1).
fn identifier(leaf: &CertificateDer<'_>) -> Option<CertificateIdentifier<'static>> {
    let leaf = Certificate::from_der(leaf).ok()?;
    let leaf = leaf.tbs_certificate();
    let (_, issuer): (bool, AuthorityKeyIdentifier) = leaf.get_extension().ok()??;
    let issuer = issuer.key_identifier?;
    let serial = leaf.serial_number().as_bytes();
    let identifier =
        CertificateIdentifier::new(Der::from_slice(issuer.as_bytes()), Der::from_slice(serial));
    Some(identifier.into_owned())
}

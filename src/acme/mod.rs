//! Certificates that the gateway orders itself (RFC 8555): which site is due, one order after another, and what is
//! kept on disk. Knows no listener: what a CA may see goes to `challenges`, what is new is read by `tls`.

mod account;
mod ask;
mod order;
mod pace;
mod store;
mod trouble;
mod ward;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::time::sleep;

use self::account::Desk;
use self::ask::Asker;
use self::ward::Ward;
use crate::challenges::Challenges;
use crate::config::Config;
use crate::config::model::{Acme, BackendTls};
use crate::observe::books::Books;
use crate::tls::LoadError;
use crate::tls::client::Client;

/// What is to be ordered, and where.
#[derive(Clone, Debug)]
pub struct Plan {
    settings: Acme,
    sites: Vec<Wanted>,
    /// The content of `acme.ca`.
    trusted: Vec<u8>,
    client: Client,
}

/// One site's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    /// What it has to be for, the site's first domain first.
    names: Vec<String>,
    /// Where it is kept, with its key.
    file: PathBuf,
}

/// What orders work with.
#[derive(Clone)]
pub struct Surroundings {
    /// What a CA may see.
    pub challenges: Arc<Challenges>,
    /// Where it is noted what became of them.
    pub books: Arc<Books>,
    /// Told of each new certificate on disk.
    pub renewed: Arc<Notify>,
    /// Tells that what failed is to be tried again now.
    pub again: Arc<Notify>,
}

impl Plan {
    /// What `config` asks for; `None` when no site has its certificate from here.
    ///
    /// # Errors
    /// [`LoadError`] when `acme.ca` cannot be used.
    pub fn of(config: &Config) -> Result<Option<Self>, LoadError> {
        let Some(settings) = config.acme.clone() else { return Ok(None) };
        let trust = BackendTls { ca: settings.ca.clone(), server_name: None, client: None };
        let client = Client::load(&trust)?;
        let content = settings.ca.as_ref().map(|it| std::fs::read(&it.value));
        let trusted = content.and_then(Result::ok).unwrap_or_default();
        let automatic = config.sites.iter().filter(|it| it.automatic);
        let wanted = automatic.map(|site| Wanted {
            names: site.domains.iter().map(|it| it.value.clone()).collect(),
            file: site.certificate.value.clone(),
        });
        Ok(Some(Self { sites: wanted.collect(), settings, trusted, client }))
    }

    /// Whether the other asks for the same in the same way, so that orders under way may go on.
    pub fn is_like(&self, other: &Self) -> bool {
        let of = |it: &Self| {
            let it = &it.settings;
            (
                (it.directory.clone(), it.contact.clone(), it.storage.clone()),
                (it.challenge, it.renew_before, it.external_account.clone()),
            )
        };
        of(self) == of(other) && self.sites == other.sites && self.trusted == other.trusted
    }
}

/// Keeps the certificates of a plan, one order at a time, until it is dropped. Of all processes that share a folder
/// one does so.
pub async fn keep(plan: Plan, around: Surroundings) {
    let storage = &plan.settings.storage;
    let _lock = store::lock(storage).await;
    around.books.issuances.retain(|site| plan.sites.iter().any(|it| it.names[..1] == [site]));
    let desk = Desk::new(&plan.settings, Asker::new(plan.client.clone()));
    let now = SystemTime::now();
    let mut wards: Vec<Ward> = plan.sites.into_iter().map(|it| Ward::new(it, now)).collect();
    wards.iter_mut().for_each(|it| it.plan(&desk, now));
    loop {
        let Some(next) = wards.iter_mut().min_by_key(|it| it.next_step()) else { return };
        let wait = next.next_step().duration_since(SystemTime::now()).unwrap_or_default();
        if wait > Duration::ZERO {
            wards.iter().for_each(|it| it.note(&around.books));
            tokio::select! {
                // The clock may be turned meanwhile.
                () = sleep(wait.min(LONGEST_SLEEP)) => {}
                () = around.again.notified() => {
                    wards.iter_mut().for_each(|it| it.hurry(SystemTime::now()));
                }
            }
            continue;
        }
        next.step(&desk, &around).await;
    }
}

/// After which the clock is looked at again.
const LONGEST_SLEEP: Duration = Duration::from_secs(60 * 60);

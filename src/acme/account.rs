//! The account at the CA: made once, kept on disk, found again at each order.

use std::path::PathBuf;

use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};
use serde::{Deserialize, Serialize};

use super::ask::Asker;
use super::store;
use super::trouble::Trouble;
use crate::config::model::Acme;

/// Where orders are made.
pub(super) struct Desk {
    pub(super) settings: Acme,
    pub(super) asker: Asker,
}

/// What is kept of an account.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Whom the CA was last told to write to.
    contact: Vec<String>,
    /// Its address at the CA, and its key.
    credentials: AccountCredentials,
}

impl Desk {
    pub(super) fn new(settings: &Acme, asker: Asker) -> Self {
        Self { settings: settings.clone(), asker }
    }

    /// The account that is kept; a new one where there is none, or none that can be read.
    pub(super) async fn account(&self) -> Result<Account, Trouble> {
        let path = self.path();
        let text = match tokio::fs::read(&path).await {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return self.open().await,
            Err(error) => return Err(Trouble::disk(&path, &error)),
        };
        match serde_json::from_slice::<Kept>(&text) {
            Ok(kept) => self.return_with(kept).await,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the stored ACME account is no use, another is made");
                self.open().await
            }
        }
    }

    /// The account that is kept, if there is one; nobody is asked for a new one.
    pub(super) async fn known_account(&self) -> Option<Account> {
        let text = tokio::fs::read(self.path()).await.ok()?;
        let kept: Kept = serde_json::from_slice(&text).ok()?;
        self.return_with(kept).await.ok()
    }

    /// Forgets an account that the CA does not know.
    pub(super) async fn forget(&self) -> Result<(), Trouble> {
        let path = self.path();
        tracing::warn!(path = %path.display(), "the CA does not know the stored ACME account, another is made");
        tokio::fs::remove_file(&path).await.map_err(|error| Trouble::disk(&path, &error))
    }

    /// An error of a request, in words.
    pub(super) fn trouble(&self, error: &instant_acme::Error) -> Trouble {
        Trouble::of(error, &self.asker)
    }

    async fn open(&self) -> Result<Account, Trouble> {
        let settings = &self.settings;
        // A disk that keeps no account must not cost the CA one at each attempt.
        let trial = self.settings.folder.join("trial");
        let kept = store::write(&trial, b"").await;
        kept.map_err(|error| Trouble::disk(&trial, &error))?;
        // Left behind it does no harm.
        let _ = tokio::fs::remove_file(&trial).await;
        let contact: Vec<&str> = settings.contact.iter().map(String::as_str).collect();
        let wish = NewAccount {
            contact: &contact,
            // The configuration is not valid without this.
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let external = settings.external_account.as_ref();
        let external = external.map(|it| ExternalAccountKey::new(it.key_id.clone(), &it.hmac_key));
        let builder = Account::builder_with_http(Box::new(self.asker.clone()));
        let made = builder.create(&wish, settings.directory.clone(), external.as_ref()).await;
        let (account, credentials) = made.map_err(|error| self.trouble(&error))?;
        tracing::info!(
            directory = settings.directory,
            account = account.id(),
            "an ACME account was made"
        );
        let kept = Kept { contact: settings.contact.clone(), credentials };
        self.keep(&json(&kept)?).await?;
        Ok(account)
    }

    async fn return_with(&self, kept: Kept) -> Result<Account, Trouble> {
        let failed = |error| self.trouble(&error);
        let mut text = Vec::new();
        let settled = kept.contact == self.settings.contact;
        if !settled {
            let contact = self.settings.contact.clone();
            let Kept { credentials, .. } = &kept;
            text = json(&serde_json::json!({ "contact": contact, "credentials": credentials }))?;
        }
        let builder = Account::builder_with_http(Box::new(self.asker.clone()));
        let account = builder.from_credentials(kept.credentials).await.map_err(failed)?;
        if !settled {
            let contact: Vec<&str> = self.settings.contact.iter().map(String::as_str).collect();
            account.update_contacts(&contact).await.map_err(failed)?;
            self.keep(&text).await?;
        }
        Ok(account)
    }

    async fn keep(&self, text: &[u8]) -> Result<(), Trouble> {
        let path = self.path();
        store::write(&path, text).await.map_err(|error| Trouble::disk(&path, &error))
    }

    fn path(&self) -> PathBuf {
        self.settings.folder.join("account.json")
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Trouble> {
    serde_json::to_vec_pretty(value).map_err(|error| Trouble::passing(error.to_string()))
}

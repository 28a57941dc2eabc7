//! What `[acme]` names, as far as it can be judged before anything is ordered.

use super::problem;
use crate::config::model::{Acme, BackendTls, Spot};
use crate::config::{Level, Problem};
use crate::tls::client::Client;

/// What is wrong with the roots for the directory, and with the place for certificates.
pub fn inspect(acme: &Acme, storage_at: Option<&Spot>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let trust = BackendTls { ca: acme.ca.clone(), server_name: None, client: None };
    if let Err(error) = Client::load(&trust) {
        let message = format!("the ACME server could not be trusted: {error}");
        problems.push(match &acme.ca {
            Some(ca) => problem(Level::Error, &ca.spot, message),
            None => Problem::error(None, message).hint("install the package ca-certificates"),
        });
    }
    let storage = acme.storage.display();
    if acme.storage.exists() && !acme.storage.is_dir() {
        let message = format!("acme.storage: `{storage}` is not a folder");
        problems.push(Problem::error(storage_at.cloned(), message));
    }
    problems
}

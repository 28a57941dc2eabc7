//! The files for TLS toward backends.

use crate::config::Level;
use crate::config::Problem;
use crate::config::model::{Backend, Located, Spot};
use crate::tls::LoadError;
use crate::tls::client::Client;

use super::problem;

/// What keeps a backend from being spoken to.
pub(super) fn inspect(backend: &Backend) -> Option<Problem> {
    let secure = backend.servers.iter().find(|it| it.tls)?;
    let error = Client::load(&backend.tls).err()?;
    let spot = place(backend, &error).unwrap_or(&secure.address.spot);
    let found = problem(Level::Error, spot, error.to_string());
    Some(match error {
        LoadError::NoRoots => found.hint("name the file of the CA: tls = { ca = \"…\" }"),
        _ => found,
    })
}

fn place<'a>(backend: &'a Backend, error: &LoadError) -> Option<&'a Spot> {
    fn spot<T>(it: &Located<T>) -> &Spot {
        &it.spot
    }
    let client = backend.tls.client.as_ref();
    match error {
        LoadError::Ca { .. } => backend.tls.ca.as_ref().map(spot),
        LoadError::Key { .. } => client.map(|it| spot(&it.1)),
        LoadError::Certificate { .. } | LoadError::Pair { .. } => client.map(|it| spot(&it.0)),
        _ => None,
    }
}

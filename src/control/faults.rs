//! Why a gateway does not start, or does not take a configuration.

use std::io;
use std::path::PathBuf;

use super::window::AdminError;
use crate::accept::ListenError;
use crate::http::SpellingError;
use crate::snapshot::BuildError;

/// Why a gateway did not start. Nothing is left running then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A certificate or key.
    #[error(transparent)]
    Load(#[from] BuildError),
    /// An address.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The address of the admin listener.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The file for access lines.
    #[error("the access log `{}` cannot be opened: {error}", path.display())]
    AccessLog {
        /// Where it would be.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// The event loops beside the one that it is started on.
    #[error("an event loop cannot be started: {0}")]
    Loops(#[source] io::Error),
    /// hyper does not do what we rely on.
    #[error(transparent)]
    Spelling(#[from] SpellingError),
}

/// Why a reload changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// A certificate or key.
    #[error(transparent)]
    Load(#[from] BuildError),
    /// An address that is new.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A new address of the admin listener.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

//! Where something stands in an nginx configuration. Knows nothing else.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A line and a column, both from 1; the column counts bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// As it was opened, or as `nginx -T` names it.
    pub file: Arc<Path>,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

/// `file:line`
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Why a text is not an nginx configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}:{}: {message}", place.column)]
pub struct SyntaxError {
    /// Where reading stopped.
    pub place: Place,
    /// What was found there.
    pub message: String,
}

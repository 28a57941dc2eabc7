//! The descriptor limit: services often start with 1024, and a socket needs two.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one and returns what holds then; `None` is no limit.
pub(super) fn raise_descriptors() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        // A hardened unit forbids the call; the limit must come from the unit then.
        Err(error) => {
            tracing::debug!(%error, "the descriptor limit stays as it is");
            limit.current
        }
    }
}

//! The words for how a connection lives and ends, and the only way to wait. Knows no other room.
//!
//! Every connection, request and socket ends in exactly one [`End`]: who ended it, at which
//! [`Stage`], and the [`Cause`]. The same value goes into the close frame, the access line and the
//! counter, so the three can never disagree.

mod bucket;
mod cause;
mod words;

use std::fmt;
use std::future::Future;
use std::time::Duration;

pub use bucket::{Bucket, Pace};
pub use cause::Cause;
pub use words::{By, Fault, Refusal, Rule, Stage, Timer, TlsFault};

/// Waits for `work`, at most `limit`.
///
/// `timer` names the wait, so that whoever reads the log knows which key of the configuration
/// ended it. No limit (`None`) means that the configuration says `"off"`.
///
/// # Errors
/// [`Elapsed`] when the limit passed first; the work is dropped then.
pub async fn within<F: Future>(
    limit: Option<Duration>,
    timer: Timer,
    work: F,
) -> Result<F::Output, Elapsed> {
    match limit {
        None => Ok(work.await),
        #[allow(clippy::disallowed_methods, reason = "this is the one place that names every wait")]
        Some(limit) => match tokio::time::timeout(limit, work).await {
            Ok(output) => Ok(output),
            Err(_) => Err(Elapsed { timer, limit }),
        },
    }
}

/// A wait that ran out: which one, and how long it was allowed to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} ran out after {limit:?}", timer.name())]
pub struct Elapsed {
    /// Which wait it was.
    pub timer: Timer,
    /// Its limit from the configuration.
    pub limit: Duration,
}

/// How something ended. One value feeds the close frame, the access line and the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Who ended it.
    pub by: By,
    /// How far it had come.
    pub stage: Stage,
    /// Why.
    pub cause: Cause,
}

impl End {
    /// Puts the three together.
    pub const fn new(by: By, stage: Stage, cause: Cause) -> Self {
        Self { by, stage, cause }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by={} stage={}", self.cause, self.by.name(), self.stage.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_that_runs_out_says_which_one_it_was() {
        let limit = Some(Duration::from_millis(5));
        let waited = within(limit, Timer::Connect, std::future::pending::<()>()).await;
        let elapsed = waited.expect_err("nothing ever comes");
        assert_eq!(elapsed.timer, Timer::Connect);
        assert_eq!(elapsed.to_string(), "connect_timeout ran out after 5ms");
    }
}

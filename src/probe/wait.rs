//! How long each stage may take: every wait has a name and a limit. Knows nothing of the stages.

use std::future::Future;
use std::time::Duration;

/// The limits of a probe.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// The resolver's answer.
    pub lookup: Duration,
    /// A TCP connection, for each address.
    pub connect: Duration,
    /// A TLS handshake.
    pub tls: Duration,
    /// The answer to the WebSocket handshake: mini programs give up after 60 s by default.
    pub answer: Duration,
    /// The body of a refusal.
    pub body: Duration,
    /// A first frame that nothing was sent for; many servers speak only when spoken to.
    pub first_frame: Duration,
    /// The answer to what `--send` said.
    pub reply: Duration,
    /// The answer to a Ping.
    pub pong: Duration,
    /// The server's part of the closing handshake, and a last write.
    pub close: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            lookup: Duration::from_secs(10),
            connect: Duration::from_secs(5),
            tls: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            body: Duration::from_secs(5),
            first_frame: Duration::from_secs(2),
            reply: Duration::from_secs(10),
            pong: Duration::from_secs(10),
            close: Duration::from_secs(5),
        }
    }
}

/// A wait that ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: nothing within {limit:?}")]
pub struct Elapsed {
    /// What was waited for.
    pub name: &'static str,
    /// How long.
    pub limit: Duration,
}

/// Waits for `work`, at most `limit`.
///
/// # Errors
/// [`Elapsed`] when the limit passed first; the work is dropped then.
pub async fn within<T>(
    name: &'static str,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Result<T, Elapsed> {
    // `life::within` names its waits by the gateway's keys; a probe has none of them.
    #[allow(clippy::disallowed_methods, reason = "the one place of this room that waits")]
    let waited = tokio::time::timeout(limit, work).await;
    waited.map_err(|_| Elapsed { name, limit })
}

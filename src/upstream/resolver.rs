//! Who says what a name stands for: the system's resolver. Knows nothing of pools.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;

/// What a look-up finds.
pub(super) type Found = io::Result<Vec<SocketAddr>>;

/// Looks names up. Tests have one of their own, whose names move.
#[derive(Clone)]
pub(super) struct Resolver(Arc<Ask>);

type Ask = dyn Fn(String, u16) -> BoxFuture<'static, Found> + Send + Sync;

impl Resolver {
    /// One that asks `ask`.
    pub(super) fn new(
        ask: impl Fn(String, u16) -> BoxFuture<'static, Found> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(ask))
    }

    /// Every address of a name, always in the same order, at most [`ADDRESSES_MOST`]; the caller
    /// bounds the wait.
    ///
    /// # Errors
    /// What the system says; `NotFound` when the name has no address.
    pub(super) async fn ask(&self, host: &str, port: u16) -> Found {
        let mut found = (self.0)(host.to_owned(), port).await?;
        found.truncate(ADDRESSES_MOST);
        found.sort_unstable();
        found.dedup();
        if found.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(found) }
    }
}

/// The system's.
impl Default for Resolver {
    fn default() -> Self {
        Self::new(|host, port| {
            Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
        })
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

/// Addresses of one name that become servers.
const ADDRESSES_MOST: usize = 64;

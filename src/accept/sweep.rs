//! The accept loop: bounded by permits, backing off when the system has nothing left to give.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::listen::Bound;
use crate::drain::{Guard, Phase, Watch};
use crate::observe::books::Books;
use crate::observe::metrics::Present;
use crate::stream::Socket;

/// The first pause after the system had no descriptor or memory; it doubles each time.
const PAUSE_FIRST: Duration = Duration::from_millis(5);

/// The longest such pause: connections that end meanwhile free what is missing.
const PAUSE_LONGEST: Duration = Duration::from_secs(1);

/// A connection nobody has read from yet, and what it holds as long as it lives.
#[derive(Debug)]
pub struct Accepted {
    /// The socket.
    pub socket: Socket,
    /// The peer's address; `None` for a unix socket.
    pub peer: Option<SocketAddr>,
    /// The address that it came to; `None` for a unix socket.
    pub local: Option<SocketAddr>,
    /// What it holds until it ends.
    pub held: Held,
}

/// One place among `max_connections`, in the drain's count and in the gauge.
#[derive(Debug)]
pub struct Held {
    _permit: OwnedSemaphorePermit,
    _guard: Guard,
    _present: Present,
}

/// Accepts until the drain begins and hands each connection to `take`, which must not block.
///
/// While `permits` are used up nothing is accepted: the kernel's queue waits.
pub async fn accept_on(
    bound: Bound,
    permits: Arc<Semaphore>,
    mut drain: Watch,
    books: Arc<Books>,
    mut take: impl FnMut(Accepted),
) {
    let watch = drain.clone();
    let accepting = async {
        let mut pause = PAUSE_FIRST;
        // Only closing the semaphore makes this end, and nobody does.
        while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
            match bound.accept().await {
                Ok((socket, peer)) => {
                    pause = PAUSE_FIRST;
                    books.metrics.accepted.add(1);
                    let held = Held {
                        _permit: permit,
                        _guard: watch.guard(),
                        _present: books.metrics.connections.enter(),
                    };
                    let local = socket.local_addr();
                    take(Accepted { socket, peer, local, held });
                }
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    books.metrics.accept_errors.add(1);
                    tracing::error!(%error, ?pause, "cannot accept; trying again after a pause");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_LONGEST);
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = drain.reached(Phase::Draining) => {}
    }
}

/// Errors of a connection that broke while it was queued: the next one may be fine.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, InvalidInput, TimedOut};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | InvalidInput | TimedOut
    )
}

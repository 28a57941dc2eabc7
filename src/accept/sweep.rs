//! The accept loop: bounded by permits, backing off when the system has nothing left to give.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::crowd::Place;
use super::listen::{Bound, Caller};
use crate::drain::{Guard, Watch};
use crate::observe::books::Books;
use crate::observe::metrics::Present;
use crate::stream::{Homeless, Socket};

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
    /// Its place among those of its address.
    pub place: Option<Place>,
    /// Its seat on an event loop.
    pub seat: Option<Present>,
}

/// A connection as it comes to the event loop that it stays on.
#[derive(Debug)]
pub enum Arrival {
    /// It was accepted there.
    Here(Accepted),
    /// It comes from another.
    Sent(Parcel),
}

/// A connection on its way from one event loop to another.
#[derive(Debug)]
pub struct Parcel {
    socket: Homeless,
    peer: Option<SocketAddr>,
    local: Option<SocketAddr>,
    held: Held,
}

impl Accepted {
    /// A connection that was just accepted, counted from here on.
    pub fn new(
        (socket, peer): Caller,
        permit: OwnedSemaphorePermit,
        drain: &Watch,
        books: &Books,
    ) -> Self {
        books.metrics.accepted.add(1);
        let held = Held {
            _permit: permit,
            _guard: drain.guard(),
            _present: books.metrics.connections.enter(),
            place: None,
            seat: None,
        };
        let local = socket.local_addr();
        Self { socket, peer, local, held }
    }

    /// Takes it off this event loop.
    ///
    /// # Errors
    /// Those of epoll_ctl(2); the connection is closed then.
    pub fn leave(self) -> io::Result<Parcel> {
        let Self { socket, peer, local, held } = self;
        Ok(Parcel { socket: socket.leave()?, peer, local, held })
    }
}

impl Arrival {
    /// Settles it on this event loop.
    ///
    /// # Errors
    /// Those of epoll_ctl(2); the connection is closed then.
    pub fn settle(self) -> io::Result<Accepted> {
        match self {
            Self::Here(accepted) => Ok(accepted),
            Self::Sent(Parcel { socket, peer, local, held }) => {
                Ok(Accepted { socket: socket.settle()?, peer, local, held })
            }
        }
    }
}

/// Accepts for ever and hands each connection to `take`, which must not block.
///
/// While `permits` are used up nothing is accepted: the kernel's queue waits.
pub async fn accept_on(
    bound: &Bound,
    permits: &Arc<Semaphore>,
    drain: &Watch,
    books: &Books,
    mut take: impl FnMut(Accepted),
) {
    let mut pause = PAUSE_FIRST;
    // Only closing the semaphore makes this end, and nobody does.
    while let Ok((caller, permit)) = next(bound, permits).await {
        match caller {
            Ok(caller) => {
                pause = PAUSE_FIRST;
                take(Accepted::new(caller, permit, drain, books));
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                drop(permit);
                books.metrics.accept_errors.add(1);
                tracing::error!(%error, pause_s = pause.as_secs_f64(), "cannot accept; trying again after a pause");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_LONGEST);
            }
        }
    }
}

/// Accepts what the kernel has queued so far: closing the socket would reset it, although the
/// clients have every reason to think that they are connected.
pub async fn accept_rest(
    bound: &Bound,
    permits: &Arc<Semaphore>,
    drain: &Watch,
    books: &Books,
    mut take: impl FnMut(Accepted),
) {
    while let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
        match poll_fn(|cx| Poll::Ready(bound.poll_accept(cx))).await {
            Poll::Ready(Ok(caller)) => take(Accepted::new(caller, permit, drain, books)),
            Poll::Ready(Err(error)) if concerns_one_connection(&error) => {}
            Poll::Ready(Err(_)) | Poll::Pending => return,
        }
    }
}

/// The next connection and its permit. A listener that nobody calls keeps none: with few permits and
/// many listeners those who call elsewhere could not have them all.
async fn next(
    bound: &Bound,
    permits: &Arc<Semaphore>,
) -> Result<(io::Result<Caller>, OwnedSemaphorePermit), AcquireError> {
    loop {
        let mut permit = Some(Arc::clone(permits).acquire_owned().await?);
        // Accepting takes a permit, waiting for somebody takes none. Who is woken without one goes
        // for one first, since asking the socket would already accept.
        let called = poll_fn(|cx| {
            let Some(held) = permit.take() else { return Poll::Ready(None) };
            bound.poll_accept(cx).map(|caller| Some((caller, held)))
        });
        if let Some(both) = called.await {
            return Ok(both);
        }
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

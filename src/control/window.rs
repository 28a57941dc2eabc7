//! The admin listener: opened beside the doors, moved by a reload, handed over with them, and open
//! until the end of the drain. Its connections are none of the gateway's clients.

use std::fs::Permissions;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::sleep;

use super::contained::contained;
use super::doors::Doors;
use super::gateway::{Shared, spawn};
use crate::accept::{Bound, ListenError, Loan};
use crate::admin::{self, Office, Reach};
use crate::config::model::{Admin, ListenAddress};
use crate::drain::{Phase, Watch};

/// Connections at once; what is beyond waits in the kernel's queue.
const CONNECTIONS: usize = 64;

/// A pause after the system had no descriptor or memory for a connection.
const PAUSE: Duration = Duration::from_millis(200);

/// Owner and group may read and write: connecting to a unix socket is writing to it.
const MODE: u32 = 0o660;

/// The admin listener of the running configuration, if it has one.
pub(super) struct Window {
    office: Office,
    open: Option<Open>,
}

struct Open {
    /// As the configuration has it.
    address: ListenAddress,
    /// Until it is closed nobody else gets that socket of systemd's.
    _loan: Option<Loan>,
    bound: Arc<Bound>,
    closing: Arc<Notify>,
}

/// The admin listener cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("[admin] listen: {0}; another address, or \"off\", is the way out")]
pub struct AdminError(#[source] ListenError);

/// What is to become of it.
pub(super) enum Move {
    /// It stays as it is.
    Stay,
    /// It is closed.
    Close,
    /// It is opened here, and closed where it was.
    Open(ListenAddress, Bound),
}

impl Window {
    /// Closed as yet; clients may have so many `connections`.
    pub(super) fn new(shared: &Shared, drain: &Watch, connections: usize) -> Self {
        let (books, snapshot) = (Arc::clone(&shared.books), Arc::clone(&shared.snapshot));
        let (drain, reach) = (drain.clone(), Reach::Loopback);
        let office = Office { books, drain, snapshot, reach, connections };
        Self { office, open: None }
    }

    /// Binds the address of `admin` unless it is open there already.
    ///
    /// # Errors
    /// [`AdminError`]; nothing has changed then.
    pub(super) async fn plan(&self, admin: &Admin, doors: &mut Doors) -> Result<Move, AdminError> {
        let Some(address) = &admin.listen else { return Ok(Move::Close) };
        if self.open.as_ref().is_some_and(|it| it.address == *address) {
            return Ok(Move::Stay);
        }
        let bound = doors.bind(address).await.map_err(AdminError)?;
        if let ListenAddress::Unix(path) = bound.address() {
            let opened = std::fs::set_permissions(path, Permissions::from_mode(MODE));
            let failed = |source| AdminError(ListenError::Unix { path: path.clone(), source });
            opened.map_err(failed)?;
        }
        Ok(Move::Open(address.clone(), bound))
    }

    /// Does what was planned.
    pub(super) fn apply(&mut self, plan: Move) {
        if matches!(plan, Move::Stay) {
            return;
        }
        if let Some(old) = self.open.take() {
            old.closing.notify_one();
        }
        if let Move::Open(address, mut bound) = plan {
            tracing::info!(address = %bound.address(), "the admin listener is open");
            let loan = bound.take_loan();
            let (bound, closing) = (Arc::new(bound), Arc::new(Notify::new()));
            let office = Office { reach: reach(bound.address()), ..self.office.clone() };
            spawn(listen(Arc::clone(&bound), Arc::clone(&closing), office));
            self.open = Some(Open { address, _loan: loan, bound, closing });
        }
    }

    /// Where it is open; port 0 has become a real one.
    pub(super) fn address(&self) -> Option<&ListenAddress> {
        self.open.as_ref().map(|it| it.bound.address())
    }

    /// Its socket, under the name that a new process finds it by.
    pub(super) fn socket(&self) -> Option<(String, BorrowedFd<'_>)> {
        self.open.as_ref().map(|it| (it.address.to_string(), it.bound.as_fd()))
    }

    /// Another process answers there from now on.
    pub(super) fn give_away(&mut self) {
        if let Some(open) = self.open.take() {
            open.bound.give_away();
            open.closing.notify_one();
        }
    }
}

/// Accepts until it is closed, or until the gateway is cut.
async fn listen(bound: Arc<Bound>, closing: Arc<Notify>, office: Office) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let accept = async {
        // Only closing the semaphore makes this end, and nobody does.
        while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
            match bound.accept().await {
                Ok((socket, _)) => {
                    let office = office.clone();
                    let books = Arc::clone(&office.books);
                    let serve = async move {
                        admin::serve(socket, office).await;
                        drop(permit);
                    };
                    spawn(contained(Box::pin(serve), books));
                }
                Err(error) => {
                    tracing::warn!(%error, "the admin listener cannot accept");
                    sleep(PAUSE).await;
                }
            }
        }
    };
    let mut drain = office.drain.clone();
    tokio::select! {
        () = accept => {}
        () = closing.notified() => tracing::info!(address = %bound.address(), "the admin listener is closed"),
        () = drain.reached(Phase::Cutting) => {}
    }
}

fn reach(address: &ListenAddress) -> Reach {
    match address {
        ListenAddress::Tcp(at) if at.ip().to_canonical().is_loopback() => Reach::Loopback,
        ListenAddress::Tcp(_) => Reach::Network,
        ListenAddress::Unix(_) | ListenAddress::Systemd(_) => Reach::File,
    }
}

//! Binding what the configuration names, or taking over a socket that is bound already.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use socket2::{Domain, Type};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::inherited::{Loan, Ready};
use crate::config::model::ListenAddress;
use crate::stream::Socket;

/// Connections that the kernel queues for us; it lowers this to net.core.somaxconn.
const BACKLOG: i32 = 4096;

/// A listening socket. Dropping it closes it, and removes a unix socket's file.
#[derive(Debug)]
pub struct Bound {
    kind: Kind,
    address: ListenAddress,
    /// Somebody else goes on with it.
    given_away: AtomicBool,
    /// Of a socket that stays with [`super::Inherited`].
    loan: Option<Loan>,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// A TCP address.
    #[error("cannot listen on {address}: {source}")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A unix socket's path.
    #[error("cannot listen on unix:{}: {source}", path.display())]
    Unix {
        /// The path.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A socket of systemd's that it did not hand over.
    #[error(
        "systemd gave no (further) socket of the name `{0}`: the socket unit needs FileDescriptorName={0}, and the service a restart after it"
    )]
    NotGiven(String),
    /// A socket that was handed over and cannot be used.
    #[error("the socket for {address} that was handed over cannot be used: {source}")]
    Inherited {
        /// The address in the configuration.
        address: ListenAddress,
        /// The operating system's reason.
        source: io::Error,
    },
}

/// Listens on `address`; inside a tokio runtime.
///
/// # Errors
/// [`ListenError`] with the address and the operating system's reason.
pub(super) async fn bind(address: &ListenAddress) -> Result<Bound, ListenError> {
    let (kind, address) = match address {
        ListenAddress::Tcp(at) => {
            let (listener, at) =
                tcp(*at).map_err(|source| ListenError::Tcp { address: *at, source })?;
            (Kind::Tcp(listener), ListenAddress::Tcp(at))
        }
        ListenAddress::Unix(path) => {
            let failed = |source| ListenError::Unix { path: path.clone(), source };
            let listener = unix(path).await.map_err(failed)?;
            (Kind::Unix(listener), address.clone())
        }
        ListenAddress::Systemd(name) => return Err(ListenError::NotGiven(name.clone())),
    };
    Ok(Bound { kind, address, given_away: AtomicBool::new(false), loan: None })
}

/// Goes on with a socket that listens already, under the name that the configuration has for it.
/// `loan` is that of a socket which somebody keeps.
pub(super) fn take_over(
    address: &ListenAddress,
    ready: Ready,
    loan: Option<Loan>,
) -> Result<Bound, ListenError> {
    let failed = |source| ListenError::Inherited { address: address.clone(), source };
    let adopt = || match ready {
        Ready::Tcp(listener) => {
            listener.set_nonblocking(true)?;
            let at = listener.local_addr()?;
            let kind = Kind::Tcp(TcpListener::from_std(listener)?);
            io::Result::Ok((kind, ListenAddress::Tcp(at)))
        }
        Ready::Unix(listener) => {
            listener.set_nonblocking(true)?;
            Ok((Kind::Unix(UnixListener::from_std(listener)?), address.clone()))
        }
    };
    let (kind, address) = adopt().map_err(failed)?;
    Ok(Bound { kind, address, given_away: AtomicBool::new(false), loan })
}

impl Bound {
    /// The address as it is now: port 0 has become a real one.
    pub fn address(&self) -> &ListenAddress {
        &self.address
    }

    /// For as long as this is kept, [`super::Inherited`] gives the socket to nobody else. Apart from
    /// the socket, so that a listener can be closed and opened again while its queue is emptied.
    pub fn take_loan(&mut self) -> Option<Loan> {
        self.loan.take()
    }

    /// Somebody else listens on it now: its file stays, and what is queued is theirs.
    pub fn give_away(&self) {
        self.given_away.store(true, Ordering::Release);
    }

    /// Whether [`Bound::give_away`] was called.
    pub fn is_given_away(&self) -> bool {
        self.given_away.load(Ordering::Acquire)
    }

    /// Waits for the next connection; the peer's address unless it is a unix socket.
    ///
    /// # Errors
    /// Those of accept(2).
    pub async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match &self.kind {
            Kind::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Frames are written whole: nothing is gained by waiting for more.
                stream.set_nodelay(true)?;
                Ok((Socket::Tcp(stream), Some(peer)))
            }
            Kind::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Socket::Unix(stream), None))
            }
        }
    }
}

impl AsFd for Bound {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.kind {
            Kind::Tcp(listener) => listener.as_fd(),
            Kind::Unix(listener) => listener.as_fd(),
        }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let ListenAddress::Unix(path) = &self.address
            && !self.is_given_away()
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn tcp(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        // `[::]` takes IPv4 too, whatever net.ipv6.bindv6only says.
        socket.set_only_v6(false)?;
    }
    // A restart must not wait for the TIME_WAIT of connections that the old process closed.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from_std(socket.into())?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

async fn unix(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(path).await => {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
}

/// A socket file that nobody listens on any more: left behind by a process that was killed.
async fn is_stale(path: &Path) -> bool {
    let is_socket = std::fs::metadata(path).is_ok_and(|it| it.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    is_socket && UnixStream::connect(path).await.is_err_and(refused)
}

//! One connection attempt: look the name up, try each address, all within one limit.

use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};

use crate::config::model::ServerAddress;
use crate::life::{Elapsed, Fault, Timer, within};
use crate::stream::{Socket, Stream};

/// A backend that could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// It took longer than `connect_timeout`.
    #[error(transparent)]
    Elapsed(#[from] Elapsed),
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// The name does not resolve, or there is no way there.
    #[error("unreachable: {0}")]
    Unreachable(#[source] io::Error),
}

impl DialError {
    /// The word for it, unless it was a timer.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Elapsed(_) => None,
            Self::Refused => Some(Fault::Refused),
            Self::Unreachable(_) => Some(Fault::Unreachable),
        }
    }
}

/// Connects to `server` within `limit`.
pub(super) async fn dial(server: &ServerAddress, limit: Duration) -> Result<Stream, DialError> {
    let connected = within(Some(limit), Timer::Connect, connect(server)).await?;
    connected.map(Stream::Plain).map_err(|error| match error.kind() {
        // A unix socket whose file is not there is a backend that isn't up.
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => DialError::Refused,
        _ => DialError::Unreachable(error),
    })
}

async fn connect(server: &ServerAddress) -> io::Result<Socket> {
    match server {
        ServerAddress::Unix(path) => UnixStream::connect(path).await.map(Socket::Unix),
        ServerAddress::Tcp { host, port } => {
            // Tries every address that the name has, in the resolver's order.
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            Ok(Socket::Tcp(stream))
        }
    }
}

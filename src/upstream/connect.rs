//! One connection attempt to one server: a socket, the PROXY header, TLS, all within one limit.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use proxy_header::{ProxiedAddress, ProxyHeader};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use super::server::{Server, Target};
use crate::config::model::ProxyVersion;
use crate::life::{Elapsed, Fault, Timer, within};
use crate::stream::{Socket, Stream};
use crate::tls::client::Client;

/// Sockets that leave from one address of this machine before the next one is used: somewhat fewer
/// than half the 28,232 ports that Linux gives out by itself. It looks through all ports of one parity
/// before it takes one of the other, and so at every further connection when those are used up.
const PER_SOURCE: u64 = 13_000;

/// Addresses tried when the ports of the first are used up.
const SOURCES_TRIED: u64 = 4;

/// How many there are: 127.0.0.2 to 127.0.0.251.
const SOURCES: u64 = 250;

/// A backend that could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// It took longer than `connect_timeout`, or no server came up within `hold`.
    #[error(transparent)]
    Elapsed(#[from] Elapsed),
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// The name does not resolve, or there is no way there.
    #[error("unreachable: {0}")]
    Unreachable(#[source] io::Error),
    /// The TLS handshake failed.
    #[error("TLS: {0}")]
    Tls(#[source] io::Error),
    /// According to the checks no server is well, or no name has an address.
    #[error("no server is up")]
    NoServer,
}

impl DialError {
    /// The word for it, unless it was a timer.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Elapsed(_) => None,
            Self::Refused => Some(Fault::Refused),
            Self::Unreachable(_) => Some(Fault::Unreachable),
            Self::Tls(_) => Some(Fault::Tls),
            Self::NoServer => Some(Fault::NoServer),
        }
    }
}

/// For whom a connection is made: what a PROXY header says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parties {
    /// The client's address; `None` when it came through a unix socket, or for the gateway's own.
    pub client: Option<SocketAddr>,
    /// The address that it came to.
    pub local: Option<SocketAddr>,
}

/// How a pool's servers are connected to.
#[derive(Debug)]
pub(super) struct Way {
    /// For one attempt.
    pub limit: Duration,
    pub proxy: Option<ProxyVersion>,
    pub tls: Option<Client>,
}

impl Way {
    /// Connects to `server`.
    pub(super) async fn dial(
        &self,
        server: &Server,
        parties: Parties,
    ) -> Result<Stream, DialError> {
        within(Some(self.limit), Timer::Connect, self.connect(server, parties)).await?
    }

    async fn connect(&self, server: &Server, parties: Parties) -> Result<Stream, DialError> {
        let mut socket = socket(server).await.map_err(|error| match error.kind() {
            // A unix socket whose file is not there is a server that isn't up.
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => DialError::Refused,
            _ => DialError::Unreachable(error),
        })?;
        if let Some(version) = self.proxy {
            let header = proxy_header(version, parties);
            socket.write_all(&header).await.map_err(DialError::Unreachable)?;
        }
        match (&server.tls, &self.tls) {
            (Some(name), Some(tls)) => tls.connect(socket, name).await.map_err(DialError::Tls),
            _ => Ok(Stream::Plain(socket)),
        }
    }
}

async fn socket(server: &Server) -> io::Result<Socket> {
    match &server.target {
        Target::Unix(path) => UnixStream::connect(path).await.map(Socket::Unix),
        Target::Tcp(address) => {
            let stream = tcp(*address, server.live()).await?;
            stream.set_nodelay(true)?;
            Ok(Socket::Tcp(stream))
        }
    }
}

/// Connects from an address of this machine that has ports left. Toward this machine itself any
/// of 127.0.0.0/8 will do; elsewhere the kernel knows the only one that leads there.
async fn tcp(address: SocketAddr, live: u64) -> io::Result<TcpStream> {
    if address.ip().to_canonical().is_loopback() && address.is_ipv4() {
        for at in 0..SOURCES_TRIED {
            match tcp_from(source(live / PER_SOURCE + at), address).await {
                // Its ports are used up, perhaps by sockets that are only just gone.
                Err(error) if is_taken(&error) => {}
                result => return result,
            }
        }
    }
    tcp_from(None, address).await
}

async fn tcp_from(source: Option<Ipv4Addr>, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        socket.bind(SocketAddr::from((source, 0)))?;
    }
    socket.connect(address).await
}

/// The first is the one that the kernel takes by itself, so that a backend with few sockets sees
/// 127.0.0.1 as it always did.
fn source(place: u64) -> Option<Ipv4Addr> {
    let last = u8::try_from(place.checked_sub(1)? % SOURCES).ok()?;
    Some(Ipv4Addr::new(127, 0, 0, 2 + last))
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse)
}

/// The PROXY header for a connection. Without a client's address it says so: the gateway speaks
/// for itself.
fn proxy_header(version: ProxyVersion, parties: Parties) -> Vec<u8> {
    let header = match parties.client.zip(parties.local) {
        None => ProxyHeader::with_local(),
        Some((client, local)) => {
            let (client, local) = one_family(client, local);
            ProxyHeader::with_address(ProxiedAddress::stream(client, local))
        }
    };
    let mut bytes = Vec::new();
    // Fails only for extra fields, and there are none.
    let _ = match version {
        ProxyVersion::V1 => header.encode_v1(&mut bytes),
        ProxyVersion::V2 => header.encode_v2(&mut bytes),
    };
    bytes
}

/// A header has room for one family: both as IPv4 where they are, else both as IPv6.
fn one_family(client: SocketAddr, local: SocketAddr) -> (SocketAddr, SocketAddr) {
    let plain = |it: SocketAddr| SocketAddr::new(it.ip().to_canonical(), it.port());
    let (client, local) = (plain(client), plain(local));
    if client.is_ipv4() == local.is_ipv4() {
        return (client, local);
    }
    let wide = |it: SocketAddr| match it.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), it.port()),
        IpAddr::V6(_) => it,
    };
    (wide(client), wide(local))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parties(client: &str, local: &str) -> Parties {
        let address = |it: &str| Some(it.parse().expect("an address"));
        Parties { client: address(client), local: address(local) }
    }

    #[test]
    fn the_next_loopback_address_comes_before_half_the_ports_of_the_first_are_used() {
        const PORTS: u64 = 60_999 - 32_768 + 1;
        assert_eq!(source(0), None, "the kernel chooses");
        assert_eq!(source((PORTS / 2 - 1) / PER_SOURCE), Some(Ipv4Addr::new(127, 0, 0, 2)));
        assert_eq!(source((PORTS - 2) / PER_SOURCE), Some(Ipv4Addr::new(127, 0, 0, 3)));
    }

    #[test]
    fn a_proxy_header_names_both_ends_in_one_family() {
        let text = |it| String::from_utf8(proxy_header(ProxyVersion::V1, it)).expect("text");
        assert_eq!(
            text(parties("203.0.113.9:4711", "192.0.2.1:443")),
            "PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n"
        );
        assert_eq!(
            text(parties("[::ffff:203.0.113.9]:4711", "[::ffff:192.0.2.1]:443")),
            "PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n"
        );
        assert_eq!(
            text(parties("[2001:db8::9]:4711", "192.0.2.1:443")),
            "PROXY TCP6 2001:db8::9 ::ffff:192.0.2.1 4711 443\r\n"
        );
        assert_eq!(text(Parties::default()), "PROXY UNKNOWN\r\n");
        let binary = proxy_header(ProxyVersion::V2, parties("203.0.113.9:4711", "192.0.2.1:443"));
        assert_eq!(binary[..12], *b"\r\n\r\n\0\r\nQUIT\n");
        assert_eq!(binary[12..16], [0x21, 0x11, 0, 12]);
        assert_eq!(binary[16..20], [203, 0, 113, 9]);
        assert_eq!(proxy_header(ProxyVersion::V2, Parties::default())[12], 0x20, "LOCAL");
    }

    #[test]
    fn the_first_sockets_leave_from_where_the_kernel_says() {
        assert_eq!(source(0), None);
        assert_eq!(source(1), Some(Ipv4Addr::new(127, 0, 0, 2)));
        assert_eq!(source(250), Some(Ipv4Addr::new(127, 0, 0, 251)));
        assert_eq!(source(251), Some(Ipv4Addr::new(127, 0, 0, 2)), "and from the start again");
    }
}

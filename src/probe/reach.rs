//! The way to the server: its addresses, and a TCP connection to each. Knows nothing of TLS.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::net::{TcpStream, lookup_host};

use super::report::{Attempt, Dns};
use super::wait::{Waits, within};

/// More addresses than this are not tried.
const ADDRESSES: usize = 8;

/// Looks `host` up: what the resolver said, and the addresses to try.
pub async fn look_up(host: &str, port: u16, waits: &Waits) -> (Dns, Vec<SocketAddr>) {
    let mut dns = Dns { name: host.to_owned(), ..Dns::default() };
    let mut found = Vec::new();
    match within("the resolver", waits.lookup, lookup_host((host, port))).await {
        Ok(Ok(addresses)) => {
            for address in addresses {
                if !found.contains(&address) {
                    found.push(address);
                }
            }
        }
        Ok(Err(error)) => dns.error = Some(error.to_string()),
        Err(elapsed) => dns.error = Some(elapsed.to_string()),
    }
    for address in &found {
        let ip = address.ip().to_string();
        if address.is_ipv4() { dns.v4.push(ip) } else { dns.v6.push(ip) }
    }
    if found.is_empty() && dns.error.is_none() {
        dns.error = Some("the name has no address".to_owned());
    }
    found.truncate(ADDRESSES);
    (dns, found)
}

/// A connection to each address at once: how each went, and the first in their order that stands.
pub async fn connect(
    addresses: &[SocketAddr],
    waits: &Waits,
) -> (Vec<Attempt>, Option<(SocketAddr, TcpStream)>) {
    let tries = addresses.iter().map(|address| attempt(*address, waits.connect));
    let mut attempts = Vec::new();
    let mut first = None;
    for (attempt, address, stream) in join_all(tries).await {
        attempts.push(attempt);
        first = first.or_else(|| stream.map(|it| (address, it)));
    }
    (attempts, first)
}

/// Another connection to an address that took one.
///
/// # Errors
/// In words, when it takes none now.
pub async fn again(address: SocketAddr, waits: &Waits) -> Result<TcpStream, String> {
    let (attempt, _, stream) = attempt(address, waits.connect).await;
    stream.ok_or_else(|| attempt.error.unwrap_or_default())
}

async fn attempt(address: SocketAddr, limit: Duration) -> (Attempt, SocketAddr, Option<TcpStream>) {
    let began = Instant::now();
    let connected = within("a TCP connection", limit, TcpStream::connect(address)).await;
    let took = began.elapsed();
    let (error, stream) = match connected {
        Ok(Ok(stream)) => {
            // Frames are small; a phone's own socket may do without, its user notices no difference.
            let _ = stream.set_nodelay(true);
            (None, Some(stream))
        }
        Ok(Err(error)) => (Some(words(&error)), None),
        Err(elapsed) => (Some(format!("no answer within {:?}", elapsed.limit)), None),
    };
    (Attempt { address: address.to_string(), took, error }, address, stream)
}

/// The same words on every system.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused".to_owned(),
        io::ErrorKind::ConnectionReset => "reset".to_owned(),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => NO_ROUTE.to_owned(),
        io::ErrorKind::HostUnreachable => "host unreachable".to_owned(),
        _ => error.to_string(),
    }
}

/// Says more about this machine than about the server.
pub const NO_ROUTE: &str = "this machine has no way to it";

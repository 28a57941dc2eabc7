//! The PROXY protocol, versions 1 and 2, from load balancers: whom a connection is from, and where
//! it was going. Reads not one byte more than the header; knows nothing of what follows it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::io::AsyncReadExt;

use crate::config::networks;
use crate::life::{Elapsed, Timer, within};
use crate::stream::Socket;

/// Most bytes of a header of version 2, its extra fields included; the same as nginx takes.
pub const HEADER_MAX: usize = 4096;

/// Most bytes of a header of version 1, the line feed included.
const LINE_MAX: usize = 107;

/// What version 1 begins with.
const LINE: &[u8] = b"PROXY ";

/// What version 2 begins with; four more bytes say what follows.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const PREAMBLE: usize = SIGNATURE.len() + 4;

/// A whole header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Who is spoken for; `None` when the load balancer speaks for itself (LOCAL, UNKNOWN), or for
    /// somebody without an address of TCP.
    pub proxied: Option<Proxied>,
    /// Its length in bytes.
    pub len: usize,
}

/// Both ends of the connection that the load balancer took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxied {
    /// The client's.
    pub client: SocketAddr,
    /// The one that it came to.
    pub local: SocketAddr,
}

/// What stands where a header is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The beginning is that of neither version.
    #[error("there is no PROXY header, although this address has to send one")]
    Missing,
    /// It is longer than it may be.
    #[error("the PROXY header is too long")]
    TooLong,
    /// It breaks the rules of its version.
    #[error("the PROXY header is malformed")]
    Invalid,
}

/// Why a connection did not say whom it is from.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// It took too long.
    #[error(transparent)]
    Elapsed(#[from] Elapsed),
    /// What came is no header.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It ended or broke before.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Whether a connection from `peer` has to begin with a header. No other may: what it sends is
/// taken for what the listener speaks.
pub fn is_due(peer: Option<IpAddr>, proxies: &[IpNet]) -> bool {
    networks::is_trusted(peer, proxies)
}

/// Takes the header off the front of `socket`, in at most `limit`.
///
/// # Errors
/// [`ProxyError`]; the socket is of no more use then.
pub async fn take_header(
    socket: &mut Socket,
    limit: Duration,
) -> Result<Option<Proxied>, ProxyError> {
    within(Some(limit), Timer::ProxyHeader, take(socket)).await?
}

async fn take(socket: &mut Socket) -> Result<Option<Proxied>, ProxyError> {
    let mut buf = vec![0; HEADER_MAX];
    let mut got = 0;
    loop {
        // Looked at, then taken: what follows the header belongs to TLS or HTTP.
        let some = socket.peek(&mut buf[got..]).await?;
        if some == 0 {
            return Err(ProxyError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        let header = parse(&buf[..got + some])?;
        let end = header.map_or(got + some, |it| it.len);
        socket.read_exact(&mut buf[got..end]).await?;
        got = end;
        if let Some(header) = header {
            return Ok(header.proxied);
        }
    }
}

/// The header at the front of `buf`; `None` when all of `buf` may be the beginning of one.
///
/// # Errors
/// [`Malformed`], as early as it shows.
pub fn parse(buf: &[u8]) -> Result<Option<Header>, Malformed> {
    let whole = if agree(buf, LINE) {
        line_length(buf)?
    } else if agree(buf, SIGNATURE) {
        binary_length(buf)?
    } else {
        return Err(Malformed::Missing);
    };
    let Some(header) = whole.and_then(|len| buf.get(..len)) else { return Ok(None) };
    let config = ParseConfig { include_tlvs: false, allow_v1: true, allow_v2: true };
    match ProxyHeader::parse(header, config) {
        Ok((parsed, len)) if len == header.len() => {
            let address = parsed.proxied_address();
            // What was no stream on its way to the load balancer tells nothing about this one.
            let stream = address.filter(|it| it.protocol == Protocol::Stream);
            let proxied = stream.map(|it| Proxied { client: it.source, local: it.destination });
            Ok(Some(Header { proxied, len }))
        }
        _ => Err(Malformed::Invalid),
    }
}

/// Whether one of the two is the beginning of the other.
fn agree(buf: &[u8], with: &[u8]) -> bool {
    buf.iter().zip(with).all(|(a, b)| a == b)
}

/// How long a header of version 1 is: a line of at most [`LINE_MAX`] bytes.
fn line_length(buf: &[u8]) -> Result<Option<usize>, Malformed> {
    let seen = &buf[..buf.len().min(LINE_MAX)];
    let Some(end) = seen.iter().position(|it| *it == b'\n') else {
        return if seen.len() == LINE_MAX { Err(Malformed::TooLong) } else { Ok(None) };
    };
    let line = seen[..end].strip_suffix(b"\r").ok_or(Malformed::Invalid)?;
    // The crate reads numbers as Rust does, which takes a sign too.
    let signed = |it: &[u8]| it.first() == Some(&b'+');
    // What is behind UNKNOWN is to be ignored, but the word is to end there.
    let unknown =
        line.strip_prefix(b"PROXY UNKNOWN").map(|it| it.first().is_none_or(|it| *it == b' '));
    let invalid = unknown.map_or_else(|| line.split(|it| *it == b' ').any(signed), |it| !it);
    if invalid {
        return Err(Malformed::Invalid);
    }
    Ok(Some(end + 1))
}

/// How long a header of version 2 says that it is.
fn binary_length(buf: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some(&[.., high, low]) = buf.first_chunk::<PREAMBLE>() else { return Ok(None) };
    let len = PREAMBLE + usize::from(u16::from_be_bytes([high, low]));
    if len > HEADER_MAX { Err(Malformed::TooLong) } else { Ok(Some(len)) }
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;

//! The handshake with a client: its hello shows which site it asks for, and the session of that site
//! hears the hello again. Knows no files.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::{Accepted, Acceptor, ClientHello};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::ciphers;
use super::proof;
use super::server::{ALPN_HTTP2, Table};
use crate::challenges::Challenges;
use crate::life::{Elapsed, Timer, TlsFault, within};
use crate::stream::{Agreed, Secure, Socket, Stream};

/// A handshake that succeeded.
#[derive(Debug)]
pub struct Handshake {
    /// The stream, encrypted from now on.
    pub stream: Stream,
    /// The name that the client asked for, as it wrote it.
    pub server_name: String,
    /// Whether a session was resumed.
    pub resumed: bool,
    /// Whether it is TLS 1.3, and not 1.2.
    pub newest: bool,
    /// Whether HTTP/2 was agreed on.
    pub http2: bool,
}

/// A handshake that failed.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// It took too long.
    #[error(transparent)]
    Elapsed(#[from] Elapsed),
    /// The name was refused.
    #[error("the name {1:?} is in no site")]
    Name(TlsFault, String),
    /// The name is in a site whose certificate has yet to be ordered.
    #[error("there is no certificate for {0:?} yet")]
    NotIssued(String),
    /// Everything else.
    #[error("{1}")]
    Io(TlsFault, #[source] io::Error),
}

/// Shakes hands with a client, in at most `limit`; `http2`: it may choose HTTP/2. `None`: it was a CA, which has seen
/// one of `challenges` (RFC 8737) and has nothing more to say.
///
/// # Errors
/// [`HandshakeError`]; the client has been sent a fatal alert where there was time for one.
pub async fn handshake(
    socket: Socket,
    table: &Table,
    challenges: &Challenges,
    http2: bool,
    limit: Duration,
) -> Result<Option<Handshake>, HandshakeError> {
    within(Some(limit), Timer::TlsHandshake, shake(socket, table, challenges, http2)).await?
}

async fn shake(
    mut socket: Socket,
    table: &Table,
    challenges: &Challenges,
    http2: bool,
) -> Result<Option<Handshake>, HandshakeError> {
    let (accepted, hello) = hear(&mut socket).await.map_err(failed)?;
    let asked = accepted.client_hello();
    let name = asked.server_name().map(str::to_owned);
    let knows_better = ciphers::prefers_chacha(asked.cipher_suites());
    let proven = name.as_deref().filter(|_| asks_for_proof(&asked));
    let proven = proven.and_then(|name| challenges.name(name));
    drop(accepted);
    if let Some(tls) = proven {
        let (stream, _) = Secure::accept(socket, tls, hello).await.map_err(failed)?;
        part(stream).await;
        return Ok(None);
    }
    let tls = match name.as_deref().and_then(|name| table.find(name)) {
        Some(Some(tls)) => tls,
        Some(None) => {
            refuse(socket, &INTERNAL_ERROR).await;
            return Err(HandshakeError::NotIssued(name.unwrap_or_default()));
        }
        None => {
            let fault = if name.is_some() { TlsFault::UnknownName } else { TlsFault::NoName };
            refuse(socket, &UNRECOGNIZED_NAME).await;
            return Err(HandshakeError::Name(fault, name.unwrap_or_default()));
        }
    };
    let tls = tls.of(http2, knows_better);
    let (stream, agreed) = Secure::accept(socket, Arc::clone(tls), hello).await.map_err(failed)?;
    let Agreed { resumed, newest, protocol } = agreed;
    let http2 = protocol.as_deref() == Some(ALPN_HTTP2);
    let (stream, server_name) = (Stream::Tls(stream), name.unwrap_or_default());
    Ok(Some(Handshake { stream, server_name, resumed, newest, http2 }))
}

/// Reads until the ClientHello is whole. Returns every byte read beside it: the session of the
/// site that it asks for has to hear it from the beginning.
async fn hear(socket: &mut Socket) -> io::Result<(Accepted, Vec<u8>)> {
    let mut acceptor = Acceptor::default();
    let mut heard = Vec::new();
    loop {
        heard.reserve(HELLO_PIECE);
        let some = socket.read_buf(&mut heard).await?;
        if some == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = &heard[heard.len() - some..];
        while !rest.is_empty() {
            acceptor.read_tls(&mut rest)?;
            match acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => return Ok((accepted, heard)),
                Err((error, mut alert)) => {
                    let mut words = Vec::new();
                    alert.write_all(&mut words)?;
                    // It may be gone: it is refused all the same.
                    let _ = socket.write_all(&words).await;
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            }
        }
    }
}

/// Whether this is a CA that looks for a proof, and nothing else (RFC 8737 section 3).
fn asks_for_proof(hello: &ClientHello<'_>) -> bool {
    let mut offered = hello.alpn().into_iter().flatten();
    offered.next() == Some(proof::PROTOCOL) && offered.next().is_none()
}

/// Sends the alert and lets the client hang up first.
async fn refuse(mut socket: Socket, alert: &[u8; 7]) {
    // Whatever goes wrong now, the client was refused all the same.
    if socket.write_all(alert).await.is_ok() {
        part(socket).await;
    }
}

/// Ends a stream that nothing more is expected of.
async fn part(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let goodbye = async {
        stream.shutdown().await?;
        let mut rest = [0; 512];
        while stream.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    // It has been told all there is: how it leaves is its own affair.
    let _ = within(Some(ALERT_LINGER), Timer::Close, goodbye).await;
}

fn failed(error: io::Error) -> HandshakeError {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    let rustls = error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>());
    let fault = match error.kind() {
        _ if matches!(rustls, Some(rustls::Error::NoCertificatesPresented)) => {
            TlsFault::NoCertificate
        }
        // We look at no certificates but those of clients.
        _ if matches!(rustls, Some(rustls::Error::InvalidCertificate(_))) => {
            TlsFault::BadCertificate
        }
        UnexpectedEof | ConnectionReset | BrokenPipe => TlsFault::Broken,
        _ => TlsFault::Failed,
    };
    HandshakeError::Io(fault, error)
}

/// A TLS record with the fatal alert unrecognized_name(112) (RFC 8446 section 6, RFC 6066
/// section 3). rustls would say access_denied, which a phone reports as something else.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// The same with internal_error(80): nothing that the client could do otherwise would help, and the next
/// attempt may succeed.
const INTERNAL_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];

/// How long a refused client may take to read the alert and hang up. Closing at once would reset
/// the connection under the alert.
const ALERT_LINGER: Duration = Duration::from_millis(500);

/// Read at once of a ClientHello; most are shorter.
const HELLO_PIECE: usize = 2048;

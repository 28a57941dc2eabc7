//! The handshake with a client: its hello shows which site it asks for, and the session of that site
//! hears the hello again. Knows no files.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::{Accepted, Acceptor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::ciphers;
use super::server::{ALPN_HTTP2, Table};
use crate::life::{Elapsed, Timer, TlsFault, within};
use crate::stream::{Secure, Socket, Stream};

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
    /// Everything else.
    #[error("{1}")]
    Io(TlsFault, #[source] io::Error),
}

/// Shakes hands with a client, in at most `limit`; `http2`: it may choose HTTP/2.
///
/// # Errors
/// [`HandshakeError`]; the client has been sent a fatal alert where there was time for one.
pub async fn handshake(
    socket: Socket,
    table: &Table,
    http2: bool,
    limit: Duration,
) -> Result<Handshake, HandshakeError> {
    within(Some(limit), Timer::TlsHandshake, shake(socket, table, http2)).await?
}

async fn shake(
    mut socket: Socket,
    table: &Table,
    http2: bool,
) -> Result<Handshake, HandshakeError> {
    let (accepted, hello) = hear(&mut socket).await.map_err(failed)?;
    let asked = accepted.client_hello();
    let name = asked.server_name().map(str::to_owned);
    let knows_better = ciphers::prefers_chacha(asked.cipher_suites());
    drop(accepted);
    let Some(tls) = name.as_deref().and_then(|name| table.find(name)) else {
        let fault = if name.is_some() { TlsFault::UnknownName } else { TlsFault::NoName };
        refuse(socket).await;
        return Err(HandshakeError::Name(fault, name.unwrap_or_default()));
    };
    let tls = tls.of(http2, knows_better);
    let stream = Secure::accept(socket, Arc::clone(tls), hello).await.map_err(failed)?;
    let (resumed, newest) = (stream.resumed(), stream.is_tls13());
    let http2 = stream.protocol() == Some(ALPN_HTTP2);
    let (stream, server_name) = (Stream::Tls(stream), name.unwrap_or_default());
    Ok(Handshake { stream, server_name, resumed, newest, http2 })
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

/// Sends the alert and lets the client hang up first.
async fn refuse(mut socket: Socket) {
    let goodbye = async {
        socket.write_all(&UNRECOGNIZED_NAME).await?;
        socket.shutdown().await?;
        let mut rest = [0; 512];
        while socket.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    // Whatever goes wrong now, the client was refused all the same.
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

/// How long a refused client may take to read the alert and hang up. Closing at once would reset
/// the connection under the alert.
const ALERT_LINGER: Duration = Duration::from_millis(500);

/// Read at once of a ClientHello; most are shorter.
const HELLO_PIECE: usize = 2048;

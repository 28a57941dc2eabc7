//! The other end of an admin listener: asks a running gateway for something, within bounds.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};

use crate::config::model::ListenAddress;
use crate::life::{Elapsed, Timer, within};
use crate::stream::Socket;

/// For the whole of it: connecting, asking, and the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most bytes of an answer.
const ANSWER_MOST: usize = 64 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens there, or not for us.
    #[error("nothing answers at {0}: {1}")]
    Nobody(ListenAddress, #[source] io::Error),
    /// A socket of systemd's has no address of its own.
    #[error("{0} is no address to connect to")]
    NoAddress(ListenAddress),
    /// It took too long.
    #[error("no answer: {0}")]
    Elapsed(#[from] Elapsed),
    /// Not HTTP, or broken off.
    #[error("the answer is not one of an admin listener: {0}")]
    Http(#[from] hyper::Error),
    /// Longer than anything that a gateway says.
    #[error("the answer is too long")]
    TooLong,
    /// An answer, but none that helps.
    #[error("the answer is {0}: {1}")]
    Refused(StatusCode, String),
}

/// The body of the answer to a GET of `target`.
///
/// # Errors
/// [`AskError`]
pub async fn ask(address: &ListenAddress, target: &str) -> Result<Bytes, AskError> {
    within(Some(PATIENCE), Timer::Response, exchange(address, target)).await?
}

async fn exchange(address: &ListenAddress, target: &str) -> Result<Bytes, AskError> {
    let (socket, host) = connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    let request = Request::get(target).header(HOST, host).header(CONNECTION, "close");
    let Ok(request) = request.body(Empty::<Bytes>::new()) else {
        return Err(AskError::NoAddress(address.clone()));
    };
    let answered = async {
        let response = sender.send_request(request).await?;
        let code = response.status();
        let body = Limited::new(response.into_body(), ANSWER_MOST).collect().await;
        let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
            Ok(error) => AskError::Http(*error),
            Err(_) => AskError::TooLong,
        });
        Ok::<_, AskError>((code, body?.to_bytes()))
    };
    let mut answered = std::pin::pin!(answered);
    let (code, body) = tokio::select! {
        answer = &mut answered => answer,
        // Whoever reads the answer is told what became of the connection.
        _ = connection => answered.await,
    }?;
    match code.is_success() {
        true => Ok(body),
        false => Err(AskError::Refused(code, String::from_utf8_lossy(&body).into_owned())),
    }
}

/// The connection, and the Host to ask for.
async fn connect(address: &ListenAddress) -> Result<(Socket, String), AskError> {
    let nobody = |error| AskError::Nobody(address.clone(), error);
    match address {
        ListenAddress::Tcp(at) => {
            let at = reachable(*at);
            let stream = TcpStream::connect(at).await.map_err(nobody)?;
            Ok((Socket::Tcp(stream), at.to_string()))
        }
        ListenAddress::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(nobody)?;
            Ok((Socket::Unix(stream), "localhost".to_owned()))
        }
        ListenAddress::Systemd(_) => Err(AskError::NoAddress(address.clone())),
    }
}

/// Who listens everywhere also listens on loopback.
fn reachable(at: SocketAddr) -> SocketAddr {
    let ip = match at.ip() {
        IpAddr::V4(it) if it.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(it) if it.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    SocketAddr::new(ip, at.port())
}

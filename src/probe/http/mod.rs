//! The WebSocket handshake, written and read by hand: a refusal is to be shown as it came, and a
//! request to be spelled as phones spell it. Judges nothing.

mod body;
mod head;
mod request;

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::clean::line;
use super::face::Face;
use super::plan::Target;
use super::report::Handshake;
use super::wait::{Waits, within};

/// The head of an answer is read up to this.
const HEAD: usize = 64 * 1024;

/// What is shown of something that is not HTTP, in characters.
const SHOWN: usize = 60;

/// A handshake that was answered, with whatever.
#[derive(Debug)]
pub struct Answered {
    /// For the report.
    pub handshake: Handshake,
    /// What the request's key must be answered with.
    pub accept: String,
    /// The head's bytes.
    pub head_size: usize,
    /// What came right behind a 101.
    pub early: Vec<u8>,
}

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The end of the stream, or a reset.
    #[error("the server closed the connection without an answer{}", if *.reset { " (reset)" } else { "" })]
    Closed {
        /// Rather than closed.
        reset: bool,
    },
    /// Nothing, or only half a head.
    #[error("the server did not answer in time")]
    Silence,
    /// Something else than HTTP/1.
    #[error("the answer is not HTTP: `{0}`")]
    NotHttp(String),
    /// An alert of TLS, to a request without.
    #[error("the server speaks TLS on this port")]
    Tls,
    /// A head that does not end.
    #[error("the answer's head is longer than 64 KiB")]
    Endless,
    /// A break that the system has words for: a TLS alert, for one.
    #[error("{0}")]
    Broken(String),
}

/// Asks for a WebSocket over `stream` and reads the answer, with the body of a refusal.
///
/// # Errors
/// [`NoAnswer`].
pub async fn shake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    target: &Target,
    face: &Face,
    waits: &Waits,
) -> Result<Answered, NoAnswer> {
    let (request, accept) = request::request(target, face);
    let exchange = async {
        stream.write_all(&request).await?;
        stream.flush().await?;
        read_head(stream).await
    };
    let read = within("the answer to the handshake", waits.answer, exchange).await;
    let (buffer, head_size) = read.map_err(|_| NoAnswer::Silence)??;
    let mut handshake = head::parse(&buffer[..head_size]).ok_or_else(|| not_http(&buffer))?;
    let mut early = buffer[head_size..].to_vec();
    if handshake.status != Some(101) {
        handshake.body = body::read(stream, &handshake, std::mem::take(&mut early), waits).await;
    }
    Ok(Answered { handshake, accept, head_size, early })
}

impl From<io::Error> for NoAnswer {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed { reset: false },
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Self::Closed { reset: true }
            }
            _ => Self::Broken(error.to_string()),
        }
    }
}

/// Everything up to the end of the head and what came with it; and where the head ends.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(Vec<u8>, usize), NoAnswer> {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        if let Some(end) = head::end(&buffer) {
            return Ok((buffer, end));
        }
        if !head::may_become_http(&buffer) {
            return Err(not_http(&buffer));
        }
        if buffer.len() >= HEAD {
            return Err(NoAnswer::Endless);
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(match buffer.is_empty() {
                true => NoAnswer::Closed { reset: false },
                false => not_http(&buffer),
            });
        }
    }
}

/// What came instead of HTTP. A server that speaks TLS answers a request with an alert.
fn not_http(came: &[u8]) -> NoAnswer {
    match came {
        [0x15, 3, ..] => NoAnswer::Tls,
        _ => NoAnswer::NotHttp(line(&String::from_utf8_lossy(came), SHOWN)),
    }
}

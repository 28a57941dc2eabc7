//! How a stream begins: the handshake, which is rustls' affair.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::server::UnbufferedServerConnection;
use rustls::{HandshakeKind, ProtocolVersion, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Secure, Session, Tickets};
use crate::stream::Rest;

/// What a handshake came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Whether a session was resumed.
    pub resumed: bool,
    /// Whether it is TLS 1.3, and not 1.2.
    pub newest: bool,
    /// The protocol that ALPN chose.
    pub protocol: Option<Vec<u8>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Secure<S> {
    /// Shakes hands with a client that has already sent `hello`. The caller bounds the wait.
    ///
    /// # Errors
    /// The socket's, or what rustls found wrong as `InvalidData`, after the alert was sent.
    pub async fn accept(
        socket: S,
        config: Arc<ServerConfig>,
        hello: Vec<u8>,
    ) -> io::Result<(Box<Self>, Agreed)> {
        let leaves = config.enable_secret_extraction;
        let session = UnbufferedServerConnection::new(config).map_err(io::Error::other)?;
        let mut stream = Box::new(Self {
            socket,
            session: Session::Rustls(Box::new(session)),
            leaves: false,
            part: Rest::from(hello),
            plain: Rest::default(),
            out: Rest::default(),
            unread: true,
            tickets: Tickets::Leave,
            ended: false,
            parted: false,
            failed: false,
            error: None,
        });
        let agreed = poll_fn(|cx| stream.poll_handshake(cx)).await?;
        stream.leaves = leaves && agreed.newest;
        stream.settle();
        Ok((stream, agreed))
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Agreed>> {
        loop {
            let agreed = self.agreed();
            if agreed.as_ref().is_some_and(|it| it.newest) {
                // Only tickets are left to be said, and nobody waits for them.
                if !self.out.is_empty() {
                    self.tickets = Tickets::AwaitRequest;
                }
            } else {
                let flushed = ready!(self.poll_out(cx));
                if let Some(error) = self.error.take() {
                    return Poll::Ready(Err(*error));
                }
                flushed?;
            }
            if let Some(agreed) = agreed {
                return Poll::Ready(Ok(agreed));
            }
            if self.ended {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            ready!(self.take_in(cx, &mut ReadBuf::new(&mut [])))?;
        }
    }

    /// What was agreed on, once it is.
    fn agreed(&self) -> Option<Agreed> {
        match &self.session {
            Session::Rustls(session) if !session.is_handshaking() => Some(Agreed {
                resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
                newest: session.protocol_version() == Some(ProtocolVersion::TLSv1_3),
                protocol: session.alpn_protocol().map(<[u8]>::to_vec),
            }),
            _ => None,
        }
    }
}

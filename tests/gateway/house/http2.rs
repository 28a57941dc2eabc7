//! Clients that speak HTTP/2: a good one on the `h2` crate, and one that writes frames by hand.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use hyper::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::client::shake;
use super::{HOST, certificates, soon};

/// Kinds of frames (RFC 9113 section 6).
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RESET: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// GET https /, with :authority of the usual site, in HPACK without a table.
pub fn get_head(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x87];
    literal(&mut block, ":path", path);
    literal(&mut block, ":authority", HOST);
    block
}

/// A field that no table remembers (RFC 7541 section 6.2.2).
pub fn literal(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        assert!(text.len() < 127, "longer ones take a longer length");
        block.push(u8::try_from(text.len()).unwrap());
        block.extend(text.as_bytes());
    }
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// One frame as it came.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The code of a reset or a GOAWAY.
    pub fn code(&self) -> u32 {
        let at = self.payload.len().min(if self.kind == GOAWAY { 4 } else { 0 });
        u32::from_be_bytes(self.payload[at..at + 4].try_into().expect("a code"))
    }
}

/// TLS that offers `protocols`.
pub async fn tls(address: SocketAddr, name: &str, protocols: &[&[u8]]) -> TlsStream<TcpStream> {
    let mut config = Arc::unwrap_or_clone(certificates::client_config(rustls::ALL_VERSIONS));
    config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    shake(address, name, Arc::new(config)).await.expect("a TLS handshake")
}

/// A client that writes frames by hand.
pub struct Raw(TlsStream<TcpStream>);

impl Raw {
    /// Has said its preface and empty settings.
    pub async fn new(address: SocketAddr) -> Self {
        let mut raw = Self(tls(address, HOST, &[b"h2"]).await);
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        raw.send(frame(SETTINGS, 0, 0, &[])).await;
        raw
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.0.write_all(bytes.as_ref())).await.expect("it takes bytes");
        soon(self.0.flush()).await.expect("it takes bytes");
    }

    /// As [`Raw::send`], where the gateway may be gone already.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let sent = async {
            self.0.write_all(bytes.as_ref()).await?;
            self.0.flush().await
        };
        soon(sent).await.is_ok()
    }

    /// The next frame; none at the end of the stream.
    pub async fn frame(&mut self) -> Option<Frame> {
        let mut header = [0; 9];
        soon(self.0.read_exact(&mut header)).await.ok()?;
        let length = u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize;
        let mut payload = vec![0; length];
        soon(self.0.read_exact(&mut payload)).await.ok()?;
        let stream = u32::from_be_bytes(header[5..].try_into().unwrap());
        Some(Frame { kind: header[3], flags: header[4], stream, payload })
    }

    /// Reads on to the first frame that `wanted` takes.
    pub async fn find(&mut self, wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
        loop {
            let frame = self.frame().await?;
            if wanted(&frame) {
                return Some(frame);
            }
        }
    }

    /// The code of the GOAWAY that it is sent, behind which nothing comes.
    pub async fn goaway(&mut self) -> Option<u32> {
        let frame = self.find(|it| it.kind == GOAWAY).await?;
        let code = frame.code();
        while self.frame().await.is_some() {}
        Some(code)
    }
}

/// A client that does as it should.
#[derive(Clone)]
pub struct Good(pub SendRequest<Bytes>);

impl Good {
    pub async fn new(address: SocketAddr) -> Self {
        Self::with(address, &Builder::new()).await
    }

    pub async fn with(address: SocketAddr, builder: &Builder) -> Self {
        let stream = tls(address, HOST, &[b"h2", b"http/1.1"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) = soon(builder.handshake(stream)).await.expect("HTTP/2");
        tokio::spawn(async move {
            // Ends with the gateway's connection, or with the last sender.
            let _ = connection.await;
        });
        Self(sender)
    }

    /// Sends a request, its body still to come unless `ends`.
    pub async fn ask(
        &mut self,
        request: Request<()>,
        ends: bool,
    ) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
        self.0 = soon(self.0.clone().ready()).await.expect("a free stream");
        self.0.send_request(request, ends).expect("it is sent")
    }

    /// An answer with its body.
    pub async fn fetch(&mut self, request: Request<()>) -> Answer {
        let (answer, _) = self.ask(request, true).await;
        read(soon(answer).await.expect("an answer")).await
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.fetch(get(path)).await
    }
}

/// An answer that has come whole.
#[derive(Debug)]
pub struct Answer {
    pub head: Response<()>,
    pub body: String,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.head.status().as_u16()
    }
}

pub fn get(path: &str) -> Request<()> {
    Request::get(format!("https://{HOST}{path}")).body(()).expect("a request")
}

/// Reads an answer to its end.
pub async fn read(answer: Response<RecvStream>) -> Answer {
    let (head, mut body) = answer.into_parts();
    let mut text = Vec::new();
    while let Some(piece) = soon(body.data()).await {
        let piece = piece.expect("a piece of the body");
        body.flow_control().release_capacity(piece.len()).expect("a window");
        text.extend_from_slice(&piece);
    }
    let body = String::from_utf8_lossy(&text).into_owned();
    Answer { head: Response::from_parts(head, ()), body }
}

/// Why a stream was reset.
pub fn reason<T: std::fmt::Debug>(answer: Result<T, h2::Error>) -> Option<Reason> {
    answer.expect_err("no answer").reason()
}

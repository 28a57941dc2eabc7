//! A client that says exactly what the test wants, over TLS, TCP or a unix socket.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::frames::{self, Frame};
use super::{HOST, certificates, soon};

/// A valid key and the answer that it asks for (RFC 6455 section 1.3).
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

pub struct Client {
    stream: Box<dyn Duplex>,
    /// Read, not asked for yet.
    early: Vec<u8>,
}

/// A TLS connection, for tests that look at the handshake.
pub async fn shake(
    address: SocketAddr,
    name: &str,
    config: Arc<rustls::ClientConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    soon(TlsConnector::from(config).connect(name, tcp)).await
}

impl Client {
    pub async fn tls(address: SocketAddr, name: &str) -> io::Result<Self> {
        let config = certificates::client_config(rustls::ALL_VERSIONS);
        Ok(Self::on(shake(address, name, config).await?))
    }

    /// As [`Client::tls`], from an address of the test's choice.
    pub async fn tls_from(source: SocketAddr, address: SocketAddr, name: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(source).expect("an address of this machine");
        Self::tls_on(soon(socket.connect(address)).await.expect("a connection"), name).await
    }

    /// As [`Client::tls`], on a connection of the test's own.
    pub async fn tls_on(tcp: TcpStream, name: &str) -> Self {
        let config = certificates::client_config(rustls::ALL_VERSIONS);
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let connecting = TlsConnector::from(config).connect(name, tcp);
        Self::on(soon(connecting).await.expect("a TLS handshake"))
    }

    /// This one, as if `head` had not been read yet.
    pub fn after(mut self, head: &str) -> Self {
        self.early.splice(..0, head.bytes());
        self
    }

    pub async fn tcp(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::on(TcpStream::connect(address).await?))
    }

    pub async fn unix(path: &Path) -> io::Result<Self> {
        Ok(Self::on(UnixStream::connect(path).await?))
    }

    pub fn on(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        Self { stream: Box::new(stream), early: Vec::new() }
    }

    /// Its stream, and what was read from it and not asked for.
    pub fn into_parts(self) -> (impl AsyncRead + AsyncWrite + Unpin + Send, Vec<u8>) {
        (self.stream, self.early)
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.expect("the gateway reads");
    }

    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        soon(async {
            self.stream.write_all(bytes.as_ref()).await?;
            self.stream.flush().await
        })
        .await
    }

    /// As [`Client::try_send`], for as long as it takes.
    pub async fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Ends the sending half.
    pub async fn half_close(&mut self) {
        soon(self.stream.shutdown()).await.expect("shut down");
    }

    /// Sends a request without a body and reads the head of the answer.
    pub async fn get(&mut self, path: &str, fields: &str) -> String {
        self.get_as(HOST, path, fields).await
    }

    /// The same from another host.
    pub async fn get_as(&mut self, host: &str, path: &str, fields: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n")).await;
        self.head().await
    }

    /// As [`Client::get`], with the whole answer; its body must have a length.
    pub async fn fetch(&mut self, path: &str, fields: &str) -> (String, String) {
        let head = self.get(path, fields).await;
        let body = self.body(&head).await;
        (head, body)
    }

    /// Asks for a WebSocket with a sound handshake.
    pub async fn upgrade(&mut self, path: &str, fields: &str) -> String {
        self.get(path, &format!("{}{fields}", upgrade_fields())).await
    }

    /// Reads the head of an answer, up to its empty line.
    pub async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match self.byte().await {
                Some(byte) => head.push(byte),
                None => break,
            }
        }
        String::from_utf8(head).expect("ASCII")
    }

    /// Reads the body that `head` announces.
    pub async fn body(&mut self, head: &str) -> String {
        let length = field(head, "content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
        String::from_utf8(self.exactly(length).await).expect("UTF-8")
    }

    pub async fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count);
        while bytes.len() < count {
            match self.byte().await {
                Some(byte) => bytes.push(byte),
                None => panic!("the stream ended after {} of {count} bytes", bytes.len()),
            }
        }
        bytes
    }

    /// The next frame; `None` at the end of the stream.
    pub async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, used)) = frames::parse(&self.early) {
                self.early.drain(..used);
                return Some(frame);
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// Everything up to the end of the stream; a reset ends it too.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.early)
    }

    async fn byte(&mut self) -> Option<u8> {
        while self.early.is_empty() {
            if !self.fill().await {
                return None;
            }
        }
        Some(self.early.remove(0))
    }

    /// Reads once; `false` at the end.
    async fn fill(&mut self) -> bool {
        let mut buf = vec![0; 16 * 1024];
        let read = soon(self.stream.read(&mut buf)).await.unwrap_or(0);
        self.early.extend_from_slice(&buf[..read]);
        read > 0
    }
}

/// The fields of a sound WebSocket handshake.
pub fn upgrade_fields() -> String {
    format!(
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {KEY}\r\n"
    )
}

/// The value of a field in a head, by its name in any letter case.
pub fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let pair = |line: &'a str| line.split_once(':');
    let found = head.lines().filter_map(pair).find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim())
}

//! TLS as a phone does it, but for one thing: the handshake goes through whatever the chain is
//! worth, so that all of it can be told. Knows nothing of HTTP.

pub mod chain;
mod old;
mod recorder;
mod trouble;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use self::old::Answer;
use self::recorder::Recorder;
pub use self::trouble::Trouble;
use super::plan::Plan;
use super::reach;
use super::report::Tls;
use super::tap::Tap;
use super::wait::within;

/// A TLS connection that remembers its first bytes on the wire.
pub type Secured = TlsStream<Tap<TcpStream>>;

/// What the phones' WebSocket clients speak inside TLS.
const ALPN: &[u8] = b"http/1.1";

/// Shakes hands, and remembers what is needed to do it again.
#[derive(Clone, Debug)]
pub struct Client {
    config: Arc<ClientConfig>,
    recorder: Arc<Recorder>,
}

impl Client {
    /// With an empty memory.
    pub fn new() -> Result<Self, rustls::Error> {
        let recorder = Arc::new(Recorder::default());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&recorder) as _)
            .with_client_cert_resolver(Arc::clone(&recorder) as _);
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(Self { config: Arc::new(config), recorder })
    }

    /// Whether the server has asked for a certificate of ours.
    pub fn was_asked_for_a_certificate(&self) -> bool {
        self.recorder.was_asked()
    }

    /// Shakes hands over `socket`: what was agreed on, and the connection or what kept it from
    /// standing.
    pub async fn shake(&self, plan: &Plan, socket: TcpStream) -> (Tls, Result<Secured, Trouble>) {
        let shaken = match self.connect(plan, socket).await {
            Ok(stream) => Ok(stream),
            Err(failed) => Err(Trouble::of(failed, &self.recorder)),
        };
        let mut tls = match &shaken {
            Ok(stream) => agreed(stream),
            Err(trouble) => Tls { error: Some(trouble.to_string()), ..Tls::default() },
        };
        let chain = self.recorder.chain();
        let now = SystemTime::now();
        tls.chain = chain::read(&chain, now);
        tls.root = plan.roots.reached_by(&chain, now).ok();
        (tls, shaken)
    }

    /// The chain as sent, leaf first.
    pub fn chain(&self) -> Vec<rustls::pki_types::CertificateDer<'static>> {
        self.recorder.chain()
    }

    /// Shakes hands again: whether the server resumed the session.
    pub async fn shake_again(&self, plan: &Plan, socket: TcpStream) -> Result<bool, String> {
        let stream = self.connect(plan, socket).await.map_err(|it| it.error.to_string())?;
        Ok(stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed))
    }

    async fn connect(&self, plan: &Plan, socket: TcpStream) -> Result<Secured, Failed> {
        let name = ServerName::try_from(plan.target.host.clone())
            .map_err(|it| Failed::before(io::Error::new(io::ErrorKind::InvalidInput, it)))?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let shaking = connector.connect(name, Tap::new(socket, &[])).into_fallible();
        match within("the TLS handshake", plan.waits.tls, shaking).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err((error, tap))) => Err(Failed { error, first: tap.first().to_vec() }),
            Err(elapsed) => Err(Failed::before(io::Error::new(io::ErrorKind::TimedOut, elapsed))),
        }
    }
}

/// A failed handshake, and the first bytes that the server had sent.
#[derive(Debug)]
struct Failed {
    error: io::Error,
    first: Vec<u8>,
}

impl Failed {
    fn before(error: io::Error) -> Self {
        Self { error, first: Vec::new() }
    }
}

fn agreed(stream: &Secured) -> Tls {
    let (_, connection) = stream.get_ref();
    let version = connection.protocol_version().map(|it| match it {
        ProtocolVersion::TLSv1_2 => "TLS 1.2".to_owned(),
        ProtocolVersion::TLSv1_3 => "TLS 1.3".to_owned(),
        other => format!("{other:?}"),
    });
    let suite = connection.negotiated_cipher_suite();
    let group = connection.negotiated_key_exchange_group();
    Tls {
        version,
        group: group.map(|it| format!("{:?}", it.name())),
        cipher: suite.map(|it| format!("{:?}", it.suite()).replacen("TLS13_", "TLS_", 1)),
        alpn: connection.alpn_protocol().map(|it| String::from_utf8_lossy(it).into_owned()),
        ..Tls::default()
    }
}

/// What the server speaks, by its answer to a ClientHello of ten years ago.
pub async fn ask_older(plan: &Plan, address: SocketAddr) -> Option<Answer> {
    let socket = reach::again(address, &plan.waits).await.ok()?;
    let asking = old::ask(socket, &plan.target.host);
    within("an older TLS handshake", plan.waits.tls, asking).await.ok()?.ok().flatten()
}

/// One server is all there is.
const SESSIONS: usize = 4;

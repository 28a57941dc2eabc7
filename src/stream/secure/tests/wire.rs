//! What lies between the stream and rustls' own client: a transport that splits reads and writes as
//! the dice fall.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, SupportedProtocolVersion,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::TURNS;
use crate::stream::{Agreed, Secure};

/// What lies between the two, and the dice.
pub(super) struct Wire {
    pub(super) to_server: VecDeque<u8>,
    pub(super) to_client: Vec<u8>,
    pub(super) hung_up: bool,
    pub(super) writes: usize,
    dice: StdRng,
    /// One call in so many blocks; 0: none, and nothing is split.
    trouble: u32,
}

#[derive(Clone)]
pub(super) struct Pipe(Arc<Mutex<Wire>>);

impl Pipe {
    pub(super) fn new(seed: u64, trouble: u32) -> Self {
        Self(Arc::new(Mutex::new(Wire {
            to_server: VecDeque::new(),
            to_client: Vec::new(),
            hung_up: false,
            writes: 0,
            dice: StdRng::seed_from_u64(seed),
            trouble,
        })))
    }

    pub(super) fn wire(&self) -> MutexGuard<'_, Wire> {
        self.0.lock().unwrap()
    }
}

impl Wire {
    fn blocks(&mut self) -> bool {
        self.trouble > 0 && self.dice.random_ratio(1, self.trouble)
    }

    fn some(&mut self, most: usize) -> usize {
        if self.trouble == 0 || most == 0 { most } else { self.dice.random_range(1..=most) }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut wire = self.wire();
        if wire.to_server.is_empty() && wire.hung_up {
            return Poll::Ready(Ok(()));
        }
        if wire.to_server.is_empty() || wire.blocks() {
            return Poll::Pending;
        }
        let most = wire.to_server.len().min(buf.remaining());
        let some = wire.some(most);
        buf.put_slice(&wire.to_server.drain(..some).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut wire = self.wire();
        if wire.blocks() {
            return Poll::Pending;
        }
        wire.writes += 1;
        let some = wire.some(bytes.len());
        wire.to_client.extend_from_slice(&bytes[..some]);
        Poll::Ready(Ok(some))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

pub(super) struct Configs {
    pub(super) server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

pub(super) fn configs(
    version: &'static SupportedProtocolVersion,
    fragment: Option<usize>,
) -> Configs {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![pair.cert.der().clone()], key)
        .unwrap();
    server.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().unwrap();
    server.send_tls13_tickets = 1;
    server.enable_secret_extraction = true;
    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.max_fragment_size = fragment;
    client.enable_secret_extraction = true;
    Configs { server: Arc::new(server), client: Arc::new(client) }
}

/// A client that takes and gives all at once.
pub(super) struct Client {
    pub(super) tls: ClientConnection,
    pub(super) pipe: Pipe,
    pub(super) heard: Vec<u8>,
}

impl Client {
    pub(super) fn new(configs: &Configs, pipe: &Pipe) -> Self {
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(Arc::clone(&configs.client), name).unwrap();
        tls.set_buffer_limit(None);
        Self { tls, pipe: pipe.clone(), heard: Vec::new() }
    }

    pub(super) fn turn(&mut self) -> Result<(), rustls::Error> {
        let came = std::mem::take(&mut self.pipe.wire().to_client);
        let mut rest = came.as_slice();
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest).unwrap();
            let state = self.tls.process_new_packets()?;
            let begin = self.heard.len();
            self.heard.resize(begin + state.plaintext_bytes_to_read(), 0);
            self.tls.reader().read_exact(&mut self.heard[begin..]).unwrap();
        }
        let mut out = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut out).unwrap();
        }
        self.pipe.wire().to_server.extend(out);
        Ok(())
    }

    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.tls.writer().write_all(bytes).unwrap();
    }
}

pub(super) fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// Shakes hands, with the server's end once that is through.
pub(super) fn shaken(
    configs: &Configs,
    seed: u64,
    trouble: u32,
    first: &[u8],
) -> (Box<Secure<Pipe>>, Client) {
    let (stream, client, _) = agreed(configs, seed, trouble, first);
    (stream, client)
}

/// The same, and what was agreed on.
pub(super) fn agreed(
    configs: &Configs,
    seed: u64,
    trouble: u32,
    first: &[u8],
) -> (Box<Secure<Pipe>>, Client, Agreed) {
    let pipe = Pipe::new(seed, trouble);
    let mut client = Client::new(configs, &pipe);
    client.say(first);
    let mut accept = Box::pin(Secure::accept(pipe, Arc::clone(&configs.server), Vec::new()));
    for _ in 0..TURNS {
        client.turn().unwrap();
        if let Poll::Ready(accepted) = accept.as_mut().poll(&mut context()) {
            client.turn().unwrap();
            let (stream, agreed) = accepted.unwrap();
            return (stream, client, agreed);
        }
    }
    panic!("seed {seed}: no end of the handshake");
}

//! The stream against rustls' own client, over a transport that splits reads and writes as the dice
//! fall. A seed is in the message of whatever fails.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, SupportedProtocolVersion,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Secure;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];
const SEEDS: u64 = 40;

/// More turns than any of these exchanges takes.
const TURNS: usize = 200_000;

/// What lies between the two, and the dice.
struct Wire {
    to_server: VecDeque<u8>,
    to_client: Vec<u8>,
    hung_up: bool,
    writes: usize,
    dice: StdRng,
    /// One call in so many blocks; 0: none, and nothing is split.
    trouble: u32,
}

#[derive(Clone)]
struct Pipe(Arc<Mutex<Wire>>);

impl Pipe {
    fn new(seed: u64, trouble: u32) -> Self {
        Self(Arc::new(Mutex::new(Wire {
            to_server: VecDeque::new(),
            to_client: Vec::new(),
            hung_up: false,
            writes: 0,
            dice: StdRng::seed_from_u64(seed),
            trouble,
        })))
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
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

struct Configs {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

fn configs(version: &'static SupportedProtocolVersion, fragment: Option<usize>) -> Configs {
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
    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.max_fragment_size = fragment;
    Configs { server: Arc::new(server), client: Arc::new(client) }
}

/// A client that takes and gives all at once.
struct Client {
    tls: ClientConnection,
    pipe: Pipe,
    heard: Vec<u8>,
}

impl Client {
    fn new(configs: &Configs, pipe: &Pipe) -> Self {
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(Arc::clone(&configs.client), name).unwrap();
        tls.set_buffer_limit(None);
        Self { tls, pipe: pipe.clone(), heard: Vec::new() }
    }

    fn turn(&mut self) -> Result<(), rustls::Error> {
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

    fn say(&mut self, bytes: &[u8]) {
        self.tls.writer().write_all(bytes).unwrap();
    }
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// Shakes hands, with the server's end once that is through.
fn shaken(configs: &Configs, seed: u64, trouble: u32, first: &[u8]) -> (Box<Secure<Pipe>>, Client) {
    let pipe = Pipe::new(seed, trouble);
    let mut client = Client::new(configs, &pipe);
    client.say(first);
    let mut accept = Box::pin(Secure::accept(pipe, Arc::clone(&configs.server), Vec::new()));
    for _ in 0..TURNS {
        client.turn().unwrap();
        if let Poll::Ready(stream) = accept.as_mut().poll(&mut context()) {
            client.turn().unwrap();
            return (stream.unwrap(), client);
        }
    }
    panic!("seed {seed}: no end of the handshake");
}

fn read(stream: &mut Secure<Pipe>, most: usize) -> Poll<io::Result<Vec<u8>>> {
    let mut bytes = vec![0; most];
    let mut buf = ReadBuf::new(&mut bytes);
    let polled = Pin::new(stream).poll_read(&mut context(), &mut buf);
    polled.map_ok(|()| buf.filled().to_vec())
}

/// What is there to be read; an empty text at the end.
fn heard(stream: &mut Secure<Pipe>) -> String {
    match read(stream, 100) {
        Poll::Ready(Ok(some)) => String::from_utf8(some).unwrap(),
        Poll::Ready(Err(error)) => format!("{:?}", error.kind()),
        Poll::Pending => "nothing yet".to_owned(),
    }
}

fn write(stream: &mut Secure<Pipe>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    Pin::new(stream).poll_write(&mut context(), bytes)
}

fn flush(stream: &mut Secure<Pipe>) {
    while Pin::new(&mut *stream).poll_flush(&mut context()).is_pending() {}
}

fn noise(dice: &mut StdRng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; dice.random_range(0..most)];
    dice.fill(bytes.as_mut_slice());
    bytes
}

/// Both talk at once, in pieces of any size, and hear what was said; keys change on the way.
fn talk(version: &'static SupportedProtocolVersion, seed: u64) {
    let mut dice = StdRng::seed_from_u64(!seed);
    let fragment = [None, Some(64), Some(1000), None][(seed % 4) as usize];
    let configs = configs(version, fragment);
    let (mut stream, mut client) = shaken(&configs, seed, 3, b"");
    let (up, down) = (noise(&mut dice, 300_000), noise(&mut dice, 300_000));
    let (mut said, mut answered, mut heard) = (0, 0, Vec::new());
    for _ in 0..TURNS {
        if said < up.len() {
            let some = dice.random_range(0..=(up.len() - said).min(40_000));
            client.say(&up[said..said + some]);
            said += some;
            if version == &rustls::version::TLS13 && dice.random_ratio(1, 8) {
                client.tls.refresh_traffic_keys().unwrap();
            }
        }
        client.turn().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        if dice.random_ratio(1, 2)
            && let Poll::Ready(some) = read(&mut stream, dice.random_range(1..70_000))
        {
            heard.extend(some.unwrap_or_else(|error| panic!("seed {seed}: {error}")));
        }
        if answered < down.len() {
            let some = dice.random_range(1..=(down.len() - answered).min(100_000));
            if let Poll::Ready(taken) = write(&mut stream, &down[answered..answered + some]) {
                answered += taken.unwrap();
            }
        } else {
            flush(&mut stream);
        }
        if heard.len() == up.len() && client.heard.len() == down.len() {
            break;
        }
    }
    assert!(heard == up && client.heard == down, "seed {seed}: something is missing or wrong");
    while !client.pipe.wire().to_server.is_empty() {
        // A change of keys, and no byte.
        assert!(read(&mut stream, 1).is_pending(), "seed {seed}");
    }
    assert!(stream.part.is_empty() && stream.plain.is_empty(), "seed {seed}: it keeps bytes");
}

#[test]
fn every_byte_arrives_however_records_and_writes_are_split() {
    for seed in 0..SEEDS {
        for version in VERSIONS {
            talk(version, seed);
        }
    }
}

#[test]
fn a_handshake_in_pieces_of_a_few_bytes_succeeds() {
    for version in VERSIONS {
        let configs = configs(version, Some(32));
        for seed in 0..SEEDS {
            let (mut stream, mut client) = shaken(&configs, seed, 2, b"first");
            let mut heard = Vec::new();
            while heard.len() < 5 {
                client.turn().unwrap();
                if let Poll::Ready(some) = read(&mut stream, 2) {
                    heard.extend(some.unwrap());
                }
            }
            assert_eq!(heard, b"first", "seed {seed}");
        }
    }
}

#[test]
fn close_notify_is_an_end_and_the_other_direction_stays_open() {
    for version in VERSIONS {
        let (mut stream, mut client) = shaken(&configs(version, None), 0, 0, b"");
        client.say(b"bye");
        client.tls.send_close_notify();
        client.turn().unwrap();
        assert_eq!(heard(&mut stream), "bye", "{version:?}");
        assert_eq!(heard(&mut stream), "", "{version:?}");
        assert!(matches!(write(&mut stream, b"still"), Poll::Ready(Ok(5))));
        let shut = Pin::new(&mut stream).poll_shutdown(&mut context());
        assert!(matches!(shut, Poll::Ready(Ok(()))));
        client.turn().unwrap();
        assert_eq!(client.heard, b"still");
        assert!(client.tls.process_new_packets().unwrap().peer_has_closed());
        assert_eq!(heard(&mut stream), "", "{version:?}");
        assert!(matches!(write(&mut stream, b"more"), Poll::Ready(Err(_))));
    }
}

#[test]
fn what_comes_behind_our_own_close_notify_is_still_read() {
    for version in VERSIONS {
        let (mut stream, mut client) = shaken(&configs(version, None), 0, 0, b"");
        assert!(Pin::new(&mut stream).poll_shutdown(&mut context()).is_ready());
        client.say(b"late");
        client.tls.send_close_notify();
        client.turn().unwrap();
        assert_eq!(heard(&mut stream), "late", "{version:?}");
        assert_eq!(heard(&mut stream), "", "{version:?}");
    }
}

#[test]
fn an_end_without_close_notify_is_an_error_behind_the_last_bytes() {
    for version in VERSIONS {
        let (mut stream, mut client) = shaken(&configs(version, None), 0, 0, b"");
        client.say(b"cut");
        client.turn().unwrap();
        client.pipe.wire().hung_up = true;
        assert_eq!(heard(&mut stream), "cut", "{version:?}");
        let end = read(&mut stream, 100);
        assert!(
            matches!(end, Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof)
        );
    }
}

#[test]
fn a_forged_record_fails_behind_the_good_ones_and_is_answered_by_an_alert() {
    for version in VERSIONS {
        let (mut stream, mut client) = shaken(&configs(version, None), 0, 0, b"");
        client.say(b"good");
        client.turn().unwrap();
        client.pipe.wire().to_server.extend([23, 3, 3, 0, 32]);
        client.pipe.wire().to_server.extend([7; 32]);
        assert_eq!(heard(&mut stream), "good", "{version:?}");
        let forged = read(&mut stream, 100);
        assert!(
            matches!(forged, Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::InvalidData)
        );
        flush(&mut stream);
        let alert = rustls::AlertDescription::BadRecordMac;
        assert_eq!(client.turn(), Err(rustls::Error::AlertReceived(alert)));
        assert!(matches!(write(&mut stream, b"more"), Poll::Ready(Err(_))));
        assert_eq!(heard(&mut stream), "", "{version:?}");
        assert!(Pin::new(&mut stream).poll_shutdown(&mut context()).is_ready());
        assert!(client.pipe.wire().to_client.is_empty(), "one alert is enough");
    }
}

#[test]
fn noise_never_does_more_than_fail() {
    let configs = configs(&rustls::version::TLS13, None);
    for seed in 0..400 {
        let mut dice = StdRng::seed_from_u64(seed);
        let pipe = Pipe::new(seed, 3);
        let mut client = Client::new(&configs, &pipe);
        client.turn().unwrap();
        {
            let mut wire = pipe.wire();
            for _ in 0..dice.random_range(1..8) {
                let at = dice.random_range(0..wire.to_server.len());
                wire.to_server[at] = dice.random();
            }
            wire.hung_up = true;
        }
        let mut accept = Box::pin(Secure::accept(pipe, Arc::clone(&configs.server), Vec::new()));
        let ended = (0..TURNS).any(|_| accept.as_mut().poll(&mut context()).is_ready());
        assert!(ended, "seed {seed}: no end");
    }
}

#[test]
fn a_session_is_resumed_by_the_ticket_that_came_with_the_first_answer() {
    for version in VERSIONS {
        let configs = configs(version, None);
        let (mut stream, mut client) = shaken(&configs, 0, 0, b"ask");
        assert!(!stream.resumed());
        assert_eq!(heard(&mut stream), "ask", "{version:?}");
        let before = client.pipe.wire().writes;
        assert!(matches!(write(&mut stream, b"answer"), Poll::Ready(Ok(6))));
        flush(&mut stream);
        assert_eq!(client.pipe.wire().writes, before + 1, "ticket and answer in one write");
        client.turn().unwrap();
        assert_eq!(client.heard, b"answer");
        let (stream, _) = shaken(&configs, 0, 0, b"");
        assert!(stream.resumed());
    }
}

#[test]
fn a_client_that_asks_for_nothing_still_gets_its_ticket() {
    let configs = configs(&rustls::version::TLS13, None);
    let (mut stream, mut client) = shaken(&configs, 0, 0, b"");
    assert!(read(&mut stream, 100).is_pending());
    client.turn().unwrap();
    assert_eq!(client.tls.tls13_tickets_received(), 1);
}

#[test]
fn a_stream_is_little_more_than_the_state_of_its_session() {
    let (size, session) = (size_of::<Secure>(), size_of::<UnbufferedServerConnection>());
    assert!(size <= session + 160, "{size} bytes, {session} of them the session's");
}

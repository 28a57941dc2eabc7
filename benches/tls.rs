//! What a TLS 1.3 record costs on its way in and out of a stream, from the socket's buffer to the reader's
//! and back: as `records` does it, and beside it as rustls alone does. Knows no HTTP and no socket.
//!
//! `cargo bench --bench tls` measures, `cargo test --bench tls` runs each once.

#![allow(missing_docs)] // criterion_group! makes a public function without one
#![allow(clippy::expect_used, reason = "a bench stands outside the gateway")]

use std::cell::RefCell;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_128_GCM, LessSafeKey, UnboundKey};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use wsgate::stream::Secure;

/// What lies in a record, in bytes, and how many records come at once.
const ROUNDS: [(usize, usize); 3] = [(125, 1), (125, 16), (16 * 1024, 4)];

const READ: usize = 64 * 1024;

fn records(c: &mut Criterion) {
    let mut group = c.benchmark_group("tls");
    for (own, whose) in [(true, "wsgate"), (false, "rustls")] {
        for (payload, count) in ROUNDS {
            let mut pair = Pair::new(own);
            let message = vec![b'm'; payload];
            group.throughput(Throughput::Bytes((payload * count) as u64));
            let name = format!("in, {count} records of {payload} bytes, {whose}");
            group.bench_function(name, |b| {
                b.iter_custom(|rounds| (0..rounds).map(|_| pair.up(&message, count)).sum());
            });
            let message = vec![b'm'; payload * count];
            let name = format!("out, {} bytes at once, {whose}", message.len());
            group.bench_function(name, |b| {
                b.iter_custom(|rounds| (0..rounds).map(|_| pair.down(&message)).sum());
            });
        }
    }
    // What a record costs more whose key another has driven from its slot.
    group.throughput(Throughput::Elements(1));
    group.bench_function("a key, made ready", |b| {
        b.iter(|| {
            let key = UnboundKey::new(&AES_128_GCM, black_box(&[7; 16])).expect("as long as it is");
            LessSafeKey::new(key)
        });
    });
    group.finish();
}

/// A client of rustls, and the stream that it talks to.
struct Pair {
    client: ClientConnection,
    stream: Box<Secure<Pipe>>,
    pipe: Pipe,
    heard: Vec<u8>,
}

impl Pair {
    fn new(own: bool) -> Self {
        let (mut server, client) = configs();
        server.enable_secret_extraction = own;
        let name = ServerName::try_from("localhost").expect("a name");
        let mut client = ClientConnection::new(Arc::new(client), name).expect("a client");
        client.set_buffer_limit(None);
        let pipe = Pipe::default();
        let mut accept = pin!(Secure::accept(pipe.clone(), Arc::new(server), Vec::new()));
        for _ in 0..10 {
            pipe.hear(&mut client, &mut Vec::new());
            pipe.say(&mut client);
            if let Poll::Ready(accepted) = accept.as_mut().poll(&mut context()) {
                let (stream, _) = accepted.expect("a handshake");
                return Self { client, stream, pipe, heard: Vec::with_capacity(READ) };
            }
        }
        unreachable!("a handshake has three flights")
    }

    /// How long it takes to read so many messages, each of them a record.
    fn up(&mut self, message: &[u8], count: usize) -> Duration {
        for _ in 0..count {
            self.client.writer().write_all(message).expect("no limit");
        }
        self.pipe.say(&mut self.client);
        let mut read = vec![0; READ];
        let (mut heard, begin) = (0, Instant::now());
        while heard < message.len() * count {
            let mut buf = ReadBuf::new(&mut read);
            assert!(Pin::new(&mut self.stream).poll_read(&mut context(), &mut buf).is_ready());
            heard += black_box(buf.filled()).len();
        }
        begin.elapsed()
    }

    /// How long it takes to write a message.
    fn down(&mut self, message: &[u8]) -> Duration {
        let begin = Instant::now();
        let written = Pin::new(&mut self.stream).poll_write(&mut context(), message);
        let elapsed = begin.elapsed();
        assert!(matches!(written, Poll::Ready(Ok(len)) if len == message.len()));
        self.heard.clear();
        self.pipe.hear(&mut self.client, &mut self.heard);
        assert_eq!(self.heard.len(), message.len());
        elapsed
    }
}

/// What lies between the two. It takes all and gives all.
#[derive(Clone, Default)]
struct Pipe(Rc<RefCell<[Vec<u8>; 2]>>);

impl Pipe {
    fn say(&self, client: &mut ClientConnection) {
        while client.wants_write() {
            client.write_tls(&mut self.0.borrow_mut()[0]).expect("memory");
        }
    }

    fn hear(&self, client: &mut ClientConnection, heard: &mut Vec<u8>) {
        let came = std::mem::take(&mut self.0.borrow_mut()[1]);
        let mut rest = came.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).expect("memory");
            let state = client.process_new_packets().expect("records");
            let begin = heard.len();
            heard.resize(begin + state.plaintext_bytes_to_read(), 0);
            client.reader().read_exact(&mut heard[begin..]).expect("as many as it said");
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let up = &mut self.0.borrow_mut()[0];
        if up.is_empty() {
            return Poll::Pending;
        }
        buf.put_slice(&up[..up.len().min(buf.remaining())]);
        up.drain(..buf.filled().len());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut()[1].extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn configs() -> (ServerConfig, ClientConfig) {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a pair");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der()));
    let certificate = pair.cert.der().clone();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("a pair");
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let mut suites = (*provider).clone();
    suites.cipher_suites = vec![rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256];
    let client = ClientConfig::builder_with_provider(Arc::new(suites))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    (server, client)
}

criterion_group!(benches, records);
criterion_main!(benches);

//! Whatever records of TLS 1.3 a client makes with its keys, and however they are split over reads, the reader
//! gets the payload of those before the first that may not be: held against what was put into them. The
//! stream ends as that one says, and keeps no byte.

#![no_main]

use std::cell::RefCell;
use std::io::{self, Read};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use libfuzzer_sys::fuzz_target;
use rustls::crypto::cipher;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, ConnectionTrafficSecrets, RootCertStore, ServerConfig,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wsgate::stream::Secure;

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// By close_notify.
    Well,
    /// By something that may not be.
    Refused,
    /// The client hangs up in the middle.
    Cut,
}

fuzz_target!(|input: &[u8]| {
    let Some(([room, split, cipher], mut script)) = input.split_first_chunk::<3>() else { return };
    let (mut stream, mut client) = shaken(usize::from(*cipher) % 3);
    let mut expected = Vec::new();
    let mut ends: Option<&[End]> = None;
    while let (None, Some(([what, len], rest))) = (ends, script.split_first_chunk::<2>()) {
        // Up to 255 bytes, or eight times as many.
        let len = (usize::from(*len) << (what >> 6)).min(rest.len());
        let (bytes, rest) = rest.split_at(len);
        script = rest;
        ends = client.act(what & 0x3f, bytes, &mut expected);
    }
    // Nobody reads what comes behind the end.
    if ends.is_some_and(|it| !it.contains(&End::Cut)) {
        client.pipe.0.borrow_mut().up.extend(script);
    }
    client.pipe.0.borrow_mut().split = usize::from(*split) + 1;
    let (heard, end) = hear(&mut stream, usize::from(*room) + 1);
    assert_eq!(heard, expected);
    let ends = ends.unwrap_or(&[End::Cut]);
    assert!(ends.contains(&end), "{end:?} is none of {ends:?}");
});

/// Reads to the end.
fn hear(stream: &mut Secure<Pipe>, room: usize) -> (Vec<u8>, End) {
    let mut heard = Vec::new();
    let mut bytes = vec![0; room * 16];
    loop {
        let mut buf = ReadBuf::new(&mut bytes);
        match Pin::new(&mut *stream).poll_read(&mut context(), &mut buf) {
            Poll::Ready(Ok(())) if buf.filled().is_empty() => return (heard, End::Well),
            Poll::Ready(Ok(())) => heard.extend_from_slice(buf.filled()),
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return (heard, End::Cut);
            }
            Poll::Ready(Err(_)) => return (heard, End::Refused),
            Poll::Pending => panic!("the pipe never blocks"),
        }
    }
}

/// A client that makes its records itself.
struct Client {
    pipe: Pipe,
    key: LessSafeKey,
    iv: cipher::Iv,
    next: u64,
    /// Warnings since there was data.
    warnings: u32,
}

impl Client {
    /// Sends something, and says how the stream may end by that; `None` if it goes on.
    fn act(&mut self, what: u8, bytes: &[u8], expected: &mut Vec<u8>) -> Option<&'static [End]> {
        let text = match what {
            // No record of ours. It is never data, whatever it looks like; it may only never become whole.
            0 => {
                self.pipe.0.borrow_mut().up.extend(bytes);
                return if bytes.is_empty() { None } else { Some(&[End::Refused, End::Cut]) };
            }
            // Padded by as many zeros.
            1 => [bytes, &[23], &vec![0; bytes.len()]].concat(),
            2 => vec![1, 0, 21],
            3 => vec![1, 90, 21],
            // Whatever it says it is.
            4..8 if !bytes.is_empty() => bytes.to_vec(),
            _ => [bytes, &[23]].concat(),
        };
        self.send(&text);
        self.meant(&text, expected)
    }

    /// What the content of a record says, read from its end.
    fn meant(&mut self, text: &[u8], expected: &mut Vec<u8>) -> Option<&'static [End]> {
        let Some(end) = text.iter().rposition(|it| *it != 0) else { return Some(&[End::Refused]) };
        match (text[end], &text[..end]) {
            (23, payload) => {
                self.warnings = 0;
                expected.extend(payload);
                None
            }
            (21, [_, 0]) => Some(&[End::Well]),
            (21, [_, 90]) => {
                self.warnings += 1;
                if self.warnings > 32 { Some(&[End::Refused]) } else { None }
            }
            // It would have to go on with another key, and knows none.
            (22, [24, 0, 0, 1, 0 | 1]) => Some(&[End::Cut]),
            _ => Some(&[End::Refused]),
        }
    }

    fn send(&mut self, text: &[u8]) {
        let [high, low] = u16::try_from(text.len() + 16).expect("two kilobytes").to_be_bytes();
        let header = [23, 3, 3, high, low];
        let mut body = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(cipher::Nonce::new(&self.iv, self.next).0);
        self.next += 1;
        self.key.seal_in_place_append_tag(nonce, Aad::from(header), &mut body).expect("a record");
        let up = &mut self.pipe.0.borrow_mut().up;
        up.extend(header);
        up.extend(body);
    }
}

/// Shakes hands, and leaves the client its keys.
fn shaken(which: usize) -> (Box<Secure<Pipe>>, Client) {
    let (server, clients) = &*CONFIGS;
    let name = ServerName::try_from("localhost").expect("a name");
    let mut client = ClientConnection::new(Arc::clone(&clients[which]), name).expect("a client");
    let pipe = Pipe::default();
    let mut accept = pin!(Secure::accept(pipe.clone(), Arc::clone(server), Vec::new()));
    let stream = loop {
        pipe.turn(&mut client);
        if let Poll::Ready(accepted) = accept.as_mut().poll(&mut context()) {
            break accepted.expect("a handshake").0;
        }
    };
    let secrets = client.dangerous_extract_secrets().expect("they are ours");
    let (next, secrets) = secrets.tx;
    let (algorithm, key, iv): (&Algorithm, _, _) = match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv),
        ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv),
        ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, key, iv),
        _ => panic!("there are three"),
    };
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key.as_ref()).expect("a key"));
    pipe.0.borrow_mut().over = true;
    (stream, Client { pipe, key, iv, next, warnings: 0 })
}

/// What lies between the two.
#[derive(Default)]
struct Wire {
    up: Vec<u8>,
    read: usize,
    down: Vec<u8>,
    /// How much is read at once at most; 0 for all.
    split: usize,
    /// The end of `up` is the end of the stream.
    over: bool,
}

#[derive(Clone, Default)]
struct Pipe(Rc<RefCell<Wire>>);

impl Pipe {
    fn turn(&self, client: &mut ClientConnection) {
        let mut wire = self.0.borrow_mut();
        let came = std::mem::take(&mut wire.down);
        let mut rest = came.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).expect("memory");
            client.process_new_packets().expect("records");
            // Nothing is said yet.
            let _ = client.reader().read(&mut [0; 16]);
        }
        while client.wants_write() {
            client.write_tls(&mut wire.up).expect("memory");
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut wire = self.0.borrow_mut();
        let left = wire.up.len() - wire.read;
        if left == 0 && !wire.over {
            return Poll::Pending;
        }
        let most = if wire.split == 0 { left } else { wire.split.min(left) };
        let some = most.min(buf.remaining());
        buf.put_slice(&wire.up[wire.read..wire.read + some]);
        wire.read += some;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().down.extend_from_slice(bytes);
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

/// A server, and a client for each cipher.
static CONFIGS: LazyLock<(Arc<ServerConfig>, Vec<Arc<ClientConfig>>)> = LazyLock::new(|| {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a pair");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.signing_key.serialize_der()));
    let certificate = pair.cert.der().clone();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let mut server = ServerConfig::builder_with_provider(Arc::new(provider.clone()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("a pair");
    server.enable_secret_extraction = true;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let suites = provider.cipher_suites.iter().filter(|it| it.tls13().is_some());
    let clients = suites.map(|suite| {
        let mut provider = provider.clone();
        provider.cipher_suites = vec![*suite];
        let mut client = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        client.enable_secret_extraction = true;
        Arc::new(client)
    });
    (Arc::new(server), clients.collect())
});

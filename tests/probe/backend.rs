//! Backends in threads of the test: a WebSocket server with manners, and sockets that say whatever
//! a test wants. A thread serves one connection at a time and ends with the process.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::server::{Request, Response};
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::{Message, WebSocket, accept_hdr};

use super::certificates::files;

/// A socket that says nothing this long is given up, so that no thread waits for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// Greets, answers what it is told, echoes no subprotocol, and answers a Close.
pub fn echo() -> SocketAddr {
    sockets(|mut socket| {
        let _ = socket.send(Message::text("welcome"));
        while let Ok(message) = socket.read() {
            if message.is_text() && socket.send(message).is_err() {
                break;
            }
        }
    })
}

/// Opens every socket and closes it at once.
pub fn closes_with(code: u16, reason: &'static str) -> SocketAddr {
    sockets(move |mut socket| {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        let _ = socket.close(Some(frame));
        while socket.read().is_ok() {}
    })
}

/// Sends a message and a Ping, and closes with 1001 when the Pong has come.
pub fn talks_then_leaves() -> SocketAddr {
    sockets(|mut socket| {
        // The probe's own Ping has been answered by then.
        while !matches!(socket.read(), Ok(Message::Ping(_)) | Err(_)) {}
        let _ = socket.flush();
        let _ = socket.send(Message::text("news"));
        let _ = socket.send(Message::Ping("alive".into()));
        while !matches!(socket.read(), Ok(Message::Pong(_)) | Err(_)) {}
        let frame = CloseFrame { code: 1001.into(), reason: "bye".into() };
        let _ = socket.close(Some(frame));
        while socket.read().is_ok() {}
    })
}

/// A TLS server that lets nobody in without a certificate of the test's authority.
pub fn asks_for_a_certificate(version: &'static SupportedProtocolVersion) -> SocketAddr {
    let mut roots = RootCertStore::empty();
    for root in certificates_in(&files().root) {
        roots.add(root).expect("a root");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let key = PrivateKeyDer::from_pem_file(&files().key).expect("a key");
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_client_cert_verifier(verifier.build().expect("a verifier"))
        .with_single_cert(certificates_in(&files().good), key)
        .expect("a pair");
    let config = Arc::new(config);
    serve(move |mut stream| {
        let mut tls = ServerConnection::new(Arc::clone(&config)).expect("a connection");
        while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok() {}
        // The alert has to leave before the end, and a reset would overtake it.
        while tls.wants_write() && tls.write_tls(&mut stream).is_ok() {}
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    })
}

fn certificates_in(path: &Path) -> Vec<CertificateDer<'static>> {
    let read = CertificateDer::pem_file_iter(path).expect("readable");
    read.collect::<Result<_, _>>().expect("certificates")
}

/// Answers every request with these bytes and hangs up. `{accept}` becomes the key's answer.
pub fn says(answer: &'static str) -> SocketAddr {
    serve(move |mut stream| {
        let accept = derive_accept_key(key_of(&stream).as_bytes());
        let _ = stream.write_all(answer.replace("{accept}", &accept).as_bytes());
    })
}

/// The same, but says nothing more and waits for the client to leave.
pub fn says_and_waits(answer: &'static str) -> SocketAddr {
    serve(move |mut stream| {
        let accept = derive_accept_key(key_of(&stream).as_bytes());
        let _ = stream.write_all(answer.replace("{accept}", &accept).as_bytes());
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    })
}

fn sockets(talk: impl Fn(WebSocket<TcpStream>) + Clone + Send + 'static) -> SocketAddr {
    serve(move |stream| {
        #[allow(clippy::result_large_err, reason = "tungstenite's own signature")]
        let as_it_comes = |_: &Request, response: Response| Ok(response);
        if let Ok(socket) = accept_hdr(stream, as_it_comes) {
            talk(socket);
        }
    })
}

fn serve(talk: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
            let talk = talk.clone();
            thread::spawn(move || talk(stream));
        }
    });
    address
}

/// Reads a request's head: its key.
fn key_of(stream: &TcpStream) -> String {
    let mut key = String::new();
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("sec-websocket-key")
        {
            key = value.to_owned();
        }
        if line.is_empty() {
            break;
        }
    }
    key
}

//! TLS: the site by name, versions, resumption, and that no certificate leaks.

use std::sync::Arc;
use std::time::Duration;

use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wsgate::life::{Cause, Refusal, Stage, Timer, TlsFault};

use crate::house::client::{Client, shake};
use crate::house::{Backend, HOST, House, certificates, https_listener, route, site, soon};

fn any_version() -> Arc<ClientConfig> {
    certificates::client_config(rustls::ALL_VERSIONS)
}

/// A ClientHello by hand: TLS 1.2, one cipher suite, no extension but the given ones.
fn client_hello(extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]); // random
    body.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]); // no session, one suite, no compression
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let mut message = vec![1, 0];
    message.extend((body.len() as u16).to_be_bytes());
    message.extend(body);
    let mut record = vec![22, 3, 1];
    record.extend((message.len() as u16).to_be_bytes());
    record.extend(message);
    record
}

#[tokio::test]
async fn a_name_in_no_site_gets_the_alert_unrecognized_name_and_no_certificate() {
    let backend = Backend::echo().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let error = shake(house.address(), "other.example.test", any_version()).await.unwrap_err();
    assert!(error.to_string().contains("UnrecognisedName"), "{error}");
    let line = house.line().await;
    assert_eq!((line.end.stage, line.end.cause), (Stage::Tls, Cause::Tls(TlsFault::UnknownName)));
    assert_eq!(line.host, "other.example.test");

    // No name at all, and an address instead of one: by hand, to see every byte that comes back.
    let signatures = [0, 13, 0, 4, 0, 2, 4, 3];
    for extensions in [&signatures[..], &[]] {
        let mut stream = TcpStream::connect(house.address()).await.expect("connects");
        stream.write_all(&client_hello(extensions)).await.expect("sends");
        let mut answer = Vec::new();
        soon(stream.read_to_end(&mut answer)).await.expect("ends");
        if extensions.is_empty() {
            // Not even well-formed for rustls; an alert all the same.
            assert_eq!((answer.len(), answer[0]), (7, 21), "{answer:?}");
        } else {
            assert_eq!(answer, [21, 3, 3, 0, 2, 2, 112], "only the alert");
            assert_eq!(house.end().await.cause, Cause::Tls(TlsFault::NoName));
        }
    }
    house.finish().await;
}

#[tokio::test]
async fn aes_128_is_agreed_on_unless_the_client_knows_better() {
    use rustls::CipherSuite::{
        TLS13_AES_128_GCM_SHA256 as AES_128, TLS13_AES_256_GCM_SHA384 as AES_256,
        TLS13_CHACHA20_POLY1305_SHA256 as CHACHA,
    };
    let backend = Backend::echo().await;
    let house = House::with_routes(&route("/", &backend)).await;
    for (offered, agreed) in [
        (&[AES_256, CHACHA, AES_128][..], AES_128),
        (&[CHACHA, AES_256, AES_128], CHACHA),
        (&[AES_256], AES_256),
    ] {
        let config = certificates::client_config_with(offered);
        let stream = shake(house.address(), HOST, config).await.expect("a handshake");
        let suite = stream.get_ref().1.negotiated_cipher_suite().expect("a suite").suite();
        assert_eq!(suite, agreed, "{offered:?}");
    }
    house.finish().await;
}

#[tokio::test]
async fn each_site_shows_its_own_certificate_exact_before_wildcard() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let text = format!(
        "{}{}{}{}{}",
        https_listener(),
        site("*.play.example.test"),
        route("/", &backend),
        site("one.play.example.test"),
        route("/", &backend)
    );
    let house = House::with(&text).await;
    for (name, file) in [
        ("one.play.example.test", "one.play.example.test"),
        ("two.play.example.test", "*.play.example.test"),
    ] {
        let stream = shake(house.address(), name, any_version()).await.expect("a handshake");
        let shown = stream.get_ref().1.peer_certificates().expect("certificates")[0].to_vec();
        let (path, _) = certificates::of(file);
        let expected = wsgate::tls::pem::read_chain(path.as_ref()).expect("readable");
        assert_eq!(shown, expected[0].to_vec(), "{name}");
    }
    let deep = shake(house.address(), "a.b.play.example.test", any_version()).await;
    assert!(deep.is_err(), "a wildcard is one label");
    house.finish().await;
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_and_tls_min_is_kept() {
    let backend = Backend::echo().await;
    let strict = site("strict.example.test") + "tls_min = \"1.3\"\n";
    let text = format!(
        "{}{}{}{strict}{}",
        https_listener(),
        site(HOST),
        route("/", &backend),
        route("/", &backend)
    );
    let house = House::with(&text).await;
    for (version, expected) in
        [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let config = certificates::client_config(&[version]);
        let stream = shake(house.address(), HOST, config).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.protocol_version(), Some(expected));
    }
    let old = certificates::client_config(&[&TLS12]);
    assert!(shake(house.address(), "strict.example.test", old).await.is_err());
    assert_eq!(house.end().await.cause, Cause::Tls(TlsFault::Failed));
    let new = certificates::client_config(&[&TLS13]);
    assert!(shake(house.address(), "strict.example.test", new).await.is_ok());
    house.finish().await;
}

#[tokio::test]
async fn sessions_are_resumed_in_both_versions() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    let backend = Backend::answering(answer).await;
    let house = House::with_routes(&route("/", &backend)).await;
    for version in [&TLS12, &TLS13] {
        let config = certificates::client_config(&[version]);
        let mut kinds = Vec::new();
        for _ in 0..3 {
            let stream = shake(house.address(), HOST, Arc::clone(&config)).await.expect("TLS");
            kinds.push(stream.get_ref().1.handshake_kind());
            // TLS 1.3 tickets come behind the handshake: read something.
            let mut client = Client::on(stream);
            assert!(client.get("/", "Connection: close\r\n").await.starts_with("HTTP/1.1 200 "));
            client.rest().await;
        }
        assert_eq!(kinds[0], Some(HandshakeKind::Full), "{version:?}");
        assert_eq!(kinds[1..], [Some(HandshakeKind::Resumed); 2], "{version:?}");
    }
    assert_eq!((house.metrics().tls_full.value(), house.metrics().tls_resumed.value()), (2, 4));
    house.finish().await;
}

#[tokio::test]
async fn alpn_is_http_1_1_only_where_http2_is_off() {
    let backend = Backend::echo().await;
    let listener = https_listener().to_owned() + "http2 = false\n";
    let house = House::with(&format!("{listener}{}{}", site(HOST), route("/", &backend))).await;
    let mut config = (*any_version()).clone();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = shake(house.address(), HOST, Arc::new(config.clone())).await.expect("TLS");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    config.alpn_protocols = vec![b"h2".to_vec()];
    assert!(shake(house.address(), HOST, Arc::new(config)).await.is_err());
    drop(stream);
    house.finish().await;
}

#[tokio::test]
async fn a_stalled_handshake_ends_at_its_deadline_and_holds_up_nobody() {
    let backend = Backend::echo().await;
    let text = format!(
        "[gateway.timeouts]\ntls_handshake = \"2s\"\n{}{}{}",
        https_listener(),
        site(HOST),
        route("/", &backend)
    );
    let house = House::with(&text).await;
    let mut stalled = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(house.address()).await.expect("connects");
        stream.write_all(&client_hello(&[])[..20]).await.expect("sends");
        stalled.push(stream);
    }
    let begun = std::time::Instant::now();
    drop(house.socket("/").await);
    assert!(begun.elapsed() < Duration::from_secs(5));
    let causes: Vec<_> = house.lines(51).await.iter().map(|it| it.end.cause).collect();
    let timed_out = causes.iter().filter(|it| **it == Cause::Timer(Timer::TlsHandshake)).count();
    assert_eq!(timed_out, 50);
    house.finish().await;
}

#[tokio::test]
async fn the_host_must_belong_to_the_site_of_the_sni() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let text = format!(
        "{}{}{}{}{}",
        https_listener(),
        site(HOST),
        route("/", &backend),
        site("other.example.test"),
        route("/", &backend)
    );
    let house = House::with(&text).await;
    for (host, status) in
        [(HOST, 200), ("GAME.example.TEST:443", 200), ("other.example.test", 421), ("x.org", 421)]
    {
        let mut client = house.client().await;
        client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {head}");
        let cause = house.end().await.cause;
        let misdirected = cause == Cause::Refusal(Refusal::Misdirected);
        assert_eq!(misdirected, status == 421, "{host}");
    }
    house.finish().await;
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_refused_by_name() {
    let backend = Backend::echo().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = Client::tcp(house.address()).await.expect("connects");
    client.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    client.rest().await;
    assert_eq!(house.end().await.cause, Cause::Tls(TlsFault::Failed));
    house.finish().await;
}

/// What stands inside PKCS#8's OCTET STRING: the key in its old form, SEC1 or PKCS#1.
fn old_form(pkcs8: &[u8]) -> &[u8] {
    let (_, mut rest) = value(pkcs8); // SEQUENCE { version, algorithm, OCTET STRING }
    for _ in 0..2 {
        rest = &rest[value(rest).0..];
    }
    value(rest).1
}

/// The length of the DER item at the front of `bytes`, and its content.
fn value(bytes: &[u8]) -> (usize, &[u8]) {
    let long = usize::from(bytes[1].saturating_sub(0x80));
    let length = match bytes[1] {
        short @ 0..0x80 => usize::from(short),
        _ => bytes[2..2 + long].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
    };
    (2 + long + length, &bytes[2 + long..2 + long + length])
}

#[tokio::test]
async fn keys_in_pkcs8_sec1_and_pkcs1_are_read() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let ec = rcgen::KeyPair::generate().expect("a key");
    let rsa = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key");
    let pem = |label: &str, der: &[u8]| {
        let text = data_encoding::BASE64.encode(der);
        let lines: Vec<_> =
            text.as_bytes().chunks(64).map(|it| String::from_utf8_lossy(it)).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    };
    let forms = [
        ("pkcs8", &ec, pem("PRIVATE KEY", ec.serialized_der())),
        ("sec1", &ec, pem("EC PRIVATE KEY", old_form(ec.serialized_der()))),
        ("pkcs1", &rsa, pem("RSA PRIVATE KEY", old_form(rsa.serialized_der()))),
    ];
    for (form, key, text) in forms {
        let host = format!("{form}.example.test");
        let (certificate, path) = certificates::with_key(&host, key, &text);
        let site = format!(
            "[[sites]]\ndomains = [\"{host}\"]\ncertificate = \"{certificate}\"\n\
             private_key = \"{path}\"\n"
        );
        let text = format!("{}{site}{}", https_listener(), route("/", &backend));
        let house = House::with(&text).await;
        assert!(shake(house.address(), &host, any_version()).await.is_ok(), "{form}");
        house.finish().await;
    }
}

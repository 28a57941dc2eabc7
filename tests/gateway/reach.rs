//! Ways to a server: TLS, a unix socket, a name, and the PROXY header in front of it all.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;
use wsgate::life::{Cause, Fault};

use crate::house::backend::say;
use crate::house::{Backend, Client, HOST, House, certificates};
use crate::pools::{pool, servers, socket};

/// A server with TLS and the certificate of `host`; with `mutual` it wants to see ours.
async fn secure(host: &str, mutual: bool) -> u16 {
    secure_with(server_config(host, mutual)).await
}

async fn secure_with(config: ServerConfig) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    say(Client::on(stream), "secure").await;
                }
            });
        }
    });
    port
}

fn server_config(host: &str, mutual: bool) -> ServerConfig {
    let (chain, key) = certificates::pair(host);
    config_of(chain, key, mutual)
}

fn config_of(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    mutual: bool,
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = if mutual {
        let roots = Arc::new(certificates::roots());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
        builder.with_client_cert_verifier(verifier.expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    builder.with_single_cert(chain, key).expect("a pair")
}

/// What `openssl req -x509` makes: a certificate that signs itself and says that it is a CA's.
fn its_own_ca(host: &str) -> (ServerConfig, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new(vec![host.to_owned()]).expect("a name");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("a certificate");
    let path = format!("{}/own-ca-{}.crt", certificates::folder(), rand::random::<u32>());
    std::fs::write(&path, certificate.pem()).expect("written");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    (config_of(vec![certificate.der().clone()], key, false), path)
}

fn tls_pool(port: u16, keys: &str) -> String {
    let ca = certificates::ca_file();
    pool(&format!("servers = [\"https://127.0.0.1:{port}\"]\ntls = {{ ca = \"{ca}\"{keys} }}\n"))
}

#[tokio::test]
async fn a_server_with_tls_is_reached_when_it_proves_its_name() {
    let port = secure("inner.example.test", false).await;
    let house = House::with(&tls_pool(port, ", server_name = \"inner.example.test\"")).await;
    let (mut client, name) = socket(&house, "/", "").await;
    assert_eq!(name, "secure");
    let text = "over two encrypted legs, ".repeat(4000);
    client.send(crate::house::frames::masked(crate::house::frames::TEXT, &text)).await;
    assert_eq!(client.frame().await.expect("the echo").text(), text);
    let mut plain = house.client().await;
    for _ in 0..3 {
        assert_eq!(plain.fetch("/", "").await.1, "secure");
    }
    drop((client, plain));
    house.finish().await;
}

#[tokio::test]
async fn a_server_that_is_somebody_else_is_502() {
    let port = secure("other.example.test", false).await;
    let house = House::with(&tls_pool(port, ", server_name = \"inner.example.test\"")).await;
    let head = house.client().await.upgrade("/", "").await;
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    let line = house.line().await;
    assert_eq!(line.end.cause, Cause::Backend(Fault::Tls));
    assert!(line.detail.contains("certificate"), "{}", line.detail);
    house.finish().await;
}

#[tokio::test]
async fn a_server_that_shows_its_own_ca_is_said_to_do_so() {
    let (config, ca) = its_own_ca("inner.example.test");
    let port = secure_with(config).await;
    let tls = format!("tls = {{ ca = \"{ca}\", server_name = \"inner.example.test\" }}\n");
    let house =
        House::with(&pool(&format!("servers = [\"https://127.0.0.1:{port}\"]\n{tls}"))).await;
    let head = house.client().await.upgrade("/", "").await;
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    let line = house.line().await;
    assert_eq!(line.end.cause, Cause::Backend(Fault::Tls));
    assert!(line.detail.contains("a CA's certificate as its own"), "{}", line.detail);
    house.finish().await;
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_ours() {
    let port = secure("inner.example.test", true).await;
    let name = ", server_name = \"inner.example.test\"";
    let (certificate, key) = certificates::of("gateway.example.test");
    let ours = format!("{name}, client_certificate = \"{certificate}\", client_key = \"{key}\"");
    let house = House::with(&tls_pool(port, &ours)).await;
    assert_eq!(socket(&house, "/", "").await.1, "secure");
    house.finish().await;
    let house = House::with(&tls_pool(port, name)).await;
    let head = house.client().await.upgrade("/", "").await;
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    house.finish().await;
}

#[tokio::test]
async fn a_unix_socket_is_a_server_like_others() {
    let folder = certificates::folder();
    let path = format!("{folder}/pool-{}.sock", rand::random::<u32>());
    let listener = UnixListener::bind(&path).expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(say(Client::on(stream), "unix"));
        }
    });
    let dead = Backend::nobody().await;
    let keys = format!("servers = [\"unix:{path}\", \"{}\"]\n", dead.address());
    let house = House::with(&pool(&keys)).await;
    for _ in 0..4 {
        assert_eq!(socket(&house, "/", "").await.1, "unix");
    }
    house.finish().await;
}

#[tokio::test]
async fn a_name_is_every_address_that_it_has() {
    let a = Backend::named("a").await;
    let keys = format!("servers = [\"localhost:{}\"]\n", a.address().port());
    let house = House::with(&pool(&keys)).await;
    // Where localhost is ::1 too, nobody listens there: the other address is tried.
    for _ in 0..4 {
        assert_eq!(socket(&house, "/", "").await.1, "a");
    }
    house.finish().await;
}

#[tokio::test]
async fn a_name_without_an_address_is_503() {
    let house = House::with(&pool("servers = [\"nobody.invalid:80\"]\n")).await;
    let head = house.client().await.upgrade("/", "").await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert_eq!(house.end().await.cause, Cause::Backend(Fault::NoServer));
    house.finish().await;
}

#[tokio::test]
async fn the_proxy_header_comes_first_and_names_the_client() {
    for version in ["v1", "v2"] {
        let told = Backend::new(move |mut client| async move {
            let seen = if version == "v1" {
                let mut line = Vec::new();
                while !line.ends_with(b"\r\n") {
                    line.extend(client.exactly(1).await);
                }
                String::from_utf8(line).expect("ASCII").trim_end().to_owned()
            } else {
                let header = client.exactly(28).await;
                assert_eq!(header[..16], *b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c");
                let port = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
                let ip = |at: usize| {
                    std::net::Ipv4Addr::from(
                        <[u8; 4]>::try_from(&header[at..at + 4]).expect("four"),
                    )
                };
                format!("PROXY TCP4 {} {} {} {}", ip(16), ip(20), port(24), port(26))
            };
            let head = client.head().await;
            assert!(head.starts_with("GET /"), "{head}");
            let length = seen.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{seen}");
            let _ = client.try_send(answer).await;
            client.rest().await;
        })
        .await;
        let keys = format!("{}proxy_protocol = \"{version}\"\n", servers(&[&told]));
        let house = House::with(&pool(&keys)).await;
        for host in [7, 8] {
            let source = std::net::SocketAddr::from(([127, 0, 0, host], 0));
            let mut client = Client::tls_from(source, house.address(), HOST).await;
            let seen = client.fetch("/", "").await.1;
            let expected = format!("PROXY TCP4 127.0.0.{host} 127.0.0.1 ");
            assert!(seen.starts_with(&expected), "{seen}");
            assert!(seen.ends_with(&format!(" {}", house.address().port())), "{seen}");
        }
        assert_eq!(told.accepted(), 2, "no connection serves two clients");
        house.finish().await;
    }
}

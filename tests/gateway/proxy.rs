//! The PROXY protocol from load balancers: believed from those who must speak it, required from
//! them, and from nobody else.

use std::net::SocketAddr;
use std::path::PathBuf;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use wsgate::life::{By, Cause, Refusal, Stage, Timer};

use crate::house::client::field;
use crate::house::{Backend, Client, HOST, House, certificates, route, site, soon};
use crate::http::mirror;

const V1: &str = "PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n";

/// A gateway that takes the header from this machine, on https and on http.
async fn house(routes: &str) -> House {
    House::with(&text("127.0.0.0/8", routes)).await
}

fn text(network: &str, routes: &str) -> String {
    let listener = |protocol: &str| {
        format!(
            "[[listeners]]\naddress = \"127.0.0.1:0\"\nprotocol = \"{protocol}\"\n\
             proxy_protocol = [\"{network}\"]\n"
        )
    };
    format!(
        "[gateway.timeouts]\nproxy_header = \"1500ms\"\n{}{}{}{routes}",
        listener("https"),
        listener("http"),
        site(HOST)
    )
}

/// TLS behind the header, which comes in two pieces.
async fn behind(address: SocketAddr, header: &[u8]) -> Client {
    let mut tcp = TcpStream::connect(address).await.expect("connected");
    tcp.set_nodelay(true).expect("set");
    let (first, second) = header.split_at(header.len() / 2);
    tcp.write_all(first).await.expect("sent");
    tokio::task::yield_now().await;
    tcp.write_all(second).await.expect("sent");
    let config = certificates::client_config(rustls::ALL_VERSIONS);
    let name = ServerName::try_from(HOST).expect("a name");
    Client::on(soon(TlsConnector::from(config).connect(name, tcp)).await.expect("TLS"))
}

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let len = (rest.len() as u16).to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &len, rest].concat()
}

#[tokio::test]
async fn the_client_that_a_load_balancer_names_is_the_client_everywhere() {
    let backend = mirror().await;
    let rules = "[sites.routes.clients.addresses]\ndeny = [\"198.51.100.0/24\"]\n";
    let house = house(&(route("/", &backend) + rules)).await;
    let v4 = [203, 0, 113, 9, 192, 0, 2, 1, 0x12, 0x67, 0x01, 0xbb];
    let fields = [&v4[..], &[0x01, 0, 8], b"http/1.1", &[0x04, 0, 2, 0, 0]].concat();
    for header in [V1.as_bytes().to_vec(), v2(0x21, 0x11, &v4), v2(0x21, 0x11, &fields)] {
        let mut client = behind(house.address(), &header).await;
        let (_, seen) = client.fetch("/", "X-Forwarded-For: 6.6.6.6\r\n").await;
        assert_eq!(field(&seen, "x-real-ip"), Some("203.0.113.9"), "{seen}");
        assert_eq!(field(&seen, "x-forwarded-for"), Some("203.0.113.9"), "{seen}");
        assert_eq!(field(&seen, "x-forwarded-port"), Some("443"), "{seen}");
        assert_eq!(house.line().await.client, "203.0.113.9");
    }
    let denied = b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n";
    let head = behind(house.address(), denied).await.get("/", "").await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    let line = house.line().await;
    assert_eq!(line.end.cause, Cause::Refusal(Refusal::Address));
    assert_eq!(line.client, "198.51.100.7");
    let mut plain = Client::tcp(house.address_of(1)).await.expect("connected");
    plain.send(V1).await;
    let (_, seen) = plain.fetch("/", "").await;
    assert_eq!(field(&seen, "x-real-ip"), Some("203.0.113.9"), "{seen}");
    drop(plain);
    house.finish().await;
}

#[tokio::test]
async fn a_load_balancer_that_speaks_for_itself_is_itself() {
    let backend = mirror().await;
    let house = house(&route("/", &backend)).await;
    let of_a_unix_socket = v2(0x21, 0x31, &[7; 216]);
    for header in [b"PROXY UNKNOWN\r\n".to_vec(), v2(0x20, 0, &[]), of_a_unix_socket] {
        let (_, seen) = behind(house.address(), &header).await.fetch("/", "").await;
        assert_eq!(field(&seen, "x-real-ip"), Some("127.0.0.1"), "{seen}");
        let port = house.address().port().to_string();
        assert_eq!(field(&seen, "x-forwarded-port"), Some(port.as_str()), "{seen}");
        assert_eq!(house.line().await.client, "127.0.0.1");
    }
    house.finish().await;
}

#[tokio::test]
async fn who_must_send_a_header_and_does_not_is_turned_away() {
    let backend = mirror().await;
    let house = house(&route("/", &backend)).await;
    let malformed = Cause::Refusal(Refusal::ProxyHeader);
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(200));
    let cases: [(&[u8], Cause); 5] = [
        (b"GET / HTTP/1.1\r\n", malformed),
        (b"\x16\x03\x01\x02\x00\x01\x00", malformed),
        (endless.as_bytes(), malformed),
        (b"PROXY TCP4 203.0.113.9 192.0.2.1 4711", Cause::Timer(Timer::ProxyHeader)),
        (b"", Cause::Timer(Timer::ProxyHeader)),
    ];
    for listener in [0, 1] {
        for (bytes, cause) in cases {
            let mut client = Client::tcp(house.address_of(listener)).await.expect("connected");
            client.send(bytes).await;
            assert_eq!(client.rest().await, b"", "not a word");
            let line = house.line().await;
            assert_eq!(
                (line.end.by, line.end.stage, line.end.cause),
                (By::Client, Stage::Accept, cause)
            );
            assert_eq!(line.client, "127.0.0.1");
        }
    }
    assert_eq!(house.metrics().ends(malformed), 6);
    let mut gone = TcpStream::connect(house.address()).await.expect("connected");
    gone.write_all(b"PROXY TCP4").await.expect("sent");
    drop(gone);
    assert_eq!(house.end().await.cause, Cause::Fin);
    assert_eq!(backend.accepted(), 0);
    house.finish().await;
}

#[tokio::test]
async fn a_header_from_anybody_else_is_not_believed() {
    let backend = mirror().await;
    let house = House::with(&text("192.0.2.0/24", &route("/", &backend))).await;
    let mut tls = TcpStream::connect(house.address()).await.expect("connected");
    tls.write_all(V1.as_bytes()).await.expect("sent");
    let mut said = Vec::new();
    let _ = soon(tls.read_to_end(&mut said)).await;
    assert_eq!(house.line().await.client, "127.0.0.1");
    let mut plain = Client::tcp(house.address_of(1)).await.expect("connected");
    plain.send(V1).await;
    plain.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    assert!(plain.head().await.starts_with("HTTP/1.1 400 "));
    assert_eq!(backend.accepted(), 0);
    let mut honest = house.client().await;
    let (_, seen) = honest.fetch("/", "").await;
    assert_eq!(field(&seen, "x-real-ip"), Some("127.0.0.1"));
    drop((plain, honest));
    house.finish().await;
}

#[tokio::test]
async fn the_header_goes_on_to_the_backend_and_forwarded_fields_need_a_trusted_client() {
    let told = Backend::new(|mut client| async move {
        let seen = client.head().await;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{seen}", seen.len());
        let _ = client.try_send(answer).await;
    })
    .await;
    let pool =
        format!("[backends.pool]\nservers = [\"{}\"]\nproxy_protocol = \"v1\"\n", told.address());
    let routes = "[[sites.routes]]\npath = \"/\"\nbackend = \"pool\"\n\
                  trusted_proxies = [\"203.0.113.9\"]\n";
    let house = House::with(&format!("{pool}{}", text("127.0.0.1", routes))).await;
    let forwarded = "X-Forwarded-For: 198.51.100.5\r\n";
    let mut client = behind(house.address(), V1.as_bytes()).await;
    let (_, seen) = client.fetch("/", forwarded).await;
    assert!(seen.starts_with("PROXY TCP4 198.51.100.5 192.0.2.1 0 443\r\n"), "{seen}");
    let other = V1.replace("203.0.113.9", "203.0.113.10");
    drop(client);
    let mut client = behind(house.address(), other.as_bytes()).await;
    let (_, seen) = client.fetch("/", forwarded).await;
    assert!(seen.starts_with("PROXY TCP4 203.0.113.10 192.0.2.1 4711 443\r\n"), "{seen}");
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn on_a_unix_socket_everybody_has_to_send_the_header() {
    let backend = mirror().await;
    let path = PathBuf::from(certificates::folder()).join("proxy.sock");
    let text = format!(
        "[[listeners]]\naddress = \"unix:{}\"\nprotocol = \"http\"\nproxy_protocol = [\"::/0\"]\n{}{}",
        path.display(),
        site(HOST),
        route("/", &backend)
    );
    let house = House::with(&text).await;
    let mut stream = UnixStream::connect(&path).await.expect("connected");
    stream.write_all(V1.as_bytes()).await.expect("sent");
    let mut client = Client::on(stream);
    let (_, seen) = client.fetch("/", "").await;
    assert_eq!(field(&seen, "x-real-ip"), Some("203.0.113.9"), "{seen}");
    assert_eq!(house.line().await.client, "203.0.113.9");
    let mut without = Client::unix(&path).await.expect("connected");
    without.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    assert_eq!(without.rest().await, b"");
    assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::ProxyHeader));
    drop(client);
    house.finish().await;
}

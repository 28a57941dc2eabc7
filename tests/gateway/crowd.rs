//! How many connections an address may have and how fast it may make new ones: refused before TLS,
//! with a reason in the log and a counter.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use wsgate::life::{By, Cause, Refusal, Stage};

use crate::house::client::field;
use crate::house::{Client, HOST, House, PATIENCE, read, route, site, soon, until};
use crate::http::mirror;

async fn text(gateway: &str) -> (String, crate::house::Backend) {
    let backend = mirror().await;
    let listener = |protocol: &str, more: &str| {
        format!("[[listeners]]\naddress = \"127.0.0.1:0\"\nprotocol = \"{protocol}\"\n{more}")
    };
    let text = format!(
        "[gateway]\n{gateway}\n{}{}{}{}{}",
        listener("https", ""),
        listener("http", ""),
        listener("http", "proxy_protocol = [\"127.0.0.1\"]\n"),
        site(HOST),
        route("/", &backend)
    );
    (text, backend)
}

/// A connection from an address of this machine, without a word.
async fn connect(from: u8, to: SocketAddr) -> Client {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from(([127, 0, 0, from], 0))).expect("an address of this machine");
    Client::on(soon(socket.connect(to)).await.expect("a connection"))
}

#[tokio::test]
async fn an_address_has_no_more_connections_than_allowed() {
    let (text, _backend) = text("max_connections_per_ip = 3").await;
    let house = House::with(&text).await;
    let mut kept = vec![house.client().await, house.client().await];
    let mut plain = Client::tcp(house.address_of(1)).await.expect("connected");
    plain.fetch("/", "").await;
    house.line().await;
    let cause = Cause::Refusal(Refusal::ConnectionsPerIp);
    let mut refused = connect(1, house.address()).await;
    assert_eq!(refused.rest().await, b"", "no TLS for it");
    let line = house.line().await;
    assert_eq!((line.end.by, line.end.stage, line.end.cause), (By::Client, Stage::Accept, cause));
    assert_eq!(line.client, "127.0.0.1");
    let mut refused = connect(1, house.address_of(1)).await;
    let head = refused.head().await;
    assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
    let length = field(&head, "content-length").expect("a length").to_owned();
    assert_eq!(refused.rest().await.len().to_string(), length);
    assert_eq!(house.end().await.cause, cause);
    assert_eq!(house.metrics().ends(cause), 2);
    let mut other = connect(2, house.address_of(1)).await;
    let (head, _) = other.fetch("/", "").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "another address is not concerned: {head}");
    drop(kept.pop());
    until(|| house.metrics().connections.value() == 3).await;
    kept.push(house.client().await);
    drop((kept, plain, other));
    house.finish().await;
}

#[tokio::test]
async fn behind_a_load_balancer_the_clients_are_counted_and_not_the_load_balancer() {
    let (text, _backend) = text("max_connections_per_ip = 1").await;
    let house = House::with(&text).await;
    let proxied = async |client: &str| {
        let mut stream = TcpStream::connect(house.address_of(2)).await.expect("connected");
        let (family, local) =
            if client.contains(':') { ("TCP6", "2001:db8::1") } else { ("TCP4", "192.0.2.1") };
        let header = format!("PROXY {family} {client} {local} 4711 80\r\n");
        stream.write_all(header.as_bytes()).await.expect("sent");
        let mut client = Client::on(stream);
        let _ = client.try_send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
        let head = client.head().await;
        (head.split(' ').nth(1).unwrap_or("").to_owned(), client)
    };
    let clients = ["203.0.113.1", "203.0.113.2", "2001:db8:1:2::1", "2001:db8:1:3::1"];
    let mut kept = Vec::new();
    for client in clients {
        let (status, client) = proxied(client).await;
        assert_eq!(status, "200");
        kept.push(client);
    }
    house.lines(clients.len()).await;
    for client in ["203.0.113.1", "2001:db8:1:2:ffff::9"] {
        proxied(client).await;
        let line = house.line().await;
        assert_eq!(line.end.cause, Cause::Refusal(Refusal::ConnectionsPerIp));
        assert_eq!(line.client, client);
    }
    drop(kept);
    house.finish().await;
}

#[tokio::test]
async fn an_address_makes_new_connections_no_faster_than_allowed() {
    // Ten at once, then one in five seconds.
    let (text, _backend) = text("handshakes_per_ip = \"12/m\"").await;
    let house = House::with(&text).await;
    for _ in 0..10 {
        house.client().await;
    }
    let mut refused = connect(1, house.address()).await;
    assert_eq!(refused.rest().await, b"");
    let cause = Cause::Refusal(Refusal::HandshakesPerIp);
    assert_eq!(house.end().await.cause, cause);
    let tls = [&house.metrics().tls_full, &house.metrics().tls_resumed];
    assert_eq!(tls.iter().map(|it| it.value()).sum::<u64>(), 10);
    let mut other = connect(2, house.address_of(1)).await;
    assert!(other.fetch("/", "").await.0.starts_with("HTTP/1.1 200 "));
    let begun = std::time::Instant::now();
    while Client::tls(house.address(), HOST).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "its bucket does not fill");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    drop(other);
    house.finish().await;
}

#[tokio::test]
async fn a_reload_changes_what_an_address_is_allowed() {
    let (text, _backend) = text("max_connections_per_ip = 1").await;
    let mut house = House::with(&text).await;
    let first = house.client().await;
    assert!(Client::tls(house.address(), HOST).await.is_err());
    house.end().await;
    let more = text.replace("max_connections_per_ip = 1", "max_connections_per_ip = 2");
    house.gateway.reload(read(&more).0).await.expect("it is valid");
    let second = house.client().await;
    assert!(Client::tls(house.address(), HOST).await.is_err(), "the first is still counted");
    drop((first, second));
    house.finish().await;
}

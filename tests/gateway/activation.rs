//! Sockets that systemd keeps, asked for by one configuration and then by another.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use wsgate::accept::{Inherited, hand_over};
use wsgate::control::Gateway;
use wsgate::observe::access::Access;
use wsgate::observe::books::Books;

use crate::house::{Backend, Client, HOST, read, route, site};

/// Sockets as systemd gives them, and where they are.
fn given<const N: usize>(names: [&str; N]) -> (Inherited, [SocketAddr; N]) {
    let listeners = names.map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let (one, other) = UnixStream::pair().expect("a pair");
    let pairs = names.iter().zip(&listeners);
    let named: Vec<_> = pairs.map(|(name, it)| (format!("systemd:{name}"), it.as_fd())).collect();
    hand_over(&one, &named).expect("sent");
    let addresses = listeners.each_ref().map(|it| it.local_addr().expect("bound"));
    (Inherited::receive(&other).expect("received"), addresses)
}

fn listener(address: &str, protocol: &str) -> String {
    format!("[[listeners]]\naddress = \"{address}\"\nprotocol = \"{protocol}\"\n")
}

#[tokio::test]
async fn none_is_lost_by_a_refused_reload_nor_by_one_that_does_without_it() {
    let backend = Backend::echo().await;
    let rest = site(HOST) + &route("/", &backend);
    let one = listener("systemd:https", "https") + &rest;
    let both = listener("systemd:http", "http") + &one;
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = holder.local_addr().expect("an address").to_string();
    let refused = both.replace(&rest, &(listener(&taken, "http") + &rest));
    let (inherited, [https, http]) = given(["https", "http"]);
    let books = Books::new(Access::off());
    let mut gateway = Gateway::start_with(read(&one).0, books, inherited).await.expect("starts");
    let error = gateway.reload(read(&refused).0).await.expect_err("the address is taken");
    assert!(error.to_string().contains(&taken), "{error}");
    for round in 0..3 {
        gateway.reload(read(&both).0).await.expect("the socket is still there");
        let mut client = Client::tcp(http).await.expect("it listens");
        assert!(client.upgrade("/", "").await.starts_with("HTTP/1.1 101 "), "round {round}");
        drop(Client::tls(https, HOST).await.expect("untouched"));
        gateway.reload(read(&one).0).await.expect("the socket is put back");
    }
    let twice = listener("systemd:https", "https") + &one;
    let error = gateway.reload(read(&twice).0).await.expect_err("there is one");
    assert!(error.to_string().contains("no (further) socket"), "{error}");
    gateway.cut().await;
}

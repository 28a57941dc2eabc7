//! A panic in one connection's task, wherever it has come to, is nothing to the others. Who hears
//! access lines is called in that task, and here panics for some of them.

use wsgate::observe::line::Line;

use crate::house::frames::{CLOSE, TEXT, close_payload, masked};
use crate::house::{Backend, Client, HOST, House, https_listener, route, site, until};

/// Fewer permits than panics: each has to be given back.
const PERMITS: &str = "[gateway]\nmax_connections = 3\n";

fn slip(line: &Line) {
    assert!(!line.target.starts_with("/slip") && line.host != "slip.test", "a mistake in a task");
}

#[tokio::test]
async fn a_panic_in_one_connection_ends_that_one_only() {
    let backend = Backend::echo().await;
    let plain = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let routes = route("/", &backend) + &route("/slip/plain", &plain);
    let text = format!("{PERMITS}{}{}{routes}", https_listener(), site(HOST));
    let house = House::heard_by(&text, slip).await;
    let mut bystander = house.socket("/").await;
    let panics = || house.metrics().panics.value();
    for round in 0..3_u64 {
        // At the end of the TLS handshake, of a request that is refused, of one that is forwarded,
        // and of a socket.
        assert!(Client::tls(house.address(), "slip.test").await.is_err());
        until(|| panics() == 4 * round + 1).await;
        let head = house.client().await.get("/slip/%2f", "").await;
        assert!(head.is_empty() || head.starts_with("HTTP/1.1 400 "), "{head}");
        until(|| panics() == 4 * round + 2).await;
        house.client().await.get("/slip/plain", "").await;
        until(|| panics() == 4 * round + 3).await;
        let mut client = house.socket("/slip/socket").await;
        client.send(masked(TEXT, "to the end")).await;
        assert_eq!(client.frame().await.expect("the echo").text(), "to the end");
        client.send(masked(CLOSE, close_payload(1000, ""))).await;
        client.rest().await;
        until(|| panics() == 4 * round + 4).await;

        let words = format!("still here after {}", panics());
        bystander.send(masked(TEXT, &words)).await;
        assert_eq!(bystander.frame().await.expect("the echo").text(), words);
    }
    assert_eq!(house.lines(12).await.len(), 12, "each has its access line");
    drop(bystander);
    house.finish().await;
}

//! A request over HTTP/2 has one meaning, as one of HTTP/1.1 has: what could have two is refused alike, and costs
//! nobody else on the connection anything.

use h2::Reason;
use hyper::{Method, Request};
use wsgate::life::{By, Cause, Refusal};

use super::stream::{Socket, connect, echo, house};
use crate::house::http2::{
    END_HEADERS, END_STREAM, Good, HEADERS, Raw, frame, get, get_head, literal, read, reason,
};
use crate::house::{HOST, House, route, soon};
use crate::http::mirror;

/// `:status` 400, as the static table has it (RFC 7541 appendix A).
const BAD_REQUEST: u8 = 0x80 | 12;

/// ENHANCE_YOUR_CALM (RFC 9113 section 7).
const CALM: u32 = 11;

#[tokio::test]
async fn what_is_refused_in_a_head_of_http_1_1_is_refused_here() {
    let backend = mirror().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut raw = Raw::new(house.address()).await;
    let cases: [(&str, &[(&str, &str)]); 10] = [
        ("/", &[("content-length", "0"), ("content-length", "0")]),
        ("/", &[("content_length", "5")]),
        ("/", &[("transfer_encoding", "chunked")]),
        ("/", &[("sec_websocket_key", "dGhlIHNhbXBsZSBub25jZQ==")]),
        ("/", &[("sec-websocket_version", "13")]),
        ("/", &[("keep_alive", "5")]),
        ("/", &[("proxy_connection", "close")]),
        ("/", &[("http2_settings", "x")]),
        ("/\u{e4}", &[]),
        ("/?q=\u{e4}", &[]),
    ];
    for (it, (path, fields)) in (0..).zip(cases) {
        let stream = 2 * it + 1;
        let mut block = get_head(path);
        for (name, value) in fields {
            literal(&mut block, name, value);
        }
        raw.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)).await;
        let told = raw.find(|it| it.stream == stream).await.expect("a frame");
        assert_eq!((told.kind, told.payload[0]), (HEADERS, BAD_REQUEST), "{path:?} {fields:?}");
        let end = house.end().await;
        assert_eq!((end.by, end.cause), (By::Client, Cause::Refusal(Refusal::BadRequest)));
    }
    assert_eq!(backend.accepted(), 0);
    // Names with an underscore that stand for nothing else are the backend's own.
    let mut block = get_head("/ok");
    literal(&mut block, "x_env", "1");
    raw.send(frame(HEADERS, END_HEADERS | END_STREAM, 99, &block)).await;
    raw.find(|it| it.stream == 99 && it.flags & END_STREAM != 0).await.expect("an answer");
    assert_eq!(house.line().await.status, 200);
    drop(raw);
    house.finish().await;
}

#[tokio::test]
async fn no_backend_sees_a_fragment() {
    let backend = mirror().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut raw = Raw::new(house.address()).await;
    raw.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &get_head("/a?b#/../c"))).await;
    raw.find(|it| it.stream == 1 && it.flags & END_STREAM != 0).await.expect("an answer");
    assert_eq!(house.line().await.target, "/a?b", "routed, judged and sent without");
    drop(raw);
    house.finish().await;
}

#[tokio::test]
async fn a_connect_that_announces_a_body_costs_its_own_stream() {
    let (sockets, pages) = (echo("").await, mirror().await);
    let house = house("", &(route("/ws", &sockets) + &route("/", &pages))).await;
    let mut client = Good::new(house.address()).await;
    let mut socket = Socket::open(&mut client, "/ws").await;
    let mut plain = tunnel();
    plain.headers_mut().insert("content-length", "5".parse().expect("a value"));
    for request in [connect("/ws", &[("content-length", "5")]), plain] {
        // Two at a time: each leaves the connection as it was.
        let (first, _one) = client.ask(clone(&request), false).await;
        let (second, _two) = client.ask(request, false).await;
        for answer in [first, second] {
            assert_eq!(reason(soon(answer).await), Some(Reason::INTERNAL_ERROR));
        }
        socket.echoed("still here").await;
        assert_eq!(client.fetch(get("/page")).await.status(), 200);
    }
    assert_eq!((sockets.accepted(), house.metrics().accepted.value()), (1, 1));
    socket.close().await;
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn connects_that_announce_bodies_are_paid_for_like_other_resets() {
    let backend = mirror().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut raw = Raw::new(house.address()).await;
    let mut block = Vec::new();
    for (name, value) in [(":method", "CONNECT"), (":authority", HOST), ("content-length", "5")] {
        literal(&mut block, name, value);
    }
    for it in 0..2000 {
        if !raw.try_send(frame(HEADERS, END_HEADERS, 2 * it + 1, &block)).await {
            break;
        }
    }
    assert_eq!(raw.goaway().await, Some(CALM));
    assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::Http2Flood));
    assert_eq!(backend.accepted(), 0);
    house.finish().await;
}

#[tokio::test]
async fn a_tunnel_to_anywhere_is_refused_by_its_name() {
    let backend = mirror().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = Good::new(house.address()).await;
    let (answer, send) = client.ask(tunnel(), false).await;
    let answer = read(soon(answer).await.expect("an answer")).await;
    assert_eq!(answer.status(), 400);
    assert!(answer.body.contains("only upgrades to websocket are taken"), "{answer:?}");
    assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::ForeignUpgrade));
    assert_eq!(backend.accepted(), 0);
    drop((client, send));
    house.finish().await;
}

/// A CONNECT as proxies know it.
fn tunnel() -> Request<()> {
    Request::builder().method(Method::CONNECT).uri(HOST).body(()).expect("a request")
}

fn clone(request: &Request<()>) -> Request<()> {
    let mut copy = Request::new(());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    copy
}

//! Settings of well-known backends that look like broken sockets: each is named in the log and in
//! the access line, with what to do about it.

use wsgate::life::{By, Cause, Fault, Rule};

use crate::house::backend::switching;
use crate::house::client::field;
use crate::house::frames::{CLOSE, TEXT, bare, close_payload, masked};
use crate::house::log::Log;
use crate::house::{Backend, House, route};

/// What a Socket.IO server of version 3 or later says behind the 101 to a client of version 2.
const MISMATCH: &str = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-type: text/html\r\n\
    Content-Length: 17\r\n\r\nBad Request: code";

#[tokio::test]
async fn http_text_behind_a_101_is_named_as_a_mismatch_of_socket_io() {
    for (query, pieces, expected) in [
        ("?EIO=3&transport=websocket", vec![MISMATCH], "allowEIO3: true"),
        ("", vec![MISMATCH], "allowEIO3: true"),
        ("?EIO=3", vec!["H", "T", &MISMATCH[2..]], "allowEIO3: true"),
        ("?EIO=4", vec![MISMATCH], "EIO=4"),
    ] {
        let log = Log::new();
        let backend = Backend::sockets(move |mut client| {
            let pieces = pieces.clone();
            async move {
                for piece in pieces {
                    client.send(piece).await;
                }
                client.rest().await;
            }
        })
        .await;
        let house = House::with_routes(&route("/", &backend)).await;
        let mut client = house.socket(&format!("/socket.io/{query}")).await;
        let (code, _) = client.frame().await.expect("a close").close();
        assert_eq!(code, 1011, "{query}");
        drop(client);
        let line = house.line().await;
        assert_eq!(
            (line.end.by, line.end.cause),
            (By::Backend, Cause::Protocol(Rule::ReservedBit))
        );
        assert!(line.detail.contains(expected), "{query}: {}", line.detail);
        let warned = log.with("a known trap");
        assert_eq!(warned.len(), 1, "{warned:?}");
        let address = backend.address().to_string();
        for part in [expected, "WARN", "route=/", &address] {
            assert!(warned[0].contains(part), "{part} in {warned:?}");
        }
        house.finish().await;
    }
}

#[tokio::test]
async fn a_broken_frame_behind_good_ones_is_no_http() {
    let backend = Backend::sockets(|mut client| async move {
        client.send(bare(TEXT, "hello")).await;
        client.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        client.rest().await;
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.socket("/").await;
    assert_eq!(client.frame().await.expect("the good one").text(), "hello");
    assert_eq!(client.frame().await.expect("a close").close().0, 1011);
    drop(client);
    assert_eq!(house.line().await.detail, "");
    house.finish().await;
}

#[tokio::test]
async fn a_backend_that_hangs_up_on_the_handshake_is_told_from_one_that_is_down() {
    let log = Log::new();
    let backend = Backend::new(|mut client| async move {
        client.head().await;
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    for (path, expected) in [
        ("/socket.io//?EIO=3&transport=websocket", "compare its `path` option"),
        ("/chat", "a server for another path or protocol"),
    ] {
        let mut client = house.client().await;
        let head = client.upgrade(path, "").await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
        let line = house.line().await;
        assert_eq!(line.end.cause, Cause::Backend(Fault::NoAnswer));
        assert!(line.detail.contains(expected), "{}", line.detail);
        assert_eq!(log.with(expected).len(), 1);
    }
    house.finish().await;
}

#[tokio::test]
async fn a_101_that_nobody_asked_for_says_who_does_such_things() {
    let log = Log::new();
    let backend = Backend::answering(switching("")).await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.client().await;
    let head = client.get("/", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n").await;
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    let line = house.line().await;
    assert_eq!(line.end.cause, Cause::Backend(Fault::UnaskedUpgrade));
    assert!(line.detail.contains("GatewayWorker"), "{}", line.detail);
    assert_eq!(log.with("GatewayWorker").len(), 1);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_subprotocol_that_is_not_echoed_is_said_once_for_a_route_and_in_each_line() {
    let log = Log::new();
    let backend = Backend::echo().await;
    let echoing = route("/echoing", &backend) + "subprotocol = \"echo_first\"\n";
    let house = House::with_routes(&(route("/", &backend) + &echoing)).await;
    let offer = "Sec-WebSocket-Protocol: mqtt\r\n";
    let mut details = Vec::new();
    for (path, fields) in [("/", offer), ("/a", offer), ("/", ""), ("/echoing", offer)] {
        let mut client = house.client().await;
        let head = client.upgrade(path, fields).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client.send(masked(CLOSE, close_payload(1000, ""))).await;
        client.rest().await;
        drop(client);
        let line = house.line().await;
        assert_eq!(line.end.cause, Cause::Close(1000), "it is no error");
        details.push(line.detail.contains("subprotocol = \"echo_first\""));
    }
    assert_eq!(details, [true, true, false, false]);
    assert_eq!(log.with("echo_first").len(), 1, "{:?}", log.with(""));
    house.finish().await;
}

#[tokio::test]
async fn a_403_to_a_handshake_with_an_origin_names_the_origin_and_what_can_be_done() {
    let log = Log::new();
    let answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 21\r\n\r\nInvalid CORS request\n";
    let backend = Backend::answering(answer).await;
    let routes = route("/", &backend)
        + &route("/rewritten", &backend)
        + "set_headers = { Origin = \"https://${host}\" }\n";
    let house = House::with_routes(&routes).await;
    let origin = "Origin: https://servicewechat.com\r\n";
    for (path, fields, expected) in [
        ("/", origin, "Origin https://servicewechat.com and Host game.example.test"),
        ("/", origin, "remove_headers = [\"Origin\"]"),
        ("/rewritten", origin, "Origin https://game.example.test and Host"),
    ] {
        let mut client = house.client().await;
        let head = client.upgrade(path, fields).await;
        assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
        assert_eq!(field(&head, "content-length"), Some("21"));
        assert_eq!(client.body(&head).await, "Invalid CORS request\n");
        let line = house.line().await;
        assert_eq!(line.end.cause, Cause::Backend(Fault::Declined));
        assert!(line.detail.contains(expected), "{}", line.detail);
        assert!(line.detail.ends_with("it said: Invalid CORS request"), "{}", line.detail);
    }
    assert_eq!(log.with("setAllowedOrigins").len(), 2, "once for each route");
    house.finish().await;
}

#[tokio::test]
async fn what_a_backend_says_when_it_declines_is_in_the_line() {
    let answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 31\r\n\r\n\
                  {\"code\":1,\"message\":\"unknown\"}\r\n";
    let backend = Backend::answering(answer).await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.client().await;
    let head = client.upgrade("/", "Origin: https://servicewechat.com\r\n").await;
    client.body(&head).await;
    let line = house.line().await;
    assert_eq!(line.detail, "it said: {\"code\":1,\"message\":\"unknown\"}");
    assert_eq!(line.down.bytes, 31);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_signalr_handshake_without_its_separator_is_named() {
    let log = Log::new();
    let backend = Backend::echo().await;
    let signalr = "[sites.routes.heartbeat]\napplication = \"signalr\"\n";
    let routes = route("/hub", &backend) + signalr + &route("/other", &backend);
    let house = House::with_routes(&routes).await;
    let handshake = "{\"protocol\":\"json\",\"version\":1}";
    for (path, first, named) in [
        ("/hub", handshake.to_owned(), true),
        ("/hub", format!("{handshake}\u{1e}"), false),
        ("/hub", "x".repeat(126), false),
        ("/other", handshake.to_owned(), false),
    ] {
        let mut client = house.socket(path).await;
        client.send(masked(TEXT, &first)).await;
        assert_eq!(client.frame().await.expect("the echo").text(), first, "it passes unchanged");
        // Only the first message is the handshake.
        client.send(masked(TEXT, handshake)).await;
        assert_eq!(client.frame().await.expect("the echo").text(), handshake);
        client.send(masked(CLOSE, close_payload(1000, ""))).await;
        client.rest().await;
        drop(client);
        let line = house.line().await;
        assert_eq!(line.detail.contains("\\u001e"), named, "{path} {first}: {}", line.detail);
    }
    assert_eq!(log.with("a known trap").len(), 1);
    house.finish().await;
}

//! The WebSocket handshake: what a client may ask, what a backend may answer, and that nothing is
//! lost or let through around it.

use std::sync::{Arc, Mutex};

use wsgate::life::{By, Cause, Fault, Refusal, Stage, Timer};

use crate::house::backend::switching;
use crate::house::client::{ACCEPT, KEY, field, upgrade_fields};
use crate::house::frames::{self, TEXT};
use crate::house::{Backend, HOST, House, route, soon, until};

/// A backend that keeps the head it was sent and answers `answer`.
async fn listening(answer: String) -> (Backend, Arc<Mutex<String>>) {
    let heard = Arc::new(Mutex::new(String::new()));
    let keeper = Arc::clone(&heard);
    let answer = Arc::new(answer);
    let backend = Backend::new(move |mut client| {
        let (keeper, answer) = (Arc::clone(&keeper), Arc::clone(&answer));
        async move {
            *keeper.lock().unwrap() = client.head().await;
            client.send(answer.as_str()).await;
            client.rest().await;
        }
    })
    .await;
    (backend, heard)
}

#[tokio::test]
async fn what_breaks_rfc_6455_is_refused_before_a_backend_is_dialled() {
    let backend = Backend::echo().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let sound = upgrade_fields();
    let cases = [
        ("no key", sound.replace(KEY, ""), 400, Refusal::BadHandshake),
        ("a short key", sound.replace(KEY, "YWJj"), 400, Refusal::BadHandshake),
        ("no Connection", sound.replace("Connection: Upgrade\r\n", ""), 400, Refusal::BadHandshake),
        (
            "no version",
            sound.replace("Sec-WebSocket-Version: 13\r\n", ""),
            400,
            Refusal::BadHandshake,
        ),
        ("version 8", sound.replace(": 13", ": 8"), 426, Refusal::Version),
        ("h2c", sound.replace("websocket\r\n", "h2c\r\n"), 400, Refusal::ForeignUpgrade),
        ("a body", format!("{sound}Content-Length: 3\r\n"), 400, Refusal::BadHandshake),
    ];
    for (what, fields, status, refusal) in cases {
        let mut client = house.client().await;
        let head = client.get("/", &fields).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {head}");
        if status == 426 {
            assert!(head.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{what}: {head}");
        }
        assert_eq!(house.end().await.cause, Cause::Refusal(refusal), "{what}");
    }
    assert_eq!(house.metrics().ends(Cause::Refusal(Refusal::BadHandshake)), 5);
    let mut client = house.client().await;
    client.send(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\n{sound}\r\n")).await;
    assert!(client.head().await.starts_with("HTTP/1.1 400 "));
    assert_eq!(backend.accepted(), 0);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn the_backend_is_asked_with_the_clients_own_words() {
    let (backend, heard) = listening(switching("Sec-WebSocket-Protocol: mqtt\r\n")).await;
    let house = House::with_routes(&route("/ws", &backend)).await;
    let mut client = house.client().await;
    let head = client
        .upgrade(
            "/ws//socket.io//?EIO=3&x=%41",
            "Origin: https://servicewechat.com\r\nCookie: a=b\r\nAuthorization: Bearer x\r\n\
             Sec-WebSocket-Protocol: chat, mqtt\r\nX-Forwarded-For: 6.6.6.6\r\nX-WX-Skey: k\r\n\
             Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
        )
        .await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(field(&head, "Sec-WebSocket-Accept"), Some(ACCEPT));
    assert_eq!(field(&head, "Sec-WebSocket-Protocol"), Some("mqtt"));
    // Letter for letter, for there are clients that look no further.
    for name in ["Sec-WebSocket-Accept:", "Upgrade: websocket", "Connection: Upgrade"] {
        assert!(head.contains(name), "{name} in {head}");
    }
    let asked = heard.lock().unwrap().clone();
    assert!(asked.starts_with("GET /ws//socket.io//?EIO=3&x=%41 HTTP/1.1\r\n"), "{asked}");
    for line in [
        &format!("Host: {HOST}"),
        "Origin: https://servicewechat.com",
        "Cookie: a=b",
        "Authorization: Bearer x",
        "Sec-WebSocket-Protocol: chat, mqtt",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        "Sec-WebSocket-Version: 13",
        &format!("Sec-WebSocket-Key: {KEY}"),
        "Connection: Upgrade",
        "Upgrade: websocket",
        "X-Real-IP: 127.0.0.1",
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Proto: https",
        "X-WX-Skey: k",
    ] {
        assert!(asked.lines().any(|it| it == line), "{line} in {asked}");
    }
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_bad_answer_of_the_backend_is_a_502() {
    let cases = [
        (
            "a wrong Accept",
            switching("").replace(ACCEPT, "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            Fault::BadAccept,
        ),
        ("no Upgrade", switching("").replace("Upgrade: websocket\r\n", ""), Fault::BadAccept),
        (
            "a subprotocol",
            switching("Sec-WebSocket-Protocol: chat\r\n"),
            Fault::UnofferedSubprotocol,
        ),
        (
            "an extension",
            switching("Sec-WebSocket-Extensions: permessage-deflate\r\n"),
            Fault::UnofferedExtension,
        ),
        ("no HTTP", "hello\r\n\r\n".to_owned(), Fault::BadAnswer),
        ("nothing", String::new(), Fault::NoAnswer),
    ];
    for (what, answer, fault) in cases {
        let backend = Backend::answering(answer).await;
        let house = House::with_routes(&route("/", &backend)).await;
        let mut client = house.client().await;
        let head = client.upgrade("/", "").await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{what}: {head}");
        let end = house.end().await;
        assert_eq!((end.by, end.cause), (By::Backend, Cause::Backend(fault)), "{what}");
        drop(client);
        house.finish().await;
    }
}

#[tokio::test]
async fn an_ordinary_answer_is_passed_on_with_its_body() {
    let answer =
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 18\r\nX-Why: origin\r\n\r\nOrigin not allowed";
    let backend = Backend::answering(answer).await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.client().await;
    let head = client.upgrade("/", "").await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    assert_eq!(field(&head, "X-Why"), Some("origin"));
    assert_eq!(client.body(&head).await, "Origin not allowed");
    let line = house.line().await;
    assert_eq!(line.end.cause, Cause::Backend(Fault::Declined));
    assert_eq!((line.status, line.down.bytes), (403, 18));
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_101_that_nobody_asked_for_is_a_502_and_no_tunnel() {
    let (backend, _) = listening(switching("")).await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.client().await;
    let head = client.get("/", "").await;
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    assert_eq!(house.end().await.cause, Cause::Backend(Fault::UnaskedUpgrade));
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_backend_that_is_not_there_is_named() {
    let nobody = Backend::nobody().await;
    let silent = Backend::new(|mut client| async move {
        client.rest().await;
    })
    .await;
    let routes = format!(
        "{}\n{}\n[sites.routes.timeouts]\nupgrade_response = \"200ms\"\n",
        route("/nobody", &nobody),
        route("/silent", &silent)
    );
    let house = House::with_routes(&routes).await;
    let mut client = house.client().await;
    let (head, body) = {
        let head = client.upgrade("/nobody", "").await;
        let body = client.body(&head).await;
        (head, body)
    };
    assert!(
        head.starts_with("HTTP/1.1 502 ") && body.contains("cannot be reached"),
        "{head}{body}"
    );
    let end = house.end().await;
    assert_eq!((end.stage, end.cause), (Stage::Connect, Cause::Backend(Fault::Refused)));
    let head = client.upgrade("/silent", "").await;
    assert!(head.starts_with("HTTP/1.1 504 "), "{head}");
    let end = house.end().await;
    assert_eq!((end.stage, end.cause), (Stage::Handshake, Cause::Timer(Timer::UpgradeResponse)));
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn bytes_behind_either_head_are_not_lost_and_none_goes_before_the_101() {
    let first = Arc::new(Mutex::new(Vec::new()));
    let keeper = Arc::clone(&first);
    let backend = Backend::new(move |mut client| {
        let keeper = Arc::clone(&keeper);
        async move {
            client.head().await;
            // Had the gateway sent the client's frame already, it would be here now.
            let early =
                tokio::time::timeout(std::time::Duration::from_millis(150), client.exactly(1))
                    .await;
            assert!(early.is_err(), "a client byte came before the 101");
            let mut answer = switching("").into_bytes();
            answer.extend(frames::bare(TEXT, "server first"));
            client.send(answer).await;
            let frame = client.frame().await.expect("the client's early frame");
            keeper.lock().unwrap().extend(frame.payload);
            client.rest().await;
        }
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.client().await;
    let mut request =
        format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{}\r\n", upgrade_fields()).into_bytes();
    request.extend(frames::masked(TEXT, "client first"));
    client.send(request).await;
    assert!(client.head().await.starts_with("HTTP/1.1 101 "));
    assert_eq!(client.frame().await.expect("a frame").text(), "server first");
    until(|| !first.lock().unwrap().is_empty()).await;
    assert_eq!(*first.lock().unwrap(), b"client first");
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn subprotocol_and_compression_follow_the_route() {
    let (backend, heard) = listening(switching("")).await;
    let mut routes = String::new();
    for (path, keys) in [
        ("/pass", ""),
        ("/strip", "subprotocol = \"strip\"\n"),
        ("/echo", "subprotocol = \"echo_first\"\n"),
        ("/forced", "subprotocol = \"mqtt\"\n"),
        ("/plain", "compression = \"decline\"\n"),
    ] {
        routes += &format!("{}{keys}", route(path, &backend));
    }
    let house = House::with_routes(&routes).await;
    let offer =
        "Sec-WebSocket-Protocol: chat, v2\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
    for (path, told, offered) in [
        ("/pass", None, true),
        ("/strip", None, false),
        ("/echo", Some("chat"), true),
        ("/forced", Some("mqtt"), true),
    ] {
        let mut client = house.client().await;
        let head = client.upgrade(path, offer).await;
        assert_eq!(field(&head, "Sec-WebSocket-Protocol"), told, "{path}");
        let asked = heard.lock().unwrap().clone();
        assert_eq!(field(&asked, "Sec-WebSocket-Protocol").is_some(), offered, "{path}");
        assert!(field(&asked, "Sec-WebSocket-Extensions").is_some(), "{path}");
    }
    let mut client = house.client().await;
    client.upgrade("/plain", offer).await;
    assert_eq!(field(&heard.lock().unwrap(), "Sec-WebSocket-Extensions"), None);
    let mut none = house.client().await;
    let head = none.upgrade("/forced", "").await;
    assert_eq!(field(&head, "Sec-WebSocket-Protocol"), None, "nothing was offered");
    drop((client, none));
    house.finish().await;
}

#[tokio::test]
async fn a_client_that_leaves_while_the_backend_thinks_takes_its_connection_along() {
    let gone = Arc::new(Mutex::new(false));
    let seen = Arc::clone(&gone);
    let backend = Backend::new(move |mut client| {
        let seen = Arc::clone(&seen);
        async move {
            client.head().await;
            client.rest().await;
            *seen.lock().unwrap() = true;
        }
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.client().await;
    client.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{}\r\n", upgrade_fields())).await;
    until(|| backend.accepted() == 1).await;
    drop(client);
    soon(until(|| *gone.lock().unwrap())).await;
    let end = house.end().await;
    assert_eq!((end.by, end.cause), (By::Client, Cause::Fin));
    house.finish().await;
}

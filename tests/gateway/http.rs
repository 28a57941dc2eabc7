//! Plain HTTP on the same routes: limits, streaming, keep-alive, forwarding fields.

use std::sync::{Arc, Mutex};

use wsgate::life::{By, Cause, Refusal};

use crate::house::client::field;
use crate::house::{Backend, HOST, House, route, until};

pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A keep-alive backend that answers every request with its own head as the body.
pub async fn mirror() -> Backend {
    Backend::new(|mut client| async move {
        loop {
            let head = client.head().await;
            if head.is_empty() {
                return;
            }
            let body = client.body(&head).await;
            let seen = head + &body;
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{seen}", seen.len());
            if client.try_send(answer).await.is_err() {
                return;
            }
        }
    })
    .await
}

#[tokio::test]
async fn an_answer_with_trailers_is_finished_and_its_connection_is_kept() {
    let backend = Backend::new(|mut client| async move {
        while !client.head().await.is_empty() {
            let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                          2\r\nok\r\n0\r\nX-Sum: 2\r\n\r\n";
            client.send(answer).await;
        }
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.client().await;
    for fields in ["TE: trailers\r\nConnection: TE\r\n", ""] {
        let head = client.get("/", fields).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        // Up to the empty line, with trailers or without.
        let body = client.head().await;
        assert!(body.starts_with("2\r\nok\r\n0\r\n"), "{body}");
        let line = house.line().await;
        assert_eq!((line.end.by, line.end.cause), (By::Backend, Cause::Finished), "{fields:?}");
    }
    assert_eq!(backend.accepted(), 1);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn an_answer_of_http_1_0_is_told_in_our_own_version() {
    let backend = Backend::answering("HTTP/1.0 200 OK\r\n\r\nok").await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.client().await;
    for it in 0..2 {
        let head = client.get("/", "").await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{it}: {head}");
        assert_eq!(field(&head, "Transfer-Encoding"), Some("chunked"));
        assert_eq!(client.head().await, "2\r\nok\r\n0\r\n\r\n", "up to the empty line");
    }
    // A handshake that is declined is answered alike.
    let head = client.upgrade("/", "").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    // Who speaks HTTP/1.0 gets no chunks.
    let mut old = house.client().await;
    old.send(format!("GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n")).await;
    let answer = String::from_utf8(old.rest().await).expect("text");
    assert!(
        answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("\r\n\r\nok"),
        "{answer}"
    );
    drop((client, old));
    house.finish().await;
}

#[tokio::test]
async fn only_and_never_are_kept() {
    let backend = mirror().await;
    let routes = format!(
        "{}upgrade = \"only\"\n{}upgrade = \"never\"\n",
        route("/only", &backend),
        route("/never", &backend)
    );
    let house = House::with_routes(&routes).await;
    let mut client = house.client().await;
    let (head, _) = client.fetch("/only", "").await;
    assert!(head.starts_with("HTTP/1.1 426 "), "{head}");
    assert_eq!(field(&head, "Upgrade"), Some("websocket"));
    let head = client.upgrade("/never", "").await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    assert_eq!(backend.accepted(), 0);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn forwarding_fields_are_ours_and_hop_by_hop_fields_end_here() {
    let backend = mirror().await;
    let keys = "set_headers = { X-Env = \"prod\", X-Who = \"${client_ip} ${host} ${scheme}\" }\n\
                remove_headers = [\"X-WX-OPENID\"]\n";
    let house = House::with_routes(&(route("/", &backend) + keys)).await;
    let mut client = house.client().await;
    let forged = "X-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n\
                  x_real_ip: 6.6.6.6\r\nConnection: keep-alive, X-Secret\r\nX-Secret: s\r\n\
                  Keep-Alive: timeout=5\r\nTE: gzip\r\nUpgrade: h2c\r\nX-WX-OPENID: o\r\nX-WX-Id: i\r\n";
    let (_, seen) = client.fetch("/", forged).await;
    let has = |line: &str| seen.lines().any(|it| it == line);
    for line in [
        "X-Forwarded-For: 127.0.0.1",
        "X-Real-Ip: 127.0.0.1",
        "X-Forwarded-Proto: https",
        &format!("X-Forwarded-Host: {HOST}"),
        &format!("Host: {HOST}"),
        "X-Env: prod",
        &format!("X-Who: 127.0.0.1 {HOST} https"),
        "X-WX-Id: i",
    ] {
        assert!(has(line) || has(&line.replace("Real-Ip", "Real-IP")), "{line} in {seen}");
    }
    let lower = seen.to_ascii_lowercase();
    for gone in ["6.6.6.6", "x-secret", "keep-alive:", "te:", "upgrade:", "connection:", "openid"] {
        assert!(
            !lower.contains(&format!("\n{gone}")) && !lower.contains("6.6.6.6"),
            "{gone}: {seen}"
        );
    }
    assert_eq!(field(&seen, "Forwarded").map(|it| it.contains("for=127.0.0.1")), Some(true));
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn one_client_connection_carries_many_requests_over_one_backend_connection() {
    let backend = mirror().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.client().await;
    for it in 0..20 {
        let (head, body) = client.fetch(&format!("/{it}"), "").await;
        assert!(head.starts_with("HTTP/1.1 200 ") && body.contains(&format!("/{it} ")), "{head}");
    }
    assert_eq!(backend.accepted(), 1);
    assert_eq!(house.metrics().accepted.value(), 1);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_kept_connection_that_the_backend_has_closed_costs_no_request() {
    let backend = Backend::answering(OK).await; // hangs up after each answer, without saying so
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.client().await;
    for it in 0..10 {
        let (head, body) = client.fetch("/", "").await;
        assert_eq!(
            (head.starts_with("HTTP/1.1 200 "), body.as_str()),
            (true, "ok"),
            "{it}: {head}"
        );
    }
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn answers_are_streamed_piece_by_piece() {
    // The next piece is sent only after the one before has arrived at the client.
    let arrived = Arc::new(tokio::sync::Semaphore::new(0));
    let wait = Arc::clone(&arrived);
    let backend = Backend::new(move |mut client| {
        let wait = Arc::clone(&wait);
        async move {
            client.head().await;
            client
                .send(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                     Transfer-Encoding: chunked\r\n\r\n",
                )
                .await;
            for it in 0..5 {
                client.send(format!("9\r\ndata: {it}\n\n\r\n")).await;
                wait.acquire().await.expect("open").forget();
            }
            client.send("0\r\n\r\n").await;
        }
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.client().await;
    let head = client.get("/", "").await;
    assert_eq!(field(&head, "Transfer-Encoding"), Some("chunked"));
    for it in 0..5 {
        let piece = client.exactly(14).await;
        assert_eq!(piece, format!("9\r\ndata: {it}\n\n\r\n").into_bytes());
        arrived.add_permits(1);
    }
    assert_eq!(client.exactly(5).await, b"0\r\n\r\n");
    assert_eq!(house.line().await.down.bytes, 45);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn uploads_are_streamed_and_limited() {
    let seen = Arc::new(Mutex::new(0));
    let count = Arc::clone(&seen);
    let backend = Backend::new(move |mut client| {
        let count = Arc::clone(&count);
        async move {
            let head = client.head().await;
            let length: usize =
                field(&head, "Content-Length").and_then(|it| it.parse().ok()).unwrap_or(0);
            for _ in 0..length {
                client.exactly(1).await;
                *count.lock().unwrap() += 1;
            }
            let _ = client.try_send(OK).await;
        }
    })
    .await;
    let limit = "[sites.routes.limits]\nrequest_body = \"1KiB\"\n";
    let house = House::with_routes(&(route("/", &backend) + limit)).await;
    let post = |length: &str| format!("POST / HTTP/1.1\r\nHost: {HOST}\r\n{length}\r\n\r\n");
    let mut client = house.client().await;
    client.send(post("Content-Length: 1000")).await;
    client.send([b'x'; 400]).await;
    until(|| *seen.lock().unwrap() == 400).await;
    client.send([b'x'; 600]).await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    client.body(&head).await;
    assert_eq!(house.line().await.up.bytes, 1000);

    client.send(post("Content-Length: 1025")).await;
    assert!(client.head().await.starts_with("HTTP/1.1 413 "));
    assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::BodyTooLarge));
    let mut chunked = house.client().await;
    chunked.send(post("Transfer-Encoding: chunked")).await;
    chunked.send(format!("401\r\n{}\r\n0\r\n\r\n", "x".repeat(1025))).await;
    assert!(chunked.head().await.starts_with("HTTP/1.1 413 "));
    assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::BodyTooLarge));
    drop((client, chunked));
    house.finish().await;
}

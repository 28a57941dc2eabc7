//! One interpretation or none: what stands behind a request, answers with a bad frame, interim
//! answers, and bodies that never end. What a single request may look like is in `tests/hostile`.

use std::sync::{Arc, Mutex};

use wsgate::life::{By, Cause, Fault, Refusal, Stage};

use crate::house::backend::switching;
use crate::house::frames;
use crate::house::{Backend, HOST, House, route};
use crate::http::mirror;

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_one_at_a_time() {
    let backend = mirror().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.client().await;
    let post = format!("POST /2 HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\nab");
    client.send([get("/1"), post, get("/3"), get("/4")].concat()).await;
    for number in 1..=4 {
        let head = client.head().await;
        let body = client.body(&head).await;
        assert!(body.contains(&format!(" /{number} HTTP/1.1")), "{number}: {body}");
    }
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn nothing_behind_a_refused_request_reaches_a_backend() {
    let backend = mirror().await;
    let house = House::with_routes(&route("/app", &backend)).await;
    let lf = format!("GET /app HTTP/1.1\nHost: {HOST}\r\n\r\n");
    for (first, status) in
        [(get("/none"), 404), (get("/app/%2f"), 400), (lf, 400), (get("/app\x01"), 400)]
    {
        let mut client = house.client().await;
        client.send(first.clone() + &get("/app")).await;
        let rest = client.rest().await;
        let text = String::from_utf8(rest).expect("UTF-8");
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{first:?}: {text}");
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{first:?}: {text}");
        assert_eq!(house.end().await.by, By::Client);
    }
    assert_eq!(backend.accepted(), 0);
    house.finish().await;
}

#[tokio::test]
async fn what_comes_behind_a_handshake_is_frames_or_a_request_but_never_both() {
    let backend = Backend::new(|mut client| async move {
        let head = client.head().await;
        if head.starts_with("GET /no ") {
            client.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
        } else if head.to_lowercase().contains("upgrade: websocket") {
            client.send(switching("")).await;
            if let Some(frame) = client.frame().await {
                client.send(frames::bare(frames::TEXT, &frame.payload)).await;
            }
        } else {
            client.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain").await;
        }
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let handshake = |path: &str| {
        let fields = crate::house::client::upgrade_fields();
        format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n")
    };
    let mut client = house.client().await;
    client
        .send([handshake("/yes").as_bytes(), &frames::masked(frames::TEXT, "early")].concat())
        .await;
    assert!(client.head().await.starts_with("HTTP/1.1 101 "));
    assert_eq!(client.frame().await.expect("an answer").payload, b"early");
    drop(client);
    house.line().await;

    let mut client = house.client().await;
    client
        .send([handshake("/no").as_bytes(), &frames::masked(frames::TEXT, "early")].concat())
        .await;
    let text = String::from_utf8(client.rest().await).expect("UTF-8");
    assert!(text.starts_with("HTTP/1.1 403 "), "{text}");
    assert!(text.contains("HTTP/1.1 400 "), "frames are no request: {text}");
    house.lines(2).await;

    let mut client = house.client().await;
    client.send(handshake("/no") + &get("/plain")).await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    client.body(&head).await;
    let head = client.head().await;
    assert_eq!(client.body(&head).await, "plain", "a request is one, behind a declined handshake");
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn an_answer_with_a_bad_frame_is_a_502_and_its_connection_is_not_used_again() {
    let answer = Arc::new(Mutex::new(String::new()));
    let said = Arc::clone(&answer);
    let backend = Backend::new(move |mut client| {
        let said = Arc::clone(&said);
        async move {
            while !client.head().await.is_empty() {
                let answer = said.lock().unwrap().clone();
                if client.try_send(answer).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for bad in [
        "HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX : y\r\n\r\nok",
        "nonsense\r\n\r\n",
    ] {
        *answer.lock().unwrap() = bad.to_owned();
        let before = backend.accepted();
        let mut client = house.client().await;
        let (head, _) = client.fetch("/", "").await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{bad:?}: {head}");
        let line = house.line().await;
        assert_eq!((line.end.by, line.end.stage), (By::Backend, Stage::Exchange), "{bad:?}");
        assert_eq!(line.end.cause, Cause::Backend(Fault::BadAnswer), "{bad:?}");
        *answer.lock().unwrap() = ok.to_owned();
        assert_eq!(client.fetch("/", "").await.1, "ok");
        assert_eq!(backend.accepted(), before + 2, "{bad:?}: on a new connection");
        house.line().await;
        // The connection of the sound answer is kept, and spoilt for the next round.
        *answer.lock().unwrap() = ok.to_owned() + ok;
        assert_eq!(client.fetch("/", "").await.1, "ok", "the answer itself is sound");
        *answer.lock().unwrap() = ok.to_owned();
        assert_eq!(client.fetch("/", "").await.1, "ok");
        assert_eq!(backend.accepted(), before + 3, "what came unasked is nobody's answer");
        house.lines(2).await;
        // The next round begins without a kept connection.
        *answer.lock().unwrap() = ok.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        assert_eq!(client.fetch("/", "").await.1, "ok");
        house.line().await;
    }
    house.finish().await;
}

#[tokio::test]
async fn every_interim_answer_is_relayed_and_there_is_a_cap() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x\r\nX: y\r\n\r\n";
    let ok = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    let backend = Backend::new(move |mut client| async move {
        let count = if client.head().await.starts_with("GET /flood ") { 17 } else { 3 };
        for _ in 0..count {
            client.send(hints).await;
        }
        client.send("HTTP/1.1 102 Processing\r\n\r\n").await;
        client.send(ok).await;
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.client().await;
    client.send(get("/")).await;
    for _ in 0..3 {
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 103 Early Hints\r\n"), "{head}");
        assert!(head.to_lowercase().contains("link: </a.css>\r\n"), "{head}");
        assert!(!head.to_lowercase().contains("\r\nx: y"), "hop-by-hop ends here: {head}");
    }
    assert!(client.head().await.starts_with("HTTP/1.1 102 "));
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(client.body(&head).await, "ok");
    house.line().await;
    client.send("GET / HTTP/1.0\r\nHost: ".to_owned() + HOST + "\r\n\r\n").await;
    let head = client.head().await;
    assert!(head.contains(" 200 "), "HTTP/1.0 knows none: {head}");
    house.line().await;
    let mut client = house.client().await;
    client.send(get("/flood")).await;
    let mut head = client.head().await;
    while head.starts_with("HTTP/1.1 103 ") {
        head = client.head().await;
    }
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    assert_eq!(house.end().await.cause, Cause::Backend(Fault::BadAnswer));
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_body_with_a_bad_frame_is_refused_and_the_backend_sees_that_it_broke_off() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let bodies = Arc::clone(&seen);
    let backend = Backend::new(move |mut client| {
        let bodies = Arc::clone(&bodies);
        async move {
            client.head().await;
            let body = client.rest().await;
            bodies.lock().unwrap().push(body);
        }
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    for chunk in ["5\nhello\r\n0\r\n\r\n", "5\r\nhello!\r\n0\r\n\r\n", "x\r\n"] {
        let mut client = house.client().await;
        let head = format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send(head + "2\r\nab\r\n").await;
        crate::house::until(|| backend.accepted() > seen.lock().unwrap().len()).await;
        client.send(chunk).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 400 "), "{chunk:?}: {head}");
        assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::BadRequest), "{chunk:?}");
        drop(client);
    }
    crate::house::until(|| seen.lock().unwrap().len() == 3).await;
    for body in seen.lock().unwrap().iter() {
        assert!(!body.ends_with(b"0\r\n\r\n"), "it looks whole: {body:?}");
    }
    house.finish().await;
}

//! Plain HTTP at its bounds: silent and dead backends, heads too large, too many, too slow, or with
//! more than one meaning.

use std::time::{Duration, Instant};

use wsgate::life::{By, Cause, Fault, Refusal, Stage, Timer};

use crate::house::client::Client;
use crate::house::{Backend, HOST, House, https_listener, route, site};
use crate::http::{OK, mirror};

#[tokio::test]
async fn a_silent_backend_is_a_504_and_a_dead_one_a_502() {
    let silent = Backend::new(|mut client| async move {
        client.rest().await;
    })
    .await;
    let stuck = Backend::new(|mut client| async move {
        client.head().await;
        client.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbeginning").await;
        client.rest().await;
    })
    .await;
    let mute = Backend::answering("").await;
    let nobody = Backend::nobody().await;
    let timeout = "[sites.routes.timeouts]\nresponse = \"1500ms\"\n";
    let routes = format!(
        "{}{timeout}{}{timeout}{}{}",
        route("/silent", &silent),
        route("/stuck", &stuck),
        route("/mute", &mute),
        route("/nobody", &nobody)
    );
    let house = House::with_routes(&routes).await;
    let mut client = house.client().await;
    for (path, status, stage, cause) in [
        ("/silent", 504, Stage::Exchange, Cause::Timer(Timer::Response)),
        ("/mute", 502, Stage::Exchange, Cause::Backend(Fault::NoAnswer)),
        ("/nobody", 502, Stage::Connect, Cause::Backend(Fault::Refused)),
    ] {
        let (head, _) = client.fetch(path, "").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {head}");
        let end = house.end().await;
        assert_eq!((end.by, end.stage, end.cause), (By::Backend, stage, cause), "{path}");
    }
    let head = client.get("/stuck", "").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(client.rest().await, b"beginning", "the answer breaks off, it does not hang");
    assert_eq!(house.end().await.cause, Cause::Timer(Timer::Response));
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn heads_have_limits_in_size_number_and_time() {
    let backend = mirror().await;
    let text = format!(
        "[gateway.timeouts]\nrequest_head = \"1500ms\"\nkeep_alive = \"2s\"\n\
         [gateway.limits]\nheader_size = \"8KiB\"\nheaders = 20\n{}{}{}",
        https_listener(),
        site(HOST),
        route("/", &backend)
    );
    let house = House::with(&text).await;
    for fields in [format!("X-Long: {}\r\n", "x".repeat(9000)), "X-Many: 1\r\n".repeat(30)] {
        let mut client = house.client().await;
        let head = client.get("/", &fields).await;
        assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
        assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::BadRequest));
    }
    let mut slow = house.client().await;
    slow.send("GET / HT").await;
    let head = slow.head().await;
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    assert_eq!(slow.body(&head).await.len(), 58, "the body is as long as announced");
    let line = house.line().await;
    assert_eq!(line.end.cause, Cause::Timer(Timer::RequestHead));
    assert!(line.millis >= 1400, "it took its time: {} ms", line.millis);
    let mut idle = house.client().await;
    idle.fetch("/", "").await;
    house.line().await;
    let begun = Instant::now();
    assert_eq!(idle.rest().await, b"", "an idle connection ends without a word");
    let elapsed = begun.elapsed();
    assert!(
        elapsed > Duration::from_millis(1900) && elapsed < Duration::from_secs(8),
        "{elapsed:?}"
    );
    house.finish().await;
}

#[tokio::test]
async fn a_body_that_trickles_in_is_a_408_and_a_slow_one_that_moves_is_not() {
    let backend = mirror().await;
    let text = format!(
        "[gateway.timeouts]\nrequest_body = \"1500ms\"\n{}{}{}",
        https_listener(),
        site(HOST),
        route("/", &backend)
    );
    let house = House::with(&text).await;
    let mut slow = house.client().await;
    slow.send(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 500\r\n\r\n")).await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(15) && slow.try_send("x").await.is_ok() {
        // A byte now and then: no silence is long, and all of them are too long together.
        tokio::time::sleep(Duration::from_millis(200)).await;
        if house.metrics().ends(Cause::Timer(Timer::RequestBody)) > 0 {
            break;
        }
    }
    let head = slow.head().await;
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    assert!(begun.elapsed() > Duration::from_millis(1400), "{:?}", begun.elapsed());
    let end = house.end().await;
    assert_eq!((end.by, end.cause), (By::Client, Cause::Timer(Timer::RequestBody)));
    drop(slow);
    let mut steady = house.client().await;
    let length = 40 * 512;
    let head = format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {length}\r\n\r\n");
    steady.send(head).await;
    for _ in 0..40 {
        steady.send([b'x'; 512]).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    let head = steady.head().await;
    assert!(head.starts_with("HTTP/1.1 200 "), "8 KiB a second is fast enough: {head}");
    drop(steady);
    house.finish().await;
}

#[tokio::test]
async fn a_request_has_one_host_or_is_refused() {
    let backend = mirror().await;
    let house = House::with_routes(&route("/", &backend)).await;
    for head in [
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nHost: {HOST}\r\n\r\n"),
        format!("GET https://evil.test/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
        "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n".to_owned(),
    ] {
        let mut client = house.client().await;
        client.send(&head).await;
        assert!(client.head().await.starts_with("HTTP/1.1 400 "), "{head}");
        assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::BadHost), "{head}");
    }
    let mut client = house.client().await;
    client.send("CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 4"));
    assert_eq!(backend.accepted(), 0);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn backends_on_unix_sockets_are_served_too() {
    let path = format!("{}/backend.sock", crate::house::certificates::folder());
    let listener = tokio::net::UnixListener::bind(&path).expect("bound");
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut client = Client::on(stream);
            client.head().await;
            client.send(OK).await;
        }
    });
    let routes = format!("[[sites.routes]]\npath = \"/\"\nbackend = \"unix:{path}\"\n");
    let house = House::with_routes(&routes).await;
    let mut client = house.client().await;
    let (_, body) = client.fetch("/", "").await;
    assert_eq!(body, "ok");
    drop(client);
    task.abort();
    house.finish().await;
}

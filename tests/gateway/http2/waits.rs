//! Timers, drain and reload of HTTP/2 connections.

use std::time::Duration;

use h2::Reason;
use wsgate::life::{By, Cause, Timer};

use crate::house::http2::{
    END_HEADERS, END_STREAM, GOAWAY, Good, HEADERS, PING, Raw, frame, get, get_head, read,
};
use crate::house::{Backend, HOST, House, https_listener, route, site, soon, until};
use crate::http::{OK, mirror};

/// A gateway with short waits.
async fn hasty(timeouts: &str, routes: &str) -> House {
    let waits = format!("[gateway.timeouts]\n{timeouts}\n");
    House::with(&format!("{waits}{}{}{routes}", https_listener(), site(HOST))).await
}

#[tokio::test]
async fn a_connection_without_a_stream_is_ended_politely_and_pings_do_not_keep_it() {
    let backend = mirror().await;
    let house = hasty("keep_alive = \"400ms\"", &route("/", &backend)).await;
    let mut raw = Raw::new(house.address()).await;
    raw.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &get_head("/"))).await;
    raw.find(|it| it.stream == 1 && it.flags & END_STREAM != 0).await.expect("an answer");
    house.line().await;
    for _ in 0..3 {
        raw.try_send(frame(PING, 0, 0, &[7; 8])).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let bye = raw.find(|it| it.kind == GOAWAY).await.expect("a last word");
    assert_eq!((bye.code(), bye.payload[3]), (0, 1), "no error, and stream 1 was the last");
    assert!(raw.frame().await.is_none());
    house.finish().await;
}

#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_is_not_waited_for() {
    let backend = mirror().await;
    let house = hasty("request_head = \"300ms\"", &route("/", &backend)).await;
    // Half a block, half a frame, half a preface: with another stream under way, or not.
    let head = get_head("/");
    for piece in [frame(HEADERS, END_STREAM, 1, &head), frame(HEADERS, 5, 1, &head)[..12].to_vec()]
    {
        let mut raw = Raw::new(house.address()).await;
        raw.send(piece).await;
        assert_eq!(raw.goaway().await, Some(0));
        let end = house.end().await;
        assert_eq!((end.by, end.cause), (By::Client, Cause::Timer(Timer::RequestHead)));
    }
    let stream = crate::house::http2::tls(house.address(), HOST, &[b"h2"]).await;
    let mut client = crate::house::Client::on(stream);
    client.send("PRI * HT").await;
    client.rest().await;
    assert_eq!(house.end().await.cause, Cause::Timer(Timer::RequestHead));
    assert_eq!(backend.accepted(), 0);
    house.finish().await;
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_costs_its_own_stream_only() {
    let hungry = Backend::new(|mut client| async move {
        client.rest().await;
    });
    let (backend, other) = (hungry.await, mirror().await);
    let routes = route("/slow", &backend) + &route("/", &other);
    let house = hasty("request_body = \"300ms\"", &routes).await;
    let mut client = Good::new(house.address()).await;
    let post = hyper::Request::post(format!("https://{HOST}/slow")).body(()).unwrap();
    let (answer, upload) = client.ask(post, false).await;
    assert_eq!(read(soon(answer).await.expect("an answer")).await.status(), 408);
    assert_eq!(house.end().await.cause, Cause::Timer(Timer::RequestBody));
    assert_eq!(client.get("/").await.status(), 200);
    house.line().await;
    drop((client, upload));
    house.finish().await;
}

#[tokio::test]
async fn a_drain_lets_what_is_under_way_finish_and_tells_the_client_to_go() {
    let permits = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let wait = std::sync::Arc::clone(&permits);
    let backend = Backend::new(move |mut client| {
        let wait = std::sync::Arc::clone(&wait);
        async move {
            client.head().await;
            wait.acquire().await.expect("open").forget();
            let _ = client.try_send(OK).await;
        }
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = Good::new(house.address()).await;
    let mut idle = Raw::new(house.address()).await;
    let (answer, _upload) = client.ask(get("/"), true).await;
    until(|| backend.accepted() == 1).await;
    let stopping = tokio::spawn(house.gateway.stop(std::future::pending()));
    let bye = idle.find(|it| it.kind == GOAWAY).await.expect("a last word");
    assert_eq!(bye.code(), 0);
    permits.add_permits(1);
    let answer = read(soon(answer).await.expect("it finishes")).await;
    assert_eq!((answer.status(), answer.body.as_str()), (200, "ok"));
    let late = soon(client.0.clone().ready()).await;
    assert!(late.is_err() || client.0.clone().send_request(get("/"), true).is_err());
    // This one never answers the gateway's pings: it is not waited for.
    assert!(idle.goaway().await.is_some());
    drop(client);
    assert_eq!(soon(stopping).await.unwrap(), 0, "nothing had to be cut");
}

#[tokio::test]
async fn what_does_not_finish_in_a_drain_is_cut_in_time() {
    let backend = Backend::new(|mut client| async move {
        client.head().await;
        client.rest().await;
    })
    .await;
    let drain = "[gateway.drain]\ntimeout = \"500ms\"\n";
    let text = format!("{drain}{}{}{}", https_listener(), site(HOST), route("/", &backend));
    let house = House::with(&text).await;
    let mut client = Good::new(house.address()).await;
    let (answer, _upload) = client.ask(get("/"), true).await;
    until(|| backend.accepted() == 1).await;
    assert_eq!(soon(house.gateway.stop(std::future::pending())).await, 1);
    assert!(soon(answer).await.is_err());
}

#[tokio::test]
async fn a_reload_that_switches_http2_off_leaves_live_connections_alone() {
    let backend = mirror().await;
    let address = crate::house::program::free_address();
    let text = |on: bool| {
        format!(
            "[[listeners]]\naddress = \"{address}\"\nhttp2 = {on}\n{}{}",
            site(HOST),
            route("/", &backend)
        )
    };
    let mut house = House::with(&text(true)).await;
    let mut client = Good::new(house.address()).await;
    assert_eq!(client.get("/").await.status(), 200);
    house.gateway.reload(crate::house::read(&text(false)).0).await.expect("a good one");
    let offers: &[&[u8]] = &[b"h2", b"http/1.1"];
    let stream = crate::house::http2::tls(house.address(), HOST, offers).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(client.get("/").await.status(), 200);
    drop((client, stream));
    house.finish().await;
}

#[tokio::test]
async fn a_stream_that_is_refused_by_its_own_reset_leaves_the_others() {
    let backend = mirror().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = Good::new(house.address()).await;
    let (answer, mut upload) = client.ask(get("/"), true).await;
    upload.send_reset(Reason::CANCEL);
    assert_eq!(client.get("/").await.status(), 200);
    drop((answer, client, upload));
    house.lines(2).await;
    house.finish().await;
}

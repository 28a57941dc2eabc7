//! How fast a client may send, and how many may be on a route: closed with 1008, delayed, or
//! refused with 503.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use wsgate::life::{By, Cause, Refusal, Stage};

use crate::house::frames::{BINARY, CLOSE, Frame, PING, TEXT, bare, close_payload, masked, raw};
use crate::house::{Backend, Client, House, read, route, site, until};
use crate::http::mirror;

fn limits(keys: &str) -> String {
    format!("[sites.routes.limits]\n{keys}\n")
}

/// A backend that keeps what it gets.
async fn listener() -> (Backend, mpsc::UnboundedReceiver<Frame>) {
    let (heard, frames) = mpsc::unbounded_channel();
    let backend = Backend::sockets(move |mut client| {
        let heard = heard.clone();
        async move {
            while let Some(frame) = client.frame().await {
                let _ = heard.send(frame);
            }
        }
    })
    .await;
    (backend, frames)
}

/// Floods a route that closes, and returns how many frames its backend got before the Close, which
/// says why.
async fn flooded(keys: &str, flood: &[u8], refusal: Refusal, reason: &str) -> usize {
    let (backend, mut frames) = listener().await;
    let house = House::with_routes(&(route("/", &backend) + &limits(keys))).await;
    let mut client = house.socket("/").await;
    // It may be cut off in the middle.
    let _ = client.try_send(flood).await;
    let close = loop {
        let frame = client.frame().await.expect("a Close");
        if frame.opcode == CLOSE {
            break frame.close();
        }
    };
    assert_eq!(close, (1008, reason.to_owned()));
    let end = house.end().await;
    assert_eq!((end.by, end.stage, end.cause), (By::Client, Stage::Relay, Cause::Refusal(refusal)));
    assert_eq!(house.metrics().ends(Cause::Refusal(refusal)), 1);
    drop(client);
    house.finish().await;
    let mut passed = 0;
    while let Some(frame) = frames.recv().await {
        if frame.opcode == CLOSE {
            assert_eq!(frame.close(), (1001, "client sent too much".to_owned()));
            break;
        }
        passed += 1;
    }
    passed
}

#[tokio::test]
async fn a_client_that_sends_too_many_messages_is_closed_with_1008() {
    let keys = "messages = \"20/m\"\nbytes = \"1MiB/s\"";
    let reason = "more than 20 messages a minute";
    let refusal = Refusal::MessageRate;
    let texts = masked(TEXT, "hello").repeat(200);
    assert_eq!(flooded(keys, &texts, refusal, reason).await, 10);
    let pings = masked(PING, "").repeat(200);
    assert_eq!(flooded(keys, &pings, refusal, reason).await, 10, "pings are no way around");
    let mut fragments = raw(TEXT, b"a", Some([0; 4]));
    fragments.extend(raw(0, b"", Some([0; 4])).repeat(200));
    assert_eq!(flooded(keys, &fragments, refusal, reason).await, 10, "nor are fragments");
}

#[tokio::test]
async fn a_client_that_sends_too_many_bytes_is_closed_with_1008() {
    let reason = "more than 4096 bytes a second";
    let kilobytes = masked(BINARY, [7; 1024]).repeat(64);
    let passed = flooded("bytes = \"4KiB/s\"", &kilobytes, Refusal::ByteRate, reason).await;
    assert!((4..8).contains(&passed), "{passed}");
    let large = [masked(BINARY, [7; 60_000]), masked(TEXT, "too soon")].concat();
    let passed = flooded("bytes = \"4KiB/s\"", &large, Refusal::ByteRate, reason).await;
    assert_eq!(passed, 1, "a message that is not too big passes whole, the next one pays");
}

#[tokio::test]
async fn a_client_within_its_rates_notices_nothing() {
    let backend = Backend::echo().await;
    let keys = limits("messages = \"100/s\"\nbytes = \"1MiB/s\"");
    let house = House::with_routes(&(route("/", &backend) + &keys)).await;
    let mut client = house.socket("/").await;
    for round in 0..150 {
        let text = format!("round {round}");
        client.send(masked(TEXT, &text)).await;
        assert_eq!(client.frame().await.expect("an echo").text(), text);
        tokio::time::sleep(Duration::from_millis(11)).await;
    }
    client.send(masked(CLOSE, [])).await;
    assert_eq!(house.end().await.cause, Cause::Close(1005));
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_client_that_is_delayed_loses_nothing_and_is_not_taken_for_dead() {
    let backend = Backend::echo().await;
    let keys = limits("messages = \"20/s\"\nover_limit = \"delay\"");
    let beat = "[sites.routes.heartbeat]\nclient_ping = \"300ms\"\nclient_timeout = \"600ms\"\n";
    let house = House::with_routes(&(route("/", &backend) + &keys + beat)).await;
    let mut client = house.socket("/").await;
    let begun = Instant::now();
    let flood: Vec<u8> = (0..60).flat_map(|it| masked(TEXT, it.to_string())).collect();
    client.send(flood).await;
    for expected in 0..60 {
        let frame = loop {
            let frame = client.frame().await.expect("an echo");
            if frame.opcode != PING {
                break frame;
            }
        };
        assert_eq!(frame.text(), expected.to_string());
    }
    let elapsed = begun.elapsed();
    assert!(elapsed > Duration::from_millis(1800), "forty of them came later: {elapsed:?}");
    client.send(masked(CLOSE, [])).await;
    until(|| house.metrics().ends(Cause::Close(1005)) == 1).await;
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn an_end_does_not_wait_for_a_delayed_client() {
    let backend = Backend::sockets(|mut client| async move {
        client.frame().await;
        client.send(bare(CLOSE, close_payload(1000, "enough"))).await;
        while client.frame().await.is_some_and(|it| it.opcode != CLOSE) {}
    })
    .await;
    let keys = limits("messages = \"10/h\"\nover_limit = \"delay\"");
    // Without TLS, which reads ahead and so hears of more by itself.
    let listener = "[[listeners]]\naddress = \"127.0.0.1:0\"\nprotocol = \"http\"\n";
    let site = site(crate::house::HOST);
    let house = House::with(&format!("{listener}{site}{}{keys}", route("/", &backend))).await;
    let mut client = Client::tcp(house.address()).await.expect("connected");
    assert!(client.upgrade("/", "").await.starts_with("HTTP/1.1 101 "));
    let begun = Instant::now();
    client.send(masked(TEXT, "hello").repeat(40)).await;
    assert_eq!(client.frame().await.expect("a Close").close(), (1000, "enough".to_owned()));
    client.send(masked(CLOSE, close_payload(1000, ""))).await;
    assert!(client.frame().await.is_none(), "the gateway hangs up");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    drop(client);
    let end = house.end().await;
    assert_eq!((end.by, end.cause), (By::Backend, Cause::Close(1000)));
    house.finish().await;
}

#[tokio::test]
async fn bytes_are_delayed_within_a_message_too() {
    let backend = Backend::echo().await;
    let keys = limits("bytes = \"100KiB/s\"\nover_limit = \"delay\"");
    let house = House::with_routes(&(route("/", &backend) + &keys)).await;
    let mut client = house.socket("/").await;
    let payload: Vec<u8> = (0..300 * 1024_u32).map(|it| it as u8).collect();
    let begun = Instant::now();
    client.send(masked(BINARY, &payload)).await;
    let frame = client.frame().await.expect("an echo");
    assert!(frame.payload == payload, "what was split is whole again");
    let elapsed = begun.elapsed();
    assert!(elapsed > Duration::from_millis(1000), "{elapsed:?}");
    // A Close of the gateway does not wait for the rest of a delayed message.
    client.send(masked(BINARY, &payload)).await;
    let stopping = Instant::now();
    house.gateway.stop(std::future::pending()).await;
    assert!(stopping.elapsed() < Duration::from_secs(20), "{:?}", stopping.elapsed());
}

#[tokio::test]
async fn a_route_takes_so_many_sockets_and_requests_at_a_time() {
    let (echo, plain) = (Backend::echo().await, mirror().await);
    let text = format!(
        "[[listeners]]\naddress = \"127.0.0.1:0\"\nprotocol = \"http\"\n{}{}{}{}",
        site(crate::house::HOST),
        route("/live", &echo),
        limits("connections = 2"),
        route("/", &plain)
    );
    let mut house = House::with(&text).await;
    let socket = async |house: &House| {
        let mut client = Client::tcp(house.address()).await.expect("connected");
        let head = client.upgrade("/live", "").await;
        (head.split(' ').nth(1).unwrap_or("").to_owned(), client)
    };
    let (first, second) = (socket(&house).await, socket(&house).await);
    assert_eq!((first.0.as_str(), second.0.as_str()), ("101", "101"));
    let cause = Cause::Refusal(Refusal::RouteConnections);
    for wanted in ["socket", "request"] {
        let status = match wanted {
            "socket" => socket(&house).await.0,
            _ => {
                let mut client = Client::tcp(house.address()).await.expect("connected");
                client.fetch("/live", "").await.0.split(' ').nth(1).unwrap_or("").to_owned()
            }
        };
        assert_eq!(status, "503", "{wanted}");
        let end = house.end().await;
        assert_eq!((end.by, end.stage, end.cause), (By::Client, Stage::Admission, cause));
    }
    assert_eq!(echo.accepted(), 2, "no backend saw a byte of it");
    let mut other = Client::tcp(house.address()).await.expect("connected");
    assert!(other.fetch("/", "").await.0.starts_with("HTTP/1.1 200 "), "another route");
    house.line().await;
    let more = text.replace("connections = 2", "connections = 3");
    house.gateway.reload(read(&more).0).await.expect("it is valid");
    let third = socket(&house).await;
    assert_eq!(third.0, "101");
    assert_eq!(socket(&house).await.0, "503", "the first two are still counted");
    house.line().await;
    drop(first);
    house.line().await;
    until(|| house.metrics().sockets.value() == 2).await;
    let again = socket(&house).await;
    assert_eq!(again.0, "101", "there is room again");
    drop((second, third, again, other));
    house.finish().await;
}

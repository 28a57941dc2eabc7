//! Which silence is death, and who is told. Times are short here; the rules are the same.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wsgate::life::{By, Cause, End, Stage, Timer};

use crate::house::frames::{CLOSE, PING, PONG, TEXT, bare, masked};
use crate::house::{Backend, Client, House, route};

fn heartbeat(keys: &str) -> String {
    format!("[sites.routes.heartbeat]\n{keys}\n")
}

fn timer(by: By, timer: Timer) -> End {
    End::new(by, Stage::Relay, Cause::Timer(timer))
}

/// Reads up to the Close frame, answering pings, and says what it was.
async fn close_answering_pings(client: &mut Client) -> (u16, String) {
    loop {
        let frame = client.frame().await.expect("a close frame");
        match frame.opcode {
            PING => client.send(masked(PONG, &frame.payload)).await,
            CLOSE => return frame.close(),
            _ => {}
        }
    }
}

/// A backend that keeps what it is told at the end.
async fn told() -> (Backend, Arc<Mutex<Vec<(u16, String)>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let keeper = Arc::clone(&told);
    let backend = Backend::sockets(move |mut client| {
        let keeper = Arc::clone(&keeper);
        async move {
            while let Some(frame) = client.frame().await {
                assert_ne!(frame.opcode, PONG, "the pong to the gateway's ping came through");
                if frame.opcode == CLOSE {
                    keeper.lock().unwrap().push(frame.close());
                    return;
                }
            }
        }
    })
    .await;
    (backend, told)
}

#[tokio::test]
async fn a_silent_client_ends_at_its_timeout_and_both_sides_are_told() {
    let (backend, told) = told().await;
    let keys = "client_ping = \"200ms\"\nclient_timeout = \"500ms\"\nclose_code = 4001";
    let house = House::with_routes(&(route("/", &backend) + &heartbeat(keys))).await;
    let mut client = house.socket("/").await;
    let begun = Instant::now();
    let ping = client.frame().await.expect("a ping");
    assert_eq!((ping.opcode, ping.masked), (PING, false));
    assert!(begun.elapsed() >= Duration::from_millis(190), "{:?}", begun.elapsed());
    let close = loop {
        let frame = client.frame().await.expect("a close");
        if frame.opcode != PING {
            break frame.close();
        }
    };
    assert_eq!(close, (4001, "client silent for 500ms".to_owned()));
    let elapsed = begun.elapsed();
    assert!(
        elapsed >= Duration::from_millis(490) && elapsed < Duration::from_secs(8),
        "{elapsed:?}"
    );
    drop(client);
    assert_eq!(house.end().await, timer(By::Client, Timer::ClientSilent));
    assert_eq!(house.metrics().ends(Cause::Timer(Timer::ClientSilent)), 1);
    assert_eq!(*told.lock().unwrap(), [(1001, "client silent for 500ms".to_owned())]);
    house.finish().await;
}

#[tokio::test]
async fn a_quiet_client_that_answers_pings_lives_on() {
    let (backend, _) = told().await;
    let keys = "client_ping = \"200ms\"\nclient_timeout = \"2s\"";
    let house = House::with_routes(&(route("/", &backend) + &heartbeat(keys))).await;
    let mut client = house.socket("/").await;
    let begun = Instant::now();
    let mut pings = 0;
    while begun.elapsed() < Duration::from_secs(4) {
        let frame = client.frame().await.expect("a ping");
        assert_eq!(frame.opcode, PING, "{frame:?}");
        client.send(masked(PONG, &frame.payload)).await;
        pings += 1;
    }
    // Twice the timeout and alive; no more pings than periods.
    assert!((2..=20).contains(&pings), "{pings} pings in 4 s");
    client.send(masked(CLOSE, 1000_u16.to_be_bytes())).await;
    drop(client);
    assert_eq!(house.end().await.cause, Cause::Close(1000));
    house.finish().await;
}

#[tokio::test]
async fn any_frame_is_a_sign_of_life() {
    let backend = Backend::echo().await;
    let keys = "client_ping = \"off\"\nclient_timeout = \"2s\"";
    let house = House::with_routes(&(route("/", &backend) + &heartbeat(keys))).await;
    let mut client = house.socket("/").await;
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        client.send(masked(TEXT, "here")).await;
        assert_eq!(client.frame().await.expect("the echo").text(), "here");
    }
    let close = client.frame().await.expect("a close").close();
    assert_eq!(close, (1001, "client silent for 2s".to_owned()));
    drop(client);
    assert_eq!(house.end().await, timer(By::Client, Timer::ClientSilent));
    house.finish().await;
}

#[tokio::test]
async fn pings_and_pongs_of_the_peers_pass_at_once() {
    let backend = Backend::sockets(|mut client| async move {
        client.send(bare(PING, "from the backend")).await;
        let pong = client.frame().await.expect("the client's pong");
        assert_eq!((pong.opcode, pong.text()), (PONG, "from the backend"));
        let ping = client.frame().await.expect("the client's ping");
        assert_eq!((ping.opcode, ping.text()), (PING, "from the client"));
        client.send(bare(PONG, &ping.payload)).await;
        client.rest().await;
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.socket("/").await;
    let ping = client.frame().await.expect("the backend's ping");
    assert_eq!((ping.opcode, ping.text()), (PING, "from the backend"));
    client.send(masked(PONG, &ping.payload)).await;
    let begun = Instant::now();
    client.send(masked(PING, "from the client")).await;
    let pong = client.frame().await.expect("the backend's pong");
    assert_eq!((pong.opcode, pong.text()), (PONG, "from the client"));
    assert!(begun.elapsed() < Duration::from_secs(1));
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_silent_backend_is_pinged_and_ended_too() {
    let silent = Backend::sockets(|mut client| async move {
        let ping = client.frame().await.expect("a ping");
        assert_eq!((ping.opcode, ping.masked), (PING, true));
        client.rest().await;
    })
    .await;
    let keys = "client_ping = \"off\"\nclient_timeout = \"off\"\n\
                backend_ping = \"100ms\"\nbackend_timeout = \"300ms\"";
    let house = House::with_routes(&(route("/", &silent) + &heartbeat(keys))).await;
    let mut client = house.socket("/").await;
    let close = client.frame().await.expect("a close").close();
    assert_eq!(close, (1001, "backend silent for 300ms".to_owned()));
    drop(client);
    assert_eq!(house.end().await, timer(By::Backend, Timer::BackendSilent));
    house.finish().await;
}

#[tokio::test]
async fn a_living_backend_answers_and_its_pongs_stay_here() {
    let backend = Backend::echo().await;
    let keys = "client_ping = \"off\"\nclient_timeout = \"off\"\n\
                backend_ping = \"200ms\"\nbackend_timeout = \"2s\"";
    let house = House::with_routes(&(route("/", &backend) + &heartbeat(keys))).await;
    let mut client = house.socket("/").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    client.send(masked(TEXT, "still here")).await;
    let frame = client.frame().await.expect("the echo");
    assert_eq!((frame.opcode, frame.text()), (TEXT, "still here"));
    client.send(masked(CLOSE, 1000_u16.to_be_bytes())).await;
    assert_eq!(client.frame().await.expect("a close").opcode, CLOSE);
    drop(client);
    house.line().await;
    assert!(house.metrics().pings.value() >= 2, "{}", house.metrics().pings.value());
    house.finish().await;
}

#[tokio::test]
async fn heartbeats_do_not_count_as_messages_for_the_idle_timeout() {
    let backend = Backend::echo().await;
    let keys = "client_ping = \"80ms\"\nclient_timeout = \"5s\"\nidle_timeout = \"1500ms\"";
    let house = House::with_routes(&(route("/", &backend) + &heartbeat(keys))).await;
    let mut client = house.socket("/").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    client.send(masked(TEXT, "data")).await;
    let begun = Instant::now();
    let close = close_answering_pings(&mut client).await;
    assert_eq!(close, (1001, "no message for 1.5s".to_owned()));
    assert!(begun.elapsed() >= Duration::from_millis(1490), "{:?}", begun.elapsed());
    drop(client);
    assert_eq!(house.end().await, timer(By::Gateway, Timer::Idle));
    house.finish().await;
}

#[tokio::test]
async fn an_old_socket_is_closed_like_a_drained_one() {
    let backend = Backend::echo().await;
    let house =
        House::with_routes(&(route("/", &backend) + &heartbeat("max_age = \"300ms\""))).await;
    let mut client = house.socket("/").await;
    let close = close_answering_pings(&mut client).await;
    assert_eq!(close, (1012, "service restart".to_owned()));
    drop(client);
    assert_eq!(house.end().await, timer(By::Gateway, Timer::MaxAge));
    house.finish().await;
}

#[tokio::test]
async fn a_ping_waits_for_the_end_of_the_frame_that_is_on_its_way() {
    let backend = Backend::sockets(|mut client| async move {
        let frame = bare(TEXT, "a frame that takes its time");
        client.send(&frame[..10]).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        client.send(&frame[10..]).await;
        client.rest().await;
    })
    .await;
    let keys = "client_ping = \"100ms\"\nclient_timeout = \"30s\"";
    let house = House::with_routes(&(route("/", &backend) + &heartbeat(keys))).await;
    let mut client = house.socket("/").await;
    let first = client.frame().await.expect("the whole frame");
    assert_eq!(first.text(), "a frame that takes its time");
    assert_eq!(client.frame().await.expect("the ping behind it").opcode, PING);
    drop(client);
    house.finish().await;
}

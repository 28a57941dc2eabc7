//! How sockets end: closing handshakes, half-closes, dead peers, drains.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wsgate::life::{By, Cause, End, Stage, Timer};

use crate::house::frames::{BINARY, CLOSE, TEXT, bare, close_payload, masked, raw};
use crate::house::{Backend, HOST, House, https_listener, route, site, until};

fn end(by: By, cause: Cause) -> End {
    End::new(by, Stage::Relay, cause)
}

#[tokio::test]
async fn close_frames_travel_with_code_and_reason_both_ways() {
    let polite = Backend::echo().await;
    let first = Backend::sockets(|mut client| async move {
        client.send(bare(CLOSE, close_payload(4002, "kicked out"))).await;
        let answer = client.frame().await.expect("the client's answer");
        assert_eq!(answer.close(), (4002, "kicked out".to_owned()));
    })
    .await;
    let routes = format!("{}{}", route("/client", &polite), route("/backend", &first));
    let house = House::with_routes(&routes).await;
    let mut client = house.socket("/client").await;
    client.send(masked(CLOSE, close_payload(4001, "再见"))).await;
    assert_eq!(client.frame().await.expect("the answer").close(), (4001, "再见".to_owned()));
    assert_eq!(client.frame().await, None, "the gateway ends the stream, as servers do");
    drop(client);
    assert_eq!(house.end().await, end(By::Client, Cause::Close(4001)));

    let mut client = house.socket("/backend").await;
    assert_eq!(client.frame().await.expect("a close").close(), (4002, "kicked out".to_owned()));
    client.send(masked(CLOSE, close_payload(4002, "kicked out"))).await;
    assert_eq!(client.frame().await, None);
    drop(client);
    assert_eq!(house.end().await, end(By::Backend, Cause::Close(4002)));
    house.finish().await;
}

#[tokio::test]
async fn an_empty_close_is_counted_as_1005_and_stays_empty() {
    let backend = Backend::echo().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.socket("/").await;
    client.send(masked(CLOSE, "")).await;
    assert_eq!(client.frame().await.expect("the answer").payload, b"");
    drop(client);
    assert_eq!(house.end().await, end(By::Client, Cause::Close(1005)));
    house.finish().await;
}

#[tokio::test]
async fn nothing_follows_a_close() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keeper = Arc::clone(&seen);
    let backend = Backend::sockets(move |mut client| {
        let keeper = Arc::clone(&keeper);
        async move {
            while let Some(frame) = client.frame().await {
                keeper.lock().unwrap().push(frame.opcode);
            }
        }
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.socket("/").await;
    let mut burst = masked(TEXT, "before");
    burst.extend(masked(CLOSE, close_payload(1000, "")));
    burst.extend(masked(TEXT, "after"));
    client.send(burst).await;
    drop(client);
    assert_eq!(house.end().await, end(By::Client, Cause::Close(1000)));
    assert_eq!(*seen.lock().unwrap(), [TEXT, CLOSE]);
    house.finish().await;
}

#[tokio::test]
async fn a_client_that_half_closes_still_gets_the_backends_last_words() {
    let backend = Backend::sockets(|mut client| async move {
        let question = client.frame().await.expect("a question");
        assert_eq!(client.frame().await, None, "the end of the client's stream");
        for word in 0..50 {
            client.send(bare(TEXT, format!("{} {word}", question.text()))).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.socket("/").await;
    client.send(masked(TEXT, "word")).await;
    client.half_close().await;
    for word in 0..50 {
        assert_eq!(client.frame().await.expect("a word").text(), format!("word {word}"));
    }
    let close = client.frame().await.expect("a close").close();
    assert_eq!(close, (1000, "client closed without a close frame".to_owned()));
    assert_eq!(client.frame().await, None);
    drop(client);
    assert_eq!(house.end().await, end(By::Client, Cause::Fin));
    assert_eq!(house.metrics().all_closes(), [], "it ended without a code");
    house.finish().await;
}

#[tokio::test]
async fn a_backend_that_half_closes_still_gets_the_clients_last_words() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keeper = Arc::clone(&heard);
    let backend = Backend::sockets(move |mut client| {
        let keeper = Arc::clone(&keeper);
        async move {
            client.send(bare(TEXT, "I only listen now")).await;
            client.half_close().await;
            while let Some(frame) = client.frame().await {
                keeper.lock().unwrap().push(frame.opcode);
            }
        }
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.socket("/").await;
    assert_eq!(client.frame().await.expect("a frame").text(), "I only listen now");
    let close = client.frame().await.expect("a close").close();
    assert_eq!(close, (1011, "backend closed without a close frame".to_owned()));
    client.send(masked(TEXT, "one more thing")).await;
    client.send(masked(CLOSE, close_payload(1011, ""))).await;
    until(|| *heard.lock().unwrap() == [TEXT, CLOSE]).await;
    drop(client);
    assert_eq!(house.end().await, end(By::Backend, Cause::Fin));
    house.finish().await;
}

#[tokio::test]
async fn a_half_close_lingers_no_longer_than_the_close_timeout() {
    let backend = Backend::sockets(|mut client| async move {
        client.rest().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let text = format!(
        "[gateway.timeouts]\nclose = \"300ms\"\n{}{}{}",
        https_listener(),
        site(HOST),
        route("/", &backend)
    );
    let house = House::with(&text).await;
    let mut client = house.socket("/").await;
    let begun = Instant::now();
    client.half_close().await;
    client.rest().await;
    let elapsed = begun.elapsed();
    assert!(
        elapsed >= Duration::from_millis(290) && elapsed < Duration::from_secs(5),
        "{elapsed:?}"
    );
    drop(client);
    assert_eq!(house.end().await, end(By::Client, Cause::Fin));
    house.finish().await;
}

#[tokio::test]
async fn a_backend_killed_at_a_border_is_1011_to_the_client() {
    let backend = Backend::sockets(|mut client| async move {
        client.frame().await;
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.socket("/").await;
    client.send(masked(TEXT, "die")).await;
    let close = client.frame().await.expect("a close").close();
    assert_eq!(close, (1011, "backend closed without a close frame".to_owned()));
    drop(client);
    let found = house.end().await;
    assert_eq!(found.by, By::Backend);
    assert!(matches!(found.cause, Cause::Fin | Cause::Reset), "{found}");
    house.finish().await;
}

#[tokio::test]
async fn a_backend_killed_in_mid_frame_ends_the_stream_without_a_made_up_frame() {
    let backend = Backend::sockets(|mut client| async move {
        client.send(&bare(BINARY, vec![1; 1000])[..500]).await;
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.socket("/").await;
    assert_eq!(client.rest().await.len(), 500, "what came is passed on, and nothing behind it");
    drop(client);
    assert_eq!(house.end().await.by, By::Backend);
    house.finish().await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_after_stalled_writer() {
    let told = Arc::new(Mutex::new(None));
    let keeper = Arc::clone(&told);
    let backend = Backend::sockets(move |client| {
        let keeper = Arc::clone(&keeper);
        async move {
            let mut client = client;
            // Enough to fill every buffer on the way to a client that does not read.
            while client.try_send(bare(BINARY, vec![0; 1 << 20])).await.is_ok() {
                if let Ok(Some(frame)) =
                    tokio::time::timeout(Duration::from_millis(1), client.frame()).await
                {
                    *keeper.lock().unwrap() = Some(frame.close());
                    return;
                }
            }
        }
    })
    .await;
    let keys = "[sites.routes.limits]\nmessage_size = \"2MiB\"\nstalled_writer = \"400ms\"\n";
    let house = House::with_routes(&(route("/", &backend) + keys)).await;
    let client = house.socket("/").await;
    let line = house.line().await;
    assert_eq!(line.end, end(By::Client, Cause::Timer(Timer::StalledWriter)));
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_drain_spreads_its_closes_and_waits_for_the_answers() {
    let backend = Backend::echo().await;
    let text = format!(
        "[gateway.drain]\ntimeout = \"10s\"\nspread = \"600ms\"\nclose_code = 4100\n\
         close_reason = \"moving\"\n{}{}{}",
        https_listener(),
        site(HOST),
        route("/", &backend)
    );
    let house = House::with(&text).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(house.socket("/").await);
    }
    let begun = Instant::now();
    let readers: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            tokio::spawn(async move {
                let close = client.frame().await.expect("a close").close();
                assert_eq!(close, (4100, "moving".to_owned()));
                let when = begun.elapsed();
                client.send(masked(CLOSE, close_payload(4100, ""))).await;
                client.rest().await;
                when
            })
        })
        .collect();
    let address = house.address();
    let House { gateway, .. } = house;
    assert_eq!(gateway.stop(std::future::pending()).await, 0, "nothing had to be cut");
    let mut times = Vec::new();
    for reader in readers {
        times.push(reader.await.expect("a reader"));
    }
    times.sort();
    let span = times[times.len() - 1] - times[0];
    assert!(span > Duration::from_millis(150), "all closes within {span:?}");
    assert!(std::net::TcpStream::connect(address).is_err(), "the listener is closed");
}

#[tokio::test]
async fn what_does_not_answer_a_drain_is_cut_at_its_timeout() {
    let backend = Backend::echo().await;
    let text = format!(
        "[gateway.drain]\ntimeout = \"400ms\"\nspread = \"0s\"\n{}{}{}",
        https_listener(),
        site(HOST),
        route("/", &backend)
    );
    let house = House::with(&text).await;
    let mut client = house.socket("/").await;
    // Half a frame: there is no border at which a Close could be put in toward the backend.
    client.send(&raw(0x82, &[0; 1000], Some([1; 4]))[..100]).await;
    let lines = house;
    let begun = Instant::now();
    let stopping = async {
        let books = Arc::clone(lines.gateway.books());
        let cut = lines.gateway.stop(std::future::pending()).await;
        (cut, books)
    };
    let (cut, books) = stopping.await;
    assert_eq!(cut, 1);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(books.metrics.sockets.value(), 0);
    assert_eq!(client.frame().await.expect("a close").close().0, 1012);
}

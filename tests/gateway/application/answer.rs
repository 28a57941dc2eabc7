//! `answer = true`: what the gateway answers in the backend's place, and what it asks in the
//! client's.

use std::time::{Duration, Instant};

use wsgate::life::Cause;

use super::*;
use crate::house::backend::switching;
use crate::house::until;

#[tokio::test]
async fn answered_pings_cost_the_backend_nothing() {
    let (backend, seen) = keeping(echo).await;
    let house = House::with_routes(&room(&backend, true, "")).await;
    let mut client = house.socket("/").await;
    for round in 0..5 {
        client.send(masked(TEXT, BEAT)).await;
        assert_eq!(text(&mut client).await, ANSWER);
        // In one write: the heartbeat is taken out of the midst.
        let said = format!("round {round}");
        let all = [masked(TEXT, &said), masked(TEXT, BEAT), masked(TEXT, "and on")].concat();
        client.send(all).await;
        let mut heard = [text(&mut client).await, text(&mut client).await, text(&mut client).await];
        heard.sort();
        assert_eq!(heard, ["and on".to_owned(), said, ANSWER.to_owned()]);
    }
    let line = close(client, &house).await;
    let said = texts(&seen);
    assert_eq!(said.len(), 10, "{said:?}");
    assert!(!said.contains(&BEAT.to_owned()), "{said:?}");
    // Heartbeats are frames of the client all the same; our answers are nobody's.
    assert_eq!((line.up.frames, line.up.messages, line.down.messages), (21, 20, 10));
    house.finish().await;
}

#[tokio::test]
async fn a_ping_that_comes_byte_by_byte_is_answered_once_it_is_whole() {
    let (backend, seen) = keeping(echo).await;
    let house = House::with_routes(&room(&backend, true, "")).await;
    let mut client = house.socket("/").await;
    let stream =
        [masked(TEXT, BEAT), masked(TEXT, "between"), masked(PING, "p"), masked(TEXT, BEAT)];
    for byte in stream.concat() {
        client.send([byte]).await;
    }
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(client.frame().await.expect("an answer").payload);
    }
    heard.sort();
    let expected = ["between", "p", ANSWER, ANSWER].map(|it| it.as_bytes().to_vec());
    assert_eq!(heard, expected);
    assert_eq!(texts(&seen), ["between"]);
    close(client, &house).await;
    house.finish().await;
}

#[tokio::test]
async fn an_answer_waits_for_the_end_of_the_message_that_is_on_its_way_down() {
    // The backend goes on when the message behind the heartbeat has come: the gateway has seen the
    // heartbeat by then.
    let backend = Backend::sockets(|mut client| async move {
        client.send(raw(0x01, b"one ", None)).await;
        assert_eq!(client.frame().await.expect("a message").text(), "go on");
        client.send(raw(0x00, b"two ", None)).await;
        assert_eq!(client.frame().await.expect("a message").text(), "to the end");
        let last = raw(0x80, b"three", None);
        client.send([&last[..4], &last[4..], &bare(TEXT, "the next")].concat()).await;
        client.rest().await;
    })
    .await;
    let house = House::with_routes(&room(&backend, true, "")).await;
    let mut client = house.socket("/").await;
    let mut heard = vec![client.frame().await.expect("the beginning")];
    client.send([masked(TEXT, BEAT), masked(TEXT, "go on")].concat()).await;
    heard.push(client.frame().await.expect("the midst"));
    client.send([masked(TEXT, BEAT), masked(TEXT, "to the end")].concat()).await;
    for _ in 0..4 {
        heard.push(client.frame().await.expect("the rest"));
    }
    let heard: Vec<_> = heard.iter().map(|it| (it.bits | it.opcode, it.text())).collect();
    let expected = [
        (0x01, "one "),
        (0x00, "two "),
        (0x80, "three"),
        (0x81, ANSWER),
        (0x81, ANSWER),
        (0x81, "the next"),
    ];
    assert_eq!(heard, expected);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn nothing_is_answered_behind_a_close() {
    let (backend, seen) = keeping(answering).await;
    let house = House::with_routes(&room(&backend, true, "")).await;
    let mut client = house.socket("/").await;
    let end = masked(CLOSE, close_payload(1000, "bye"));
    client.send([masked(TEXT, BEAT), end, masked(TEXT, BEAT)].concat()).await;
    assert_eq!(text(&mut client).await, ANSWER);
    assert_eq!(client.frame().await.expect("the close").opcode, CLOSE);
    assert_eq!(client.rest().await, b"", "nothing follows a close");
    drop(client);
    assert_eq!(house.line().await.end.cause, Cause::Close(1000));
    assert_eq!(texts(&seen), [""; 0]);
    house.finish().await;
}

#[tokio::test]
async fn pings_that_the_network_held_back_are_all_answered() {
    let (backend, seen) = keeping(echo).await;
    let house = House::with_routes(&room(&backend, true, "")).await;
    let mut client = house.socket("/").await;
    for _ in 0..3 {
        client.send(masked(TEXT, BEAT).repeat(40)).await;
        for _ in 0..40 {
            assert_eq!(text(&mut client).await, ANSWER);
        }
    }
    close(client, &house).await;
    assert_eq!(texts(&seen), [""; 0]);
    house.finish().await;
}

#[tokio::test]
async fn a_flood_of_pings_gets_a_bounded_number_of_answers() {
    const PINGS: usize = 100_000;
    let (backend, seen) = keeping(echo).await;
    let house = House::with_routes(&room(&backend, true, "")).await;
    let mut client = house.socket("/").await;
    let thousand = masked(TEXT, BEAT).repeat(1000);
    for _ in 0..PINGS / 1000 {
        client.send(&thousand).await;
    }
    client.send(masked(TEXT, "done")).await;
    let mut answers = 0;
    while text(&mut client).await != "done" {
        answers += 1;
    }
    // At most 64 wait at a time, and hundreds come with each read.
    assert!(answers > 0 && answers < PINGS / 4, "{answers} answers");
    client.send(masked(TEXT, BEAT)).await;
    assert_eq!(text(&mut client).await, ANSWER, "it goes on");
    let line = close(client, &house).await;
    assert_eq!(line.up.messages, PINGS as u64 + 2);
    assert_eq!(texts(&seen), ["done"]);
    house.finish().await;
}

#[tokio::test]
async fn a_compression_offer_is_declined_where_it_matters_which_messages_are_heartbeats() {
    let idle = "idle_timeout = \"60s\"";
    for (answer, keys, offered) in [(true, "", false), (false, idle, false), (false, "", true)] {
        let head = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&head);
        let backend = Backend::new(move |mut client| {
            let kept = Arc::clone(&kept);
            async move {
                *kept.lock().unwrap() = client.head().await;
                client.send(switching("")).await;
                client.rest().await;
            }
        })
        .await;
        let house = House::with_routes(&room(&backend, answer, keys)).await;
        let mut client = house.client().await;
        client.upgrade("/", "Sec-WebSocket-Extensions: permessage-deflate\r\n").await;
        let found = head.lock().unwrap().contains("permessage-deflate");
        assert_eq!(found, offered, "{}", head.lock().unwrap());
        drop(client);
        house.finish().await;
    }
}

#[tokio::test]
async fn answered_heartbeats_are_no_data_but_life() {
    let (backend, seen) = keeping(answering).await;
    let keys = "client_ping = \"off\"\nclient_timeout = \"1s\"\nidle_timeout = \"3s\"";
    let house = House::with_routes(&room(&backend, true, keys)).await;
    let mut client = house.socket("/").await;
    let begun = Instant::now();
    let told = loop {
        let _ = client.try_send(masked(TEXT, BEAT)).await;
        let frame = client.frame().await.expect("an answer or a close");
        if frame.opcode == CLOSE {
            break frame.close();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(told, (1001, "no message for 3s".to_owned()));
    assert!(begun.elapsed() >= Duration::from_millis(2900), "{:?}", begun.elapsed());
    drop(client);
    house.line().await;
    assert_eq!(texts(&seen), [""; 0]);
    house.finish().await;
}

#[tokio::test]
async fn the_backend_is_asked_in_the_clients_place_and_its_answers_stay_here() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let keeper = Arc::clone(&asked);
    let backend = Backend::sockets(move |mut client| {
        let keeper = Arc::clone(&keeper);
        async move {
            while let Some(frame) = client.frame().await {
                let _ = client.try_send(answering(&frame)).await;
                if frame.opcode == TEXT {
                    assert!(frame.masked, "{frame:?}");
                    keeper.lock().unwrap().push(frame.text().to_owned());
                    if keeper.lock().unwrap().len() == 3 {
                        // One that nobody asked for, and what it is told from.
                        let more = [bare(TEXT, ANSWER), bare(TEXT, "that was all")];
                        let _ = client.try_send(more.concat()).await;
                    }
                }
            }
        }
    })
    .await;
    let keys = "client_ping = \"off\"\nclient_timeout = \"off\"\nbackend_ping = \"150ms\"";
    let house = House::with_routes(&room(&backend, true, keys)).await;
    let mut client = house.socket("/").await;
    assert_eq!(text(&mut client).await, ANSWER, "the fourth, for which nobody asked");
    assert_eq!(text(&mut client).await, "that was all");
    assert_eq!(asked.lock().unwrap()[..3], [BEAT; 3]);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_ping_in_the_clients_place_waits_for_the_end_of_its_message() {
    let (backend, seen) = keeping(|_| Vec::new()).await;
    let keys = "client_ping = \"off\"\nclient_timeout = \"off\"\nbackend_ping = \"150ms\"";
    let house = House::with_routes(&room(&backend, true, keys)).await;
    let mut client = house.socket("/").await;
    client.send(raw(0x01, b"begun, ", MASK)).await;
    // Three of the gateway's own control frames later, a ping of the application is overdue.
    let count = |opcode| seen.lock().unwrap().iter().filter(|it| it.opcode == opcode).count();
    until(|| count(PING) >= 3).await;
    client.send(raw(0x80, b"ended", MASK)).await;
    until(|| seen.lock().unwrap().iter().any(|it| it.payload == BEAT.as_bytes())).await;
    drop(client);
    house.finish().await;
    let seen = seen.lock().unwrap();
    let said: Vec<_> = seen
        .iter()
        .filter(|it| it.opcode < CLOSE)
        .map(|it| (it.bits | it.opcode, it.text()))
        .collect();
    assert_eq!(said[..3], [(0x01, "begun, "), (0x80, "ended"), (0x81, BEAT)], "{said:?}");
}

#[tokio::test]
async fn a_backend_that_hears_its_client_is_not_asked() {
    let (backend, seen) = keeping(|_| Vec::new()).await;
    let keys = "client_ping = \"off\"\nclient_timeout = \"off\"\nbackend_ping = \"2s\"";
    let house = House::with_routes(&room(&backend, true, keys)).await;
    let mut client = house.socket("/").await;
    for _ in 0..30 {
        client.send(masked(TEXT, "here")).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    close(client, &house).await;
    assert_eq!(texts(&seen), ["here"; 30]);
    house.finish().await;
}

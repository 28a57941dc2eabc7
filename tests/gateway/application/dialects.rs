//! What counts as a heartbeat: it passes, and is life, but no data.

use std::time::{Duration, Instant};

use wsgate::life::{By, Cause, Timer};

use super::*;
use crate::house::backend::switching;
use crate::house::frames::BINARY;

#[tokio::test]
async fn without_answer_every_heartbeat_reaches_the_backend() {
    let (backend, seen) = keeping(answering).await;
    let house = House::with_routes(&room(&backend, false, "")).await;
    let mut client = house.socket("/").await;
    for _ in 0..5 {
        client.send(masked(TEXT, BEAT)).await;
        assert_eq!(text(&mut client).await, ANSWER);
    }
    let line = close(client, &house).await;
    assert_eq!(texts(&seen), [BEAT; 5]);
    assert_eq!((line.up.messages, line.down.messages), (5, 5));
    house.finish().await;
}

#[tokio::test]
async fn compressed_heartbeats_pass_untouched_where_nobody_asks_which_messages_are_some() {
    let backend = Backend::new(|mut client| async move {
        client.head().await;
        client.send(switching("Sec-WebSocket-Extensions: permessage-deflate\r\n")).await;
        while let Some(frame) = client.frame().await {
            let _ = client.try_send(echo(&frame)).await;
        }
    })
    .await;
    let house = House::with_routes(&room(&backend, false, "")).await;
    let mut client = house.client().await;
    client.upgrade("/", "Sec-WebSocket-Extensions: permessage-deflate\r\n").await;
    for _ in 0..5 {
        client.send(raw(0xc1, BEAT.as_bytes(), MASK)).await;
        let frame = client.frame().await.expect("the echo");
        assert_eq!((frame.bits, frame.opcode), (0xc0, TEXT), "{frame:?}");
        assert_eq!(frame.text(), BEAT, "untouched");
    }
    close(client, &house).await;
    house.finish().await;
}

/// Has client and backend say `up` and `down` to each other every 100 ms until the gateway ends it.
/// Both must arrive as they are.
async fn beat_until_idle(name: &str, path: &str, up: (u8, &[u8]), down: (u8, &[u8])) {
    let owned = |(opcode, said): (u8, &[u8])| (opcode, said.to_vec());
    let (up, down) = (owned(up), owned(down));
    let (expected, said) = (up.clone(), down.clone());
    let backend = Backend::sockets(move |mut client| {
        let (expected, said) = (expected.clone(), said.clone());
        async move {
            while let Some(frame) = client.frame().await {
                if frame.opcode == CLOSE {
                    let _ = client.try_send(bare(CLOSE, &frame.payload)).await;
                    return;
                }
                assert_eq!((frame.opcode, frame.payload), expected);
                let _ = client.try_send(bare(said.0, &said.1)).await;
            }
        }
    })
    .await;
    let keys = "client_ping = \"off\"\nclient_timeout = \"off\"\nidle_timeout = \"1s\"";
    let house = House::with_routes(&with_application(&backend, name, keys)).await;
    let mut client = house.socket(path).await;
    let begun = Instant::now();
    let mut beats = 0;
    let told = loop {
        let _ = client.try_send(masked(up.0, &up.1)).await;
        let frame = client.frame().await.expect("an answer or a close");
        if frame.opcode == CLOSE {
            break frame.close();
        }
        assert_eq!((frame.opcode, frame.payload), down);
        beats += 1;
        assert!(begun.elapsed() < Duration::from_secs(15), "heartbeats count as data");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(told, (1001, "no message for 1s".to_owned()), "{name} {path}");
    assert!(beats >= 2, "{beats} heartbeats");
    drop(client);
    let line = house.line().await;
    assert_eq!((line.end.by, line.end.cause), (By::Gateway, Cause::Timer(Timer::Idle)));
    assert!(line.up.messages >= beats && line.down.messages >= beats, "they are messages");
    house.finish().await;
}

#[tokio::test]
async fn heartbeats_of_engine_io_are_no_data_whoever_asks() {
    let (ask, answer) = ((TEXT, &b"2"[..]), (TEXT, &b"3"[..]));
    beat_until_idle("engine.io", "/?EIO=3&transport=websocket", ask, answer).await;
    beat_until_idle("engine.io", "/", ask, answer).await;
    beat_until_idle("engine.io", "/?EIO=4&transport=websocket", answer, ask).await;
}

#[tokio::test]
async fn heartbeats_of_signalr_are_no_data_in_either_encoding() {
    let (json, packed) = ((TEXT, &b"{\"type\":6}\x1e"[..]), (BINARY, &b"\x02\x91\x06"[..]));
    beat_until_idle("signalr", "/", json, json).await;
    beat_until_idle("signalr", "/?id=abc", packed, packed).await;
}

#[tokio::test]
async fn the_probes_of_engine_io_are_no_data_in_any_version() {
    let (ask, answer) = ((TEXT, &b"2probe"[..]), (TEXT, &b"3probe"[..]));
    beat_until_idle("engine.io", "/?EIO=3&transport=websocket", ask, answer).await;
    beat_until_idle("engine.io", "/?EIO=4&transport=websocket", ask, answer).await;
}

#[tokio::test]
async fn other_packets_of_engine_io_are_data() {
    let (backend, _) = keeping(echo).await;
    let keys = "client_ping = \"off\"\nclient_timeout = \"off\"\nidle_timeout = \"1500ms\"";
    let house = House::with_routes(&with_application(&backend, "engine.io", keys)).await;
    let mut client = house.socket("/?EIO=3").await;
    for _ in 0..5 {
        for said in ["4probe", "22probe", "5", "42[\"hi\"]"] {
            client.send(masked(TEXT, said)).await;
            assert_eq!(text(&mut client).await, said);
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }
    close(client, &house).await;
    house.finish().await;
}

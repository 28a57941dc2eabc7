//! Frames through the gateway: unchanged, in order, within the rules.

use std::time::Duration;

use wsgate::life::{By, Cause, End, Rule, Stage};

use crate::house::client::upgrade_fields;
use crate::house::frames::{
    self, BINARY, CLOSE, PING, PONG, TEXT, bare, close_payload, masked, raw,
};
use crate::house::{Backend, HOST, House, route, until};

const MASK: Option<[u8; 4]> = Some([1, 2, 3, 4]);

#[tokio::test]
async fn every_split_of_a_frame_header_arrives_as_one_frame() {
    let backend = Backend::echo().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.socket("/").await;
    for length in [5, 200, 70_000] {
        let frame = masked(BINARY, vec![9; length]);
        for split in 1..frame.len().min(15) {
            client.send(&frame[..split]).await;
            // Two TLS records and two wake-ups: long enough for the first to be scanned alone.
            tokio::time::sleep(Duration::from_millis(3)).await;
            client.send(&frame[split..]).await;
            let back = client.frame().await.expect("the echo");
            assert_eq!((back.opcode, back.payload.len()), (BINARY, length), "split at {split}");
        }
    }
    client.send(masked(CLOSE, close_payload(1000, ""))).await;
    assert_eq!(client.frame().await.expect("a close").close(), (1000, String::new()));
    let line = house.line().await;
    assert_eq!(line.end, End::new(By::Client, Stage::Relay, Cause::Close(1000)));
    assert_eq!((line.up.frames, line.up.messages, line.down.messages), (39, 38, 38));
    house.finish().await;
}

#[tokio::test]
async fn the_backends_headers_may_come_byte_by_byte_too() {
    let backend = Backend::sockets(|mut client| async move {
        for byte in bare(TEXT, "one byte at a time") {
            client.send([byte]).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        client.rest().await;
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.socket("/").await;
    assert_eq!(client.frame().await.expect("a frame").text(), "one byte at a time");
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn fragments_control_frames_and_masks_pass_as_they_are() {
    let backend = Backend::sockets(|mut client| async move {
        // What the backend sees, it reports: bits, opcode, mask, payload.
        while let Some(frame) = client.frame().await {
            let seen = format!(
                "{:02x} {} {}",
                frame.bits | frame.opcode,
                frame.masked,
                String::from_utf8_lossy(&frame.payload)
            );
            client.send(bare(TEXT, seen)).await;
        }
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.socket("/").await;
    let mut burst = raw(TEXT, b"Hel", MASK);
    burst.extend(raw(0x80 | PING, b"in between", MASK));
    burst.extend(raw(0, b"l", MASK));
    burst.extend(raw(0x80 | PONG, b"unasked", MASK));
    burst.extend(raw(0x80, b"o", MASK));
    client.send(burst).await;
    for seen in ["01 true Hel", "89 true in between", "00 true l", "8a true unasked", "80 true o"] {
        assert_eq!(client.frame().await.expect("a report").text(), seen);
    }
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn compressed_messages_pass_where_compression_was_agreed_on() {
    let backend = Backend::new(|mut client| async move {
        client.head().await;
        let fields = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        client.send(crate::house::backend::switching(fields)).await;
        while let Some(frame) = client.frame().await {
            if client.try_send(raw(frame.bits | frame.opcode, &frame.payload, None)).await.is_err()
            {
                return;
            }
        }
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.client().await;
    client.upgrade("/", "Sec-WebSocket-Extensions: permessage-deflate\r\n").await;
    client.send(raw(0xc0 | TEXT, b"\xca\x48\xcd\x01\x00", MASK)).await;
    let back = client.frame().await.expect("the echo");
    assert_eq!((back.bits, back.payload.as_slice()), (0xc0, &b"\xca\x48\xcd\x01\x00"[..]));
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_client_that_breaks_the_protocol_is_told_1002_and_the_backend_1001() {
    let cases: [(&str, Vec<u8>, Rule); 8] = [
        ("no mask", bare(TEXT, "x"), Rule::Mask),
        ("RSV1", raw(0xc1, b"x", MASK), Rule::ReservedBit),
        ("opcode 3", raw(0x83, b"x", MASK), Rule::Opcode),
        ("a long ping", raw(0x89, &[0; 126], MASK), Rule::Control),
        ("a fragmented ping", raw(0x09, b"", MASK), Rule::Control),
        ("a long length", vec![0x81, 0xfe, 0, 5, 1, 2, 3, 4, 0, 0, 0, 0, 0], Rule::Length),
        ("a stray continuation", raw(0x80, b"x", MASK), Rule::Sequence),
        ("close code 1005", masked(CLOSE, 1005_u16.to_be_bytes()), Rule::CloseCode),
    ];
    let backend = Backend::sockets(|mut client| async move {
        while let Some(frame) = client.frame().await {
            if frame.opcode == CLOSE {
                assert_eq!(frame.close().0, 1001);
                assert!(frame.masked);
                client.send(bare(CLOSE, close_payload(1001, ""))).await;
                return;
            }
        }
        panic!("the backend was not told");
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    for (what, bytes, rule) in cases {
        let mut client = house.socket("/").await;
        client.send(bytes).await;
        let close = client.frame().await.expect(what).close();
        assert_eq!(close, (1002, format!("protocol violation: {}", rule.name())), "{what}");
        assert_eq!(client.frame().await, None, "{what}: nothing after a close");
        drop(client);
        let end = house.end().await;
        assert_eq!(end, End::new(By::Client, Stage::Relay, Cause::Protocol(rule)), "{what}");
    }
    house.finish().await;
}

#[tokio::test]
async fn answers_to_good_frames_come_before_the_verdict_on_a_bad_one() {
    let slow = Backend::sockets(|mut client| async move {
        let good = client.frame().await.expect("the good frame");
        assert_eq!(client.frame().await.expect("a close").close().0, 1001);
        client.send(bare(TEXT, good.payload)).await;
        client.send(bare(CLOSE, close_payload(1001, ""))).await;
    })
    .await;
    let mute = Backend::sockets(|mut client| async move {
        client.rest().await;
    })
    .await;
    let routes = format!("{}{}", route("/slow", &slow), route("/mute", &mute));
    let house = House::with_routes(&routes).await;
    let mut bytes = masked(TEXT, "good");
    bytes.extend(bare(TEXT, "no mask"));
    let mut client = house.socket("/slow").await;
    client.send(&bytes).await;
    assert_eq!(client.frame().await.expect("the answer").text(), "good");
    assert_eq!(client.frame().await.expect("the verdict").close().0, 1002);
    assert_eq!(client.frame().await, None);
    drop(client);
    // A backend that says nothing has a second, no more.
    let mut client = house.socket("/mute").await;
    client.send(&bytes).await;
    assert_eq!(client.frame().await.expect("the verdict").close().0, 1002);
    drop(client);
    for _ in 0..2 {
        assert_eq!(house.end().await.cause, Cause::Protocol(Rule::Mask));
    }
    house.finish().await;
}

#[tokio::test]
async fn a_close_reason_that_is_not_utf8_is_1007() {
    let backend = Backend::echo().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.socket("/").await;
    client.send(masked(CLOSE, b"\x03\xe8\xff\xfe")).await;
    assert_eq!(client.frame().await.expect("a close").close().0, 1007);
    drop(client);
    assert_eq!(house.end().await.cause, Cause::Protocol(Rule::CloseReason));
    house.finish().await;
}

#[tokio::test]
async fn a_backend_that_breaks_the_protocol_is_told_1002_and_the_client_1011() {
    let backend = Backend::sockets(|mut client| async move {
        client.send(bare(TEXT, "before")).await;
        client.send(masked(TEXT, "servers do not mask")).await;
        let told = client.frame().await.expect("a close");
        assert_eq!((told.close().0, told.masked), (1002, true));
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.socket("/").await;
    assert_eq!(client.frame().await.expect("what came before").text(), "before");
    let close = client.frame().await.expect("a close").close();
    assert_eq!(close, (1011, "backend broke the protocol".to_owned()));
    drop(client);
    let end = house.end().await;
    assert_eq!(end, End::new(By::Backend, Stage::Relay, Cause::Protocol(Rule::Mask)));
    house.finish().await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_1009_to_its_sender_and_1001_to_the_other() {
    let limit = "[sites.routes.limits]\nmessage_size = \"1KiB\"\n";
    let backend = Backend::sockets(|mut client| async move {
        let first = client.frame().await.expect("what fits");
        assert_eq!(first.payload.len(), 1024);
        let told = client.frame().await.expect("the beginning of the long one");
        assert_eq!(told.payload.len(), 600, "a fragment that still fits is passed on");
        assert_eq!(client.frame().await.expect("a close").close().0, 1001);
    })
    .await;
    let loud = Backend::sockets(|mut client| async move {
        client.send(bare(BINARY, vec![0; 2000])).await;
        assert_eq!(client.frame().await.expect("a close").close().0, 1009);
    })
    .await;
    let routes = format!("{}{limit}{}{limit}", route("/up", &backend), route("/down", &loud));
    let house = House::with_routes(&routes).await;
    let mut client = house.socket("/up").await;
    client.send(masked(BINARY, [0; 1024])).await;
    client.send(raw(BINARY, &[0; 600], MASK)).await;
    client.send(raw(0x80, &[0; 600], MASK)).await;
    let close = client.frame().await.expect("a close").close();
    assert_eq!(close, (1009, "message longer than 1024 bytes".to_owned()));
    drop(client);
    assert_eq!(house.end().await, End::new(By::Client, Stage::Relay, Cause::MessageTooBig));
    let mut client = house.socket("/down").await;
    assert_eq!(client.frame().await.expect("a close").close().0, 1001);
    drop(client);
    assert_eq!(house.end().await, End::new(By::Backend, Stage::Relay, Cause::MessageTooBig));
    house.finish().await;
}

#[tokio::test]
async fn a_slow_reader_slows_the_sender_and_costs_bounded_memory() {
    // 64 MB toward a client that does not read: far more than all buffers on the way.
    const CHUNK: usize = 1 << 20;
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&sent);
    let backend = Backend::sockets(move |mut client| {
        let count = std::sync::Arc::clone(&count);
        async move {
            for _ in 0..64 {
                if client.try_send(bare(BINARY, vec![7; CHUNK])).await.is_err() {
                    return;
                }
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
            client.send(bare(CLOSE, close_payload(1000, "done"))).await;
            client.rest().await;
        }
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.socket("/").await;
    let progress = || sent.load(std::sync::atomic::Ordering::SeqCst);
    until(|| progress() > 0).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(progress() < 48, "the sender was not slowed: {} MB are on the way", progress());
    for _ in 0..64 {
        assert_eq!(client.frame().await.expect("a message").payload.len(), CHUNK);
    }
    assert_eq!(client.frame().await.expect("a close").close(), (1000, "done".to_owned()));
    drop(client);
    assert_eq!(house.end().await.cause, Cause::Close(1000));
    house.finish().await;
}

#[tokio::test]
async fn many_frames_in_one_read_are_all_counted_and_passed() {
    let backend = Backend::echo().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.client().await;
    let mut burst =
        format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{}\r\n", upgrade_fields()).into_bytes();
    (0..100).for_each(|it| burst.extend(masked(TEXT, format!("message {it}"))));
    client.send(burst).await;
    client.head().await;
    for it in 0..100 {
        assert_eq!(client.frame().await.expect("an echo").text(), format!("message {it}"));
    }
    drop(client);
    let line = house.line().await;
    assert_eq!((line.up.frames, line.down.frames), (100, 100));
    assert_eq!(frames::masked(TEXT, "message 0").len(), 15);
    assert_eq!(line.up.bytes, 10 * 15 + 90 * 16);
    house.finish().await;
}

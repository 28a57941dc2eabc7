//! The demo's backends as a gateway meets them: over real sockets, with and without an upgrade.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, Utf8Bytes};

use super::*;

type Client = WebSocketStream<TcpStream>;

async fn start() -> Backends {
    backends(Page::with_heartbeats()).await.expect("backends")
}

/// One exchange on a connection of its own; the answer as it came.
async fn http(backends: &Backends, head: &str) -> String {
    let mut stream = TcpStream::connect(backends.address()).await.expect("connected");
    let head = format!("{head}\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn connect(backends: &Backends, path: &str) -> Client {
    let stream = TcpStream::connect(backends.address()).await.expect("connected");
    let url = format!("ws://localhost{path}");
    tokio_tungstenite::client_async(url, stream).await.expect("101").0
}

async fn say(client: &mut Client, message: Value) {
    client.send(Message::text(message.to_string())).await.expect("sent");
}

/// Reads until an event of this kind comes.
async fn hear(client: &mut Client, kind: &str) -> Value {
    loop {
        let message = client.next().await.expect("open").expect("a message");
        let event: Value = serde_json::from_str(&message.into_text().expect("text")).expect("JSON");
        if event["msg_type"] == kind {
            return event;
        }
    }
}

async fn hear_close(client: &mut Client) -> Option<(CloseCode, Utf8Bytes)> {
    while let Some(Ok(message)) = client.next().await {
        if let Message::Close(frame) = message {
            return frame.map(|it| (it.code, it.reason));
        }
    }
    None
}

#[tokio::test]
async fn the_page_and_its_parts_are_served() {
    let backends = start().await;
    let page = http(&backends, "GET / HTTP/1.1").await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("content-type: text/html; charset=utf-8\r\n"), "{page}");
    assert!(page.contains("<!doctype html>"), "{page}");
    let missing = http(&backends, "GET /nothing HTTP/1.1").await;
    assert!(missing.starts_with("HTTP/1.1 404 "), "{missing}");
    let posted = http(&backends, "POST / HTTP/1.1").await;
    assert!(posted.starts_with("HTTP/1.1 405 "), "{posted}");
}

#[tokio::test]
async fn the_time_tells_what_the_gateway_said_of_the_client() {
    let backends = start().await;
    let head = "GET /api/time HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\nCookie: secret=1";
    let answer = http(&backends, head).await;
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["seen"], json!({"host": "localhost", "x-forwarded-for": "192.0.2.1"}));
    assert!(body["unix_ms"].as_u64().is_some_and(|it| it > 1_700_000_000_000), "{body}");
}

#[tokio::test]
async fn a_plain_request_to_a_socket_is_told_to_upgrade() {
    let backends = start().await;
    for path in ["/echo", "/room"] {
        let answer = http(&backends, &format!("GET {path} HTTP/1.1")).await;
        assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
        assert!(answer.contains("upgrade: websocket\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn echo_returns_text_and_binary_as_they_came() {
    let backends = start().await;
    let mut client = connect(&backends, "/echo").await;
    let binary: Vec<u8> = (0..100_000_u32).map(|it| (it % 251) as u8).collect();
    for message in [Message::text("早上好"), Message::binary(binary), Message::text("")] {
        client.send(message.clone()).await.expect("sent");
        assert_eq!(client.next().await.expect("open").expect("a message"), message);
    }
}

#[tokio::test]
async fn a_message_beyond_the_limit_is_closed_with_1009() {
    let backends = start().await;
    let mut client = connect(&backends, "/echo").await;
    let message = Message::binary(vec![0; sockets::MESSAGE_SIZE + 1]);
    // The backend may close while this is still being sent.
    let _ = client.send(message).await;
    let close = hear_close(&mut client).await;
    assert_eq!(close, Some((CloseCode::Size, "message too long".into())));
}

#[tokio::test]
async fn a_frame_right_behind_the_request_head_is_not_lost() {
    let backends = start().await;
    let mut stream = TcpStream::connect(backends.address()).await.expect("connected");
    let mut bytes = b"GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        .to_vec();
    // "Hi", masked with zeros.
    bytes.extend([0x81, 0x82, 0, 0, 0, 0, b'H', b'i']);
    stream.write_all(&bytes).await.expect("sent");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\x81\x02Hi") {
        assert_ne!(stream.read_buf(&mut answer).await.expect("an answer"), 0, "{answer:?}");
    }
    let answer = String::from_utf8_lossy(&answer).to_lowercase();
    assert!(answer.starts_with("http/1.1 101 "), "{answer}");
    // The example of RFC 6455 section 1.3.
    assert!(answer.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{answer}");
}

#[tokio::test]
async fn a_comment_crosses_the_room_and_a_lost_connection_leaves_it() {
    let backends = start().await;
    let (mut ann, mut bob) = (connect(&backends, "/room").await, connect(&backends, "/room").await);
    assert!(hear(&mut ann, "init").await["client_id"].is_u64());
    say(&mut ann, json!({"msg_type": "join", "name": "Ann"})).await;
    assert_eq!(hear(&mut ann, "online").await["count"], 1);
    say(&mut bob, json!({"msg_type": "join", "name": "Bob"})).await;
    assert_eq!(hear(&mut ann, "online").await["count"], 2);
    say(&mut bob, json!({"msg_type": "comment", "text": "hello"})).await;
    assert_eq!(hear(&mut ann, "comment").await["from"], "Bob");
    drop(bob);
    assert_eq!(hear(&mut ann, "left").await["name"], "Bob");
    assert_eq!(hear(&mut ann, "online").await["count"], 1);
}

#[tokio::test]
async fn who_finds_the_room_full_is_told_so() {
    let backends = start().await;
    let mut inside = Vec::new();
    for _ in 0..crate::cli::demo::room::VISITORS {
        let mut client = connect(&backends, "/room").await;
        hear(&mut client, "init").await;
        inside.push(client);
    }
    let mut late = connect(&backends, "/room").await;
    let close = hear_close(&mut late).await;
    assert_eq!(close, Some((CloseCode::Again, "the room is full".into())));
}

#[tokio::test]
async fn dropping_the_backends_ends_their_sockets() {
    let backends = start().await;
    let mut client = connect(&backends, "/room").await;
    hear(&mut client, "init").await;
    let address = backends.address();
    drop(backends);
    while let Some(Ok(_)) = client.next().await {}
    assert!(TcpStream::connect(address).await.is_err());
}

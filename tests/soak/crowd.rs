//! Clients: well-behaved ones whose answers are timed and compared, and all the others.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::house::client::Client;
use crate::house::frames::{self, CLOSE, TEXT};
use crate::house::{HOST, certificates};

/// What all clients of a run share.
#[derive(Default)]
pub struct Tally {
    /// Sockets that were given a 101.
    pub sockets: AtomicUsize,
    pub messages: AtomicUsize,
    /// Answers that were not what was sent.
    pub wrong: AtomicUsize,
    /// Microseconds from message to answer.
    pub times: Mutex<Vec<u64>>,
    pub stop: AtomicBool,
}

impl Tally {
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The time that 99 in 100 answers took at most, and forgets them all.
    pub fn p99(&self) -> Duration {
        let mut times = std::mem::take(&mut *self.times.lock().unwrap());
        times.sort_unstable();
        let at = times.len().saturating_sub(1) * 99 / 100;
        Duration::from_micros(times.get(at).copied().unwrap_or(0))
    }
}

/// A WebSocket on `path`; `None` when anything is in the way.
pub async fn socket(address: SocketAddr, path: &str, tally: &Tally) -> Option<Client> {
    let mut client = Client::tls(address, HOST).await.ok()?;
    let fields = crate::house::client::upgrade_fields();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n");
    client.try_send(request).await.ok()?;
    if !client.head().await.starts_with("HTTP/1.1 101 ") {
        return None;
    }
    tally.sockets.fetch_add(1, Ordering::Relaxed);
    // The echo says hello first.
    if path == "/echo" {
        client.frame().await?;
    }
    Some(client)
}

/// Sends a message and waits for it to come back; `false` when the socket has ended.
pub async fn echo(client: &mut Client, number: usize, tally: &Tally) -> bool {
    let text = format!("message {number} {}", "x".repeat(number % 700));
    let begun = Instant::now();
    if client.try_send(frames::masked(TEXT, &text)).await.is_err() {
        return false;
    }
    match client.frame().await {
        Some(frame) if frame.opcode == TEXT => {
            let wrong = usize::from(frame.payload != text.as_bytes());
            tally.wrong.fetch_add(wrong, Ordering::Relaxed);
            tally.messages.fetch_add(1, Ordering::Relaxed);
            let time = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            tally.times.lock().unwrap().push(time);
            true
        }
        _ => false,
    }
}

/// A client that stays, says something every `pause`, and comes back when it was cut off.
pub async fn regular(address: SocketAddr, pause: Duration, tally: Arc<Tally>) {
    while !tally.stopped() {
        let Some(mut client) = socket(address, "/echo", &tally).await else {
            tokio::time::sleep(pause).await;
            continue;
        };
        let mut number = 0;
        while !tally.stopped() && echo(&mut client, number, &tally).await {
            number += 1;
            tokio::time::sleep(pause).await;
        }
        let _ = client.try_send(frames::masked(CLOSE, frames::close_payload(1000, ""))).await;
    }
}

/// Clients that come and go: by a Close, without a word, and in the middle of a frame.
pub async fn churn(address: SocketAddr, tally: Arc<Tally>) {
    let mut round = 0;
    while !tally.stopped() {
        round += 1;
        let Some(mut client) = socket(address, "/echo", &tally).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        echo(&mut client, round, &tally).await;
        match round % 3 {
            0 => {
                let close = frames::masked(CLOSE, frames::close_payload(1000, "bye"));
                let _ = client.try_send(close).await;
                client.rest().await;
            }
            1 => drop(client),
            _ => {
                let _ = client.try_send([0x81, 0xfe, 0x10, 0x00, 1, 2, 3, 4, 5]).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Opens a socket to a backend that floods, and reads nothing of it for `nap`.
pub async fn sleeper(address: SocketAddr, nap: Duration, tally: Arc<Tally>) {
    if let Some(client) = socket(address, "/flood", &tally).await {
        tokio::time::sleep(nap).await;
        drop(client);
    }
}

/// Requests one after another on kept connections.
pub async fn asker(address: SocketAddr, tally: Arc<Tally>) {
    while !tally.stopped() {
        let Ok(mut client) = Client::tls(address, HOST).await else { continue };
        for _ in 0..20 {
            let request = format!("GET /plain HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
            if client.try_send(request).await.is_err() {
                break;
            }
            let head = client.head().await;
            if !head.starts_with("HTTP/1.1 200 ") {
                break;
            }
            client.body(&head).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A head that comes a byte a second, until the gateway has had enough. Another may have its `turn` once
/// TLS is through.
pub async fn slowloris(address: SocketAddr, turn: impl Send) {
    let Ok(mut client) = Client::tls(address, HOST).await else { return };
    drop(turn);
    for byte in format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{}", "X: y\r\n".repeat(100)).bytes() {
        if client.try_send([byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Half a ClientHello and then nothing, until the gateway has had enough.
pub async fn stalled_handshake(address: SocketAddr) {
    let Ok(mut stream) = TcpStream::connect(address).await else { return };
    let _ = stream.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc]).await;
    let mut rest = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
}

/// A socket that is reset in the middle of a frame.
pub async fn reset(address: SocketAddr, tally: &Tally) {
    let config = certificates::client_config(rustls::ALL_VERSIONS);
    let Ok(stream) = crate::house::client::shake(address, HOST, config).await else { return };
    // Zero: what was sent is not waited for, the peer gets an RST.
    let _ = stream.get_ref().0.set_zero_linger();
    let mut client = Client::on(stream);
    let fields = crate::house::client::upgrade_fields();
    let request = format!("GET /echo HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n");
    if client.try_send(request).await.is_err() {
        return;
    }
    if client.head().await.starts_with("HTTP/1.1 101 ") {
        tally.sockets.fetch_add(1, Ordering::Relaxed);
        let _ = client.try_send([0x82, 0xfe, 0x20, 0x00, 1, 2, 3, 4, 5, 6, 7]).await;
    }
}

//! One case, tried with one gateway: what is sent, what comes back, what reached the backend, and the
//! verdict. Knows a gateway by its address alone.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::corpus::{Case, Verdict, bytes};
use crate::recorder::{Reached, Recorder, contains};
use crate::{HOST, trusting};

/// When nothing more comes for this long, that was all.
const QUIET: Duration = Duration::from_millis(150);

/// How long the first byte of an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of a case.
pub struct Outcome {
    pub verdict: Verdict,
    /// The final statuses that the client was told, in order.
    pub statuses: Vec<u16>,
    /// The code of the Close frame that the client was sent.
    pub close: Option<u16>,
    /// What the client received.
    pub received: Vec<u8>,
    pub reached: Reached,
}

impl Outcome {
    /// What of the case does not hold, in words; empty when all does.
    pub fn complaints(&self, case: &Case) -> Vec<String> {
        let mut complaints = Vec::new();
        if !case.allow.contains(&self.verdict) {
            complaints.push(format!("{:?} is not in {:?}", self.verdict, case.allow));
        }
        for needle in case.never.iter().filter(|it| self.reached.has(&bytes(it))) {
            complaints.push(format!("{needle:?} reached the backend"));
        }
        for needle in case.never_back.iter().filter(|it| contains(&self.received, &bytes(it))) {
            complaints.push(format!("{needle:?} reached the client"));
        }
        if case.requests.is_some_and(|most| self.reached.requests > most) {
            complaints.push(format!("{} requests reached the backend", self.reached.requests));
        }
        complaints
    }

    /// As [`Outcome::complaints`], with what wsgate says in particular.
    pub fn complaints_of_wsgate(&self, case: &Case) -> Vec<String> {
        let mut complaints = self.complaints(case);
        let first = self.statuses.first();
        if !case.status.is_empty() && !first.is_some_and(|it| case.status.contains(it)) {
            complaints.push(format!("status {first:?} is not in {:?}", case.status));
        }
        if case.close.is_some() && case.close != self.close {
            complaints.push(format!("close code {:?}", self.close));
        }
        complaints
    }
}

/// Tries `case` with the gateway at `address`, behind which `recorder` stands.
pub async fn run(case: &Case, address: SocketAddr, recorder: &Recorder) -> Outcome {
    let answer = case.answer.as_ref().map(|it| it.iter().map(|it| bytes(it)).collect());
    // Whatever opens the socket is answered well: the case is about what follows.
    recorder.begin(answer);
    let Some(mut stream) = connect(address, case.sni.as_deref().unwrap_or(HOST)).await else {
        return outcome(case, Vec::new(), true, recorder.reached());
    };
    let mut received = Vec::new();
    if case.socket {
        let opening = bytes("GET /applet/socket HTTP/1.1\\r\\n{UPGRADE}\\r\\n");
        let _ = stream.write_all(&opening).await;
        while !contains(&received, b"\r\n\r\n") && read(&mut stream, &mut received, PATIENCE).await
        {
        }
        assert!(received.starts_with(b"HTTP/1.1 101 "), "{}: no socket", case.name);
    }
    for piece in pieces(case) {
        // A gateway may hang up in the middle: what it said is read all the same.
        if stream.write_all(&piece).await.is_err() || stream.flush().await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let ended = listen(&mut stream, &mut received, case).await;
    // The end of the client brings out what a backend was still waiting for.
    let reached = recorder.reached();
    outcome(case, received, ended, reached)
}

/// Reads until nothing more comes; whether the stream ended.
async fn listen(stream: &mut TlsStream<TcpStream>, received: &mut Vec<u8>, case: &Case) -> bool {
    let before = received.len();
    // Open sockets say nothing when all is well; a gateway may give the backend a second to answer
    // what was sound before it closes one.
    let is_closing = case.allow.contains(&Verdict::Closed);
    let first = if is_closing {
        QUIET * 10
    } else if case.socket {
        QUIET * 2
    } else {
        PATIENCE
    };
    let next = if is_closing { first } else { QUIET };
    loop {
        let patience = if received.len() == before { first } else { next };
        let count = received.len();
        match timeout(patience, read(stream, received, PATIENCE)).await {
            Err(_) => return false,
            Ok(true) => assert!(received.len() > count),
            Ok(false) => return true,
        }
    }
}

async fn read(stream: &mut TlsStream<TcpStream>, into: &mut Vec<u8>, patience: Duration) -> bool {
    let mut buf = [0; 16 * 1024];
    match timeout(patience, stream.read(&mut buf)).await {
        Ok(Ok(count @ 1..)) => {
            into.extend_from_slice(&buf[..count]);
            true
        }
        _ => false,
    }
}

/// A TLS connection; `None` when it is refused. No name is sent when `name` is empty.
async fn connect(address: SocketAddr, name: &str) -> Option<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(address).await.ok()?;
    tcp.set_nodelay(true).ok()?;
    let mut config = trusting::config();
    config.enable_sni = !name.is_empty();
    let name = if name.is_empty() { HOST } else { name };
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    timeout(PATIENCE, TlsConnector::from(Arc::new(config)).connect(name, tcp)).await.ok()?.ok()
}

fn pieces(case: &Case) -> Vec<Vec<u8>> {
    if let Some(path) = &case.path {
        let request = format!("GET {path} HTTP/1.1\\r\\nHost: {{HOST}}\\r\\n\\r\\n");
        return vec![bytes(&request)];
    }
    if let Some(origins) = &case.origins {
        let mut lines: Vec<_> = origins.iter().map(|it| format!("Origin: {it}")).collect();
        lines.extend(case.referer.iter().map(|it| format!("Referer: {it}")));
        return vec![handshake("/origins/socket", &lines)];
    }
    if let Some(lines) = &case.handshake {
        return vec![handshake("/applet/socket", lines)];
    }
    case.send.iter().map(|it| bytes(it)).collect()
}

/// A sound handshake, but for `lines`.
fn handshake(path: &str, lines: &[String]) -> Vec<u8> {
    let name_of = |line: &str| line.split(':').next().unwrap_or_default().to_lowercase();
    let replaced: BTreeSet<String> = lines.iter().map(|it| name_of(it)).collect();
    let mut head = format!("GET {path} HTTP/1.1\\r\\n");
    let sound = [
        "Host: {HOST}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: {KEY}",
    ];
    let kept = sound.iter().copied().filter(|it| !replaced.contains(&name_of(it)));
    let own = lines.iter().map(String::as_str).filter(|it| it.contains(':'));
    for line in kept.chain(own) {
        head += line;
        head += "\\r\\n";
    }
    bytes(&(head + "\\r\\n"))
}

fn outcome(case: &Case, received: Vec<u8>, ended: bool, reached: Reached) -> Outcome {
    let statuses = statuses(&received);
    let close = tunnel_bytes(&received).and_then(close_code);
    let verdict = match statuses.first().copied() {
        Some(101) if ended || close.is_some() => Verdict::Closed,
        Some(101) => Verdict::Tunnel,
        None if !ended => Verdict::Silent,
        None if reached.anything() => Verdict::Failed,
        None => Verdict::Refused,
        Some(300..) if !reached.anything() => Verdict::Refused,
        Some(400..) if !is_backends(case, &received) => Verdict::Failed,
        Some(_) if is_cut(&received) => Verdict::Cut,
        Some(_) => Verdict::Served,
    };
    Outcome { verdict, statuses, close, received, reached }
}

/// Whether the answer is the one that the case lets the backend give.
fn is_backends(case: &Case, received: &[u8]) -> bool {
    let own =
        case.answer.as_ref().and_then(|it| it.first()).map(|it| bytes(it)).unwrap_or_default();
    own.get(9..12).is_some_and(|it| received.get(9..12) == Some(it))
}

/// The statuses of the answers, but for interim ones.
fn statuses(received: &[u8]) -> Vec<u16> {
    let heads = received.windows(12).filter(|it| it.starts_with(b"HTTP/1.") && it[8] == b' ');
    let codes = heads.filter_map(|it| std::str::from_utf8(&it[9..12]).ok()?.parse().ok());
    codes.filter(|it| *it == 101 || *it >= 200).collect()
}

/// Whether the body of the first answer is shorter than announced.
fn is_cut(received: &[u8]) -> bool {
    let Some(end) = received.windows(4).position(|it| it == b"\r\n\r\n") else { return true };
    let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
    let body = &received[end + 4..];
    let value = |name: &str| head.lines().find_map(|it| it.strip_prefix(name)).map(str::trim);
    if value("transfer-encoding:").is_some() {
        return !body.ends_with(b"0\r\n\r\n");
    }
    value("content-length:").and_then(|it| it.parse().ok()).is_some_and(|it: usize| body.len() < it)
}

/// What came behind a 101.
fn tunnel_bytes(received: &[u8]) -> Option<&[u8]> {
    let end = received.windows(4).position(|it| it == b"\r\n\r\n")?;
    received.starts_with(b"HTTP/1.1 101").then(|| &received[end + 4..])
}

/// The code of the first Close frame.
fn close_code(mut frames: &[u8]) -> Option<u16> {
    while let [first, length, rest @ ..] = frames {
        let (length, skipped) = match length & 0x7f {
            126 => (usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?)), 2),
            127 => return None,
            short => (usize::from(short), 0),
        };
        let payload = rest.get(skipped..skipped + length)?;
        if first & 0x0f == 8 {
            return Some(payload.first_chunk().map_or(1005, |it| u16::from_be_bytes(*it)));
        }
        frames = &rest[skipped + length..];
    }
    None
}

//! A backend that writes down what reaches it, and is as trusting as backends are: it switches
//! protocols for whoever asks, and reads requests as leniently as it can.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

#[derive(Default)]
struct Book {
    /// What came on each connection.
    streams: Vec<Vec<u8>>,
    requests: usize,
    /// The answer to everything, when a case has one of its own.
    answer: Option<Vec<Vec<u8>>>,
}

pub struct Recorder {
    pub address: SocketAddr,
    book: Arc<Mutex<Book>>,
    task: JoinHandle<()>,
}

/// What reached the backend during a case.
pub struct Reached {
    pub streams: Vec<Vec<u8>>,
    pub requests: usize,
}

impl Reached {
    pub fn anything(&self) -> bool {
        self.streams.iter().any(|it| !it.is_empty())
    }

    pub fn has(&self, needle: &[u8]) -> bool {
        self.streams.iter().any(|it| contains(it, needle))
    }
}

/// Whether `needle` stands somewhere in `stream`.
pub fn contains(stream: &[u8], needle: &[u8]) -> bool {
    stream.windows(needle.len().max(1)).any(|it| it == needle)
}

impl Recorder {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let book = Arc::new(Mutex::new(Book::default()));
        let shared = Arc::clone(&book);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, book, task }
    }

    /// Begins a case.
    pub fn begin(&self, answer: Option<Vec<Vec<u8>>>) {
        *self.book.lock().unwrap() = Book { answer, ..Book::default() };
    }

    /// What has reached the backend so far.
    pub fn reached(&self) -> Reached {
        let book = self.book.lock().unwrap();
        Reached { streams: book.streams.clone(), requests: book.requests }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, book: Arc<Mutex<Book>>) {
    let mut place = None;
    let mut unread = Vec::new();
    let mut buf = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buf).await {
        {
            let mut book = book.lock().unwrap();
            let len = book.streams.len();
            // A connection kept from an earlier case begins anew in this one.
            let at = *place.get_or_insert(len);
            let at = if at < len { at } else { len };
            place = Some(at);
            if at == len {
                book.streams.push(Vec::new());
            }
            book.streams[at].extend_from_slice(&buf[..count]);
        }
        unread.extend_from_slice(&buf[..count]);
        while let Some((head, used)) = request(&unread) {
            unread.drain(..used);
            let answer = {
                let mut book = book.lock().unwrap();
                book.requests += 1;
                book.answer.clone()
            };
            let own = answer.is_some();
            let switches = head.to_lowercase().contains("\nupgrade:");
            for piece in answer.unwrap_or_else(|| vec![ordinary(&head, switches)]) {
                if stream.write_all(&piece).await.is_err() {
                    return;
                }
            }
            if own && !switches {
                // What it says has no end but that of the stream.
                let _ = stream.shutdown().await;
            }
            if switches {
                unread.clear();
                while let Ok(count @ 1..) = stream.read(&mut buf).await {
                    let mut book = book.lock().unwrap();
                    if let Some(seen) = place.and_then(|it| book.streams.get_mut(it)) {
                        seen.extend_from_slice(&buf[..count]);
                    }
                    // A Close, as a gateway writes it: by itself.
                    if buf[0] == 0x88 {
                        return;
                    }
                }
                return;
            }
        }
    }
}

/// The first request in `bytes`: its head, and how long it is with its body.
fn request(bytes: &[u8]) -> Option<(String, usize)> {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n").map(|it| it + 4);
    let end = end.or_else(|| bytes.windows(2).position(|it| it == b"\n\n").map(|it| it + 2))?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    if field(&head, "transfer-encoding").is_some() {
        let close = b"0\r\n\r\n";
        let body = bytes[end..].windows(close.len()).position(|it| it == close)?;
        return Some((head, end + body + close.len()));
    }
    let length = field(&head, "content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
    (bytes.len() >= end + length).then_some((head, end + length))
}

fn ordinary(head: &str, switches: bool) -> Vec<u8> {
    if !switches {
        return b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nSERVED".to_vec();
    }
    let key = field(head, "sec-websocket-key").unwrap_or_default();
    let token = field(head, "upgrade").unwrap_or_default();
    let accept = derive_accept_key(key.as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: {token}\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes()
}

/// The first field of this name, spaces around it or not.
fn field(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|it| it.split_once(':'));
    lines.find(|(it, _)| it.trim().eq_ignore_ascii_case(name)).map(|(_, it)| it.trim().to_owned())
}

//! Backends that do what the test wants with each connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::client::{ACCEPT, Client};
use super::frames;
use super::frames::{CLOSE, PING, PONG};

pub struct Backend {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Backend {
    /// A backend that runs `each` for every connection.
    pub async fn new<F>(each: impl Fn(Client) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::at("127.0.0.1:0".parse().expect("an address"), each).await
    }

    /// The same at an address that is known before.
    pub async fn at<F>(
        address: SocketAddr,
        each: impl Fn(Client) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.expect("the address is free");
        let address = listener.local_addr().expect("an address");
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(each(Client::on(stream)));
            }
        });
        Self { address, accepted, task }
    }

    /// A backend that answers every request with `answer` and hangs up.
    pub async fn answering(answer: impl Into<String>) -> Self {
        let answer = Arc::new(answer.into());
        Self::new(move |mut client| {
            let answer = Arc::clone(&answer);
            async move {
                client.head().await;
                let _ = client.try_send(answer.as_str()).await;
            }
        })
        .await
    }

    /// A WebSocket backend that runs `each` behind its 101.
    pub async fn sockets<F>(each: impl Fn(Client) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let each = Arc::new(each);
        Self::new(move |mut client| {
            let each = Arc::clone(&each);
            async move {
                client.head().await;
                client.send(switching("")).await;
                each(client).await;
            }
        })
        .await
    }

    /// A WebSocket backend that sends everything back, answers pings and closes.
    pub async fn echo() -> Self {
        Self::sockets(echo).await
    }

    /// One of several alike: it says `name` to every plain request and behind every 101, and keeps
    /// sockets open until their end.
    pub async fn named(name: &'static str) -> Self {
        Self::new(move |client| say(client, name)).await
    }

    /// An address where nobody listens.
    pub async fn nobody() -> Self {
        let backend = Self::new(|_| async {}).await;
        backend.task.abort();
        let address = backend.address;
        super::until(|| std::net::TcpStream::connect(address).is_err()).await;
        backend.accepted.store(0, Ordering::SeqCst);
        backend
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The head of a sound 101 to the tests' one key.
pub fn switching(fields: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\n{fields}\r\n"
    )
}

/// What a [`Backend::named`] does with a connection.
pub async fn say(mut client: Client, name: &'static str) {
    loop {
        let head = client.head().await;
        if head.is_empty() {
            return;
        }
        if head.to_lowercase().contains("upgrade: websocket") {
            client.send(switching("")).await;
            client.send(frames::bare(frames::TEXT, name)).await;
            return echo(client).await;
        }
        let length = name.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{name}");
        if client.try_send(answer).await.is_err() {
            return;
        }
    }
}

async fn echo(mut client: Client) {
    while let Some(frame) = client.frame().await {
        let answer = match frame.opcode {
            PONG => continue,
            PING => frames::bare(PONG, &frame.payload),
            opcode => frames::raw(frame.bits | opcode, &frame.payload, None),
        };
        if client.try_send(answer).await.is_err() || frame.opcode == CLOSE {
            return;
        }
    }
}

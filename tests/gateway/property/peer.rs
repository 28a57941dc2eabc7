//! One side of a case: it writes and reads at the same time, in pieces and with pauses, answers the
//! gateway's own pings, and sees to an orderly end.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::case::{MARK, Pause, Script};
use crate::house::client::Client;
use crate::house::frames::{CLOSE, Frame, PING, PONG, close_payload, parse, raw};
use crate::house::soon;

/// Which side it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Masks, and ends the socket when it has everything.
    Client,
    /// Does not mask, and answers the end.
    Server,
}

/// What the reader has for the writer.
enum Word {
    /// A pong to the gateway.
    Pong(Vec<u8>),
    /// It is time to send a Close.
    Close,
}

/// Bytes that the kernel takes for a peer that does not read; it makes some more of it.
const KERNEL: u32 = 32 * 1024;

/// Writes of drawn sizes of one side; what is left then goes at once.
const WRITES: usize = 300;

/// Sleeps of one side when it writes, and as many when it reads: a case is to take less than a second.
const SLEEPS: usize = 10;

/// A socket that makes the gateway's writes partial ones.
pub fn stingy() -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(KERNEL).expect("a size");
    socket
}

/// Connects from such a socket.
pub async fn connect(address: SocketAddr) -> TcpStream {
    let stream = soon(stingy().connect(address)).await.expect("a connection");
    stream.set_nodelay(true).expect("set");
    stream
}

/// Sends `head` and plays `script`; returns the frames of the other side, of which `other` tells
/// how many there will be.
pub async fn play(
    peer: Client,
    role: Role,
    head: String,
    script: &Script,
    other: &Script,
) -> Vec<Frame> {
    let (stream, early) = peer.into_parts();
    let (from, to) = split(stream);
    let (tell, told) = unbounded_channel();
    let reader = Reader { from, early, role, tell, pauses: Pauses::of(&script.reads) };
    let writer = Writer { to, role, told, queue: VecDeque::new(), masks: 0 };
    let (received, ()) = tokio::join!(reader.run(other.frames().len()), writer.run(head, script));
    received
}

struct Writer<W> {
    to: W,
    role: Role,
    told: UnboundedReceiver<Word>,
    queue: VecDeque<u8>,
    masks: u32,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    async fn run(mut self, head: String, script: &Script) {
        let mut chunks = script.chunks.iter().copied().cycle().take(WRITES);
        let mut pauses = Pauses::of(&script.pauses);
        let mut chunk = head.len() + script.early;
        self.queue.extend(head.into_bytes());
        let mut closing = false;
        for frame in script.frames() {
            self.put(&frame);
            closing |= self.listen();
            while self.queue.len() >= chunk {
                self.write(chunk).await;
                pauses.rest().await;
                chunk = chunks.next().unwrap_or(usize::MAX);
            }
        }
        self.write(self.queue.len()).await;
        while !closing {
            match soon(self.told.recv()).await.expect("the reader tells of the end") {
                Word::Close => closing = true,
                Word::Pong(payload) => self.pong(payload),
            }
            self.write(self.queue.len()).await;
        }
        let close =
            Frame { bits: 0x80, opcode: CLOSE, masked: false, payload: close_payload(1000, "") };
        self.put(&close);
        self.write(self.queue.len()).await;
    }

    /// Between two frames: answers what waits. Whether it is time for a Close.
    fn listen(&mut self) -> bool {
        let mut closing = false;
        while let Ok(word) = self.told.try_recv() {
            match word {
                Word::Pong(payload) => self.pong(payload),
                Word::Close => closing = true,
            }
        }
        closing
    }

    fn pong(&mut self, payload: Vec<u8>) {
        self.put(&Frame { bits: 0x80, opcode: PONG, masked: false, payload });
    }

    fn put(&mut self, frame: &Frame) {
        self.masks = self.masks.wrapping_mul(0x9e37_79b1).wrapping_add(1);
        let mask = (self.role == Role::Client).then(|| self.masks.to_be_bytes());
        self.queue.extend(frame.bytes(mask));
    }

    async fn write(&mut self, count: usize) {
        let chunk: Vec<u8> = self.queue.drain(..count).collect();
        let written = async {
            self.to.write_all(&chunk).await?;
            self.to.flush().await
        };
        soon(written).await.expect("the gateway reads");
    }
}

struct Reader<'a, R> {
    from: R,
    early: Vec<u8>,
    role: Role,
    tell: UnboundedSender<Word>,
    pauses: Pauses<'a>,
}

impl<R: AsyncRead + Unpin> Reader<'_, R> {
    /// Reads until the Close, and returns the `due` frames before it, or how many there are.
    async fn run(mut self, due: usize) -> Vec<Frame> {
        if self.role == Role::Client {
            self.head().await;
        }
        let mut frames = Vec::new();
        let mut asked = false;
        loop {
            if frames.len() >= due && self.role == Role::Client && !asked {
                asked = true;
                self.say(Word::Close);
            }
            let Some(frame) = self.frame().await else { return frames };
            match frame.opcode {
                PING if !frame.payload.starts_with(MARK) => self.say(Word::Pong(frame.payload)),
                CLOSE => {
                    assert_eq!(frame.close(), (1000, String::new()));
                    if self.role == Role::Server || !asked {
                        self.say(Word::Close);
                    }
                    return frames;
                }
                _ => frames.push(frame),
            }
        }
    }

    fn say(&self, word: Word) {
        // The writer is gone when it has sent its Close: nothing is owed any more.
        let _ = self.tell.send(word);
    }

    /// The head of the gateway's answer.
    async fn head(&mut self) {
        let end = loop {
            if let Some(at) = self.early.windows(4).position(|it| it == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.fill().await, "no answer to the handshake");
        };
        let head: Vec<u8> = self.early.drain(..end).collect();
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    }

    async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, used)) = parse(&self.early) {
                let bytes: Vec<u8> = self.early.drain(..used).collect();
                assert_eq!(frame.masked, self.role == Role::Server, "whose frames are masked");
                // The shortest form of its length, as it was sent.
                assert_eq!(
                    bytes.len(),
                    raw(0, &frame.payload, frame.masked.then_some([0; 4])).len()
                );
                return Some(frame);
            }
            self.pauses.rest().await;
            if !self.fill().await {
                return None;
            }
        }
    }

    async fn fill(&mut self) -> bool {
        let mut buf = [0; 8 * 1024];
        let read = soon(self.from.read(&mut buf)).await.unwrap_or(0);
        self.early.extend_from_slice(&buf[..read]);
        read > 0
    }
}

/// What a script has between two steps, over and over.
struct Pauses<'a> {
    drawn: &'a [Pause],
    next: usize,
    slept: usize,
}

impl<'a> Pauses<'a> {
    fn of(drawn: &'a [Pause]) -> Self {
        Self { drawn, next: 0, slept: 0 }
    }

    async fn rest(&mut self) {
        let pause = self.drawn[self.next % self.drawn.len()];
        self.next += 1;
        match pause {
            Pause::Millis(count) if self.slept < SLEEPS => {
                self.slept += 1;
                tokio::time::sleep(Duration::from_millis(count)).await;
            }
            Pause::None => {}
            Pause::Yield | Pause::Millis(_) => tokio::task::yield_now().await,
        }
    }
}

//! The server behind every proxy: plain TCP, one thread. The path says what it does: `/echo`,
//! `/sink`, `/source` (as fast as it is taken), `/room` (a broadcast 60 times a second) or `/crowd`
//! (a broadcast when asked for).

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::frames::{self, Frames, Piece};

/// Bytes of one message of `/source`, as of one that a client sends to `/sink`.
pub const BULK: u64 = 1 << 20;

/// Bytes of a message to a room or a crowd.
pub const ROOM: u64 = 125;

const ROOM_EVERY: Duration = Duration::from_nanos(1_000_000_000 / 60);
const CHUNK: usize = 256 * 1024;
/// Reads, or messages of a source, before it is another peer's turn: a fast other side would keep a loop busy for ever.
const TURN: usize = 4;
const LISTENER: Token = Token(usize::MAX);

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Asked,
    Echo,
    Sink,
    Source,
    Room,
    Crowd,
}

/// What others see and ask of the backend.
#[derive(Default)]
pub struct Desk {
    /// Bytes of payload that sinks and crowds have taken.
    pub sunk: AtomicU64,
    /// Broadcasts to the crowd asked for.
    pub calls: AtomicU64,
}

struct Peer {
    socket: TcpStream,
    mode: Mode,
    head: Vec<u8>,
    frames: Frames,
    out: Vec<u8>,
    at: usize,
    /// The frame under way is given back.
    speaking: bool,
    closing: bool,
    /// Its turn ended before its work: it waits for the next.
    waits: bool,
}

/// Starts it; where it listens, and its desk.
pub fn start() -> io::Result<(SocketAddr, Arc<Desk>)> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = listener.local_addr()?;
    let desk = Arc::new(Desk::default());
    let shared = Arc::clone(&desk);
    std::thread::spawn(move || {
        if let Err(error) = serve(listener, &shared) {
            eprintln!("the backend failed: {error}");
        }
    });
    Ok((address, desk))
}

fn serve(mut listener: TcpListener, desk: &Desk) -> io::Result<()> {
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let (mut peers, mut free) = (Vec::<Option<Peer>>::new(), Vec::new());
    let (mut called, mut waiting) = (0, Vec::new());
    let mut scratch = vec![0; CHUNK];
    let mut next = Instant::now();
    loop {
        let wait = next.saturating_duration_since(Instant::now());
        let wait = if waiting.is_empty() { wait } else { Duration::ZERO };
        match poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        }
        // Behind the events: what goes on here has no other to wait for.
        let turns = std::mem::take(&mut waiting);
        let called_up = events.iter().map(|it| (it.token().0, false));
        for (at, turn) in called_up.chain(turns.into_iter().map(|it| (it, true))) {
            if at == LISTENER.0 {
                accept(&listener, &poll, &mut peers, &mut free)?;
            } else if let Some(slot) = peers.get_mut(at)
                && let Some(peer) = slot
            {
                peer.waits &= !turn;
                match peer.ready(&mut scratch, &desk.sunk) {
                    Ok(true) if !peer.waits => {
                        peer.waits = true;
                        waiting.push(at);
                    }
                    Ok(_) => {}
                    Err(_) => {
                        *slot = None;
                        free.push(at);
                    }
                }
            }
        }
        let calls = desk.calls.load(Relaxed);
        if calls > called {
            called = calls;
            broadcast(&mut peers, &mut free, Mode::Crowd);
        }
        if Instant::now() >= next {
            next = Instant::now().max(next + ROOM_EVERY);
            broadcast(&mut peers, &mut free, Mode::Room);
        }
    }
}

fn broadcast(peers: &mut [Option<Peer>], free: &mut Vec<usize>, to: Mode) {
    for (at, slot) in peers.iter_mut().enumerate() {
        let Some(peer) = slot.as_mut().filter(|it| it.mode == to) else { continue };
        frames::head(0x82, ROOM, false, &mut peer.out);
        peer.out.resize(peer.out.len() + ROOM as usize, 7);
        if peer.flush().is_err() {
            *slot = None;
            free.push(at);
        }
    }
}

fn accept(
    listener: &TcpListener,
    poll: &Poll,
    peers: &mut Vec<Option<Peer>>,
    free: &mut Vec<usize>,
) -> io::Result<()> {
    loop {
        let mut socket = match listener.accept() {
            Ok((socket, _)) => socket,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        socket.set_nodelay(true)?;
        let at = free.pop().unwrap_or_else(|| {
            peers.push(None);
            peers.len() - 1
        });
        poll.registry().register(
            &mut socket,
            Token(at),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        peers[at] = Some(Peer {
            socket,
            mode: Mode::Asked,
            head: Vec::new(),
            frames: Frames::default(),
            out: Vec::new(),
            at: 0,
            speaking: false,
            closing: false,
            waits: false,
        });
    }
}

impl Peer {
    /// Writes and reads; whether there is more to do when others have had their turn.
    fn ready(&mut self, scratch: &mut [u8], sunk: &AtomicU64) -> io::Result<bool> {
        let mut more = self.flush()?;
        for _ in 0..TURN {
            // What is not taken back is not read either.
            if self.out.len() - self.at > CHUNK && self.mode == Mode::Echo {
                return Ok(more);
            }
            match self.socket.read(scratch) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(some) => {
                    self.take(&scratch[..some], sunk);
                    more |= self.flush()?;
                    if some < scratch.len() {
                        return Ok(more);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(more),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn take(&mut self, bytes: &[u8], sunk: &AtomicU64) {
        if self.mode != Mode::Asked {
            return self.frames_of(bytes, sunk);
        }
        self.head.extend_from_slice(bytes);
        let Some(end) = self.head.windows(4).position(|it| it == b"\r\n\r\n") else { return };
        let head = std::mem::take(&mut self.head);
        let text = String::from_utf8_lossy(&head[..end]).into_owned();
        self.mode = match text.split(' ').nth(1) {
            Some("/sink") => Mode::Sink,
            Some("/source") => Mode::Source,
            Some("/room") => Mode::Room,
            Some("/crowd") => Mode::Crowd,
            _ => Mode::Echo,
        };
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
        };
        let key = text.lines().find_map(field).unwrap_or_default();
        let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
        self.out.extend_from_slice(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                 Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            )
            .as_bytes(),
        );
        self.frames_of(&head[end + 4..], sunk);
    }

    fn frames_of(&mut self, bytes: &[u8], sunk: &AtomicU64) {
        let (out, echo) = (&mut self.out, self.mode == Mode::Echo);
        let (speaking, closing) = (&mut self.speaking, &mut self.closing);
        self.frames.feed(bytes, |piece| match piece {
            Piece::Head(first, length) => {
                *closing |= first == 0x88;
                // Pongs are not.
                *speaking = first == 0x88 || echo && first & 0x0f < 8;
                if *speaking {
                    frames::head(first, length, false, out);
                }
            }
            Piece::Payload(some) if *speaking => out.extend_from_slice(some),
            Piece::Payload(some) => {
                sunk.fetch_add(some.len() as u64, Relaxed);
            }
            Piece::End(_) => {}
        });
    }

    fn flush(&mut self) -> io::Result<bool> {
        let mut messages = 0;
        loop {
            if self.at == self.out.len() {
                self.out.clear();
                self.at = 0;
                self.out.shrink_to(CHUNK);
                if self.closing {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                if self.mode != Mode::Source || messages == TURN {
                    return Ok(self.mode == Mode::Source);
                }
                messages += 1;
                frames::head(0x82, BULK, false, &mut self.out);
                self.out.resize(self.out.len() + BULK as usize, 7);
            }
            match self.socket.write(&self.out[self.at..]) {
                Ok(some) => self.at += some,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
}

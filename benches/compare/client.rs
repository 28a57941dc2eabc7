//! The load: any number of wss sockets in one thread, raw. One read takes all that is there, and
//! everything that is to be said goes out in one write. What is said is a script's to decide.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind};

use super::frames::{self, Frames, Piece};

const SCRATCH: usize = 256 * 1024;

/// Reads, or pieces written, before it is another socket's turn and the clock's: where the other side
/// keeps up, one socket would go on for ever.
const TURN: usize = 4;

/// Between two ticks of a script, at most and where nothing comes.
const TICK: Duration = Duration::from_millis(1);

/// What the sockets of a fleet do.
pub trait Script {
    /// The 101 has come.
    fn opened(&mut self, _socket: &mut Socket) {}
    /// A whole message has come.
    fn message(&mut self, _socket: &mut Socket) {}
    /// Everything said has been taken.
    fn drained(&mut self, _socket: &mut Socket) {}
    /// It was closed as agreed. Whether another is opened in its place.
    fn closed(&mut self) -> bool {
        false
    }
    /// About once a millisecond.
    fn tick(&mut self, _sockets: &mut [Option<Socket>]) {}
}

/// One wss connection.
pub struct Socket {
    tcp: TcpStream,
    tls: ClientConnection,
    out: Vec<u8>,
    at: usize,
    head: Vec<u8>,
    frames: Frames,
    open: bool,
    closing: bool,
    /// Its turn ended before its work: it waits for the next.
    waits: bool,
    /// Whether the session was resumed.
    pub resumed: bool,
    /// Payload received.
    pub received: u64,
    /// Of the message that is being sent in pieces.
    pub left: u64,
    /// When what has not been answered was due.
    pub due: VecDeque<Instant>,
}

/// Sockets to one proxy.
pub struct Fleet {
    poll: Poll,
    target: SocketAddr,
    path: &'static str,
    config: Arc<ClientConfig>,
    sockets: Vec<Option<Socket>>,
    open: usize,
    /// Those whose turn is not over.
    waiting: Vec<usize>,
    /// So many leave from one address of 127.0.0.0/8 before the next is used; 0: the kernel chooses.
    pub per_source: usize,
    scratch: Vec<u8>,
}

impl Fleet {
    pub fn new(target: SocketAddr, path: &'static str, config: &Arc<ClientConfig>) -> Self {
        Self {
            poll: Poll::new().expect("epoll"),
            target,
            path,
            config: Arc::clone(config),
            sockets: Vec::new(),
            open: 0,
            waiting: Vec::new(),
            per_source: 0,
            scratch: vec![0; SCRATCH],
        }
    }

    /// Begins to open `count` more.
    pub fn connect(&mut self, count: usize) -> io::Result<()> {
        for _ in 0..count {
            self.sockets.push(None);
            self.open_at(self.sockets.len() - 1)?;
        }
        Ok(())
    }

    fn open_at(&mut self, at: usize) -> io::Result<()> {
        let mut tcp = match at.checked_div(self.per_source) {
            None => TcpStream::connect(self.target)?,
            Some(turn) => connect_from([127, 0, 0, 10 + turn as u8], self.target)?,
        };
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let mut tls =
            ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        tls.set_buffer_limit(None);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut tcp, Token(at), interest)?;
        let mut socket = Socket {
            tcp,
            tls,
            out: Vec::new(),
            at: 0,
            head: Vec::new(),
            frames: Frames::default(),
            open: false,
            closing: false,
            waits: false,
            resumed: false,
            received: 0,
            left: 0,
            due: VecDeque::new(),
        };
        // Sent as soon as the handshake is over: rustls keeps it until then.
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            self.path
        );
        socket.say(request.as_bytes());
        self.sockets[at] = Some(socket);
        Ok(())
    }

    /// How many have had their 101.
    pub fn open(&self) -> usize {
        self.open
    }

    pub fn sockets(&mut self) -> &mut [Option<Socket>] {
        &mut self.sockets
    }

    /// Writes what was said outside a script.
    pub fn send(&mut self) -> io::Result<()> {
        self.sockets.iter_mut().flatten().try_for_each(|it| it.flush().map(|_| ()))
    }

    /// Lets everything move for `time`, or until `done`.
    pub fn run(
        &mut self,
        script: &mut dyn Script,
        time: Duration,
        mut done: impl FnMut(&Self) -> bool,
    ) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let end = Instant::now() + time;
        while Instant::now() < end && !done(self) {
            let wait = if self.waiting.is_empty() { TICK } else { Duration::ZERO };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            let turns = std::mem::take(&mut self.waiting);
            for event in &events {
                self.ready(event.token().0, script)?;
            }
            for at in turns {
                if let Some(socket) = &mut self.sockets[at] {
                    socket.waits = false;
                    self.ready(at, script)?;
                }
            }
            script.tick(&mut self.sockets);
        }
        Ok(())
    }

    fn ready(&mut self, at: usize, script: &mut dyn Script) -> io::Result<()> {
        let Some(socket) = self.sockets[at].as_mut() else { return Ok(()) };
        let before = socket.open;
        let outcome = socket.ready(&mut self.scratch, script);
        self.open += usize::from(socket.open && !before);
        match outcome {
            Ok(more) => {
                if more && !socket.waits {
                    socket.waits = true;
                    self.waiting.push(at);
                }
                Ok(())
            }
            Err(_) if socket.closing => {
                self.open -= usize::from(socket.open);
                self.sockets[at] = None;
                if script.closed() { self.open_at(at) } else { Ok(()) }
            }
            Err(error) => Err(error),
        }
    }
}

impl Socket {
    /// Puts bytes on their way; they leave with the next flush.
    pub fn say(&mut self, bytes: &[u8]) {
        self.tls.writer().write_all(bytes).expect("no limit is set");
    }

    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Says goodbye; its end is then no failure.
    pub fn close(&mut self) {
        self.closing = true;
        let mut frame = Vec::new();
        frames::head(0x88, 2, true, &mut frame);
        frame.extend(1000_u16.to_be_bytes());
        self.say(&frame);
    }

    /// Reads and writes; whether there is more to do when others have had their turn.
    fn ready(&mut self, scratch: &mut [u8], script: &mut dyn Script) -> io::Result<bool> {
        let read = self.read(scratch, script)?;
        Ok(self.write(script)? || read)
    }

    fn read(&mut self, scratch: &mut [u8], script: &mut dyn Script) -> io::Result<bool> {
        for _ in 0..TURN {
            let got = match self.tcp.read(scratch) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(got) => got,
                Err(error) if is_early(&error) => return Ok(false),
                Err(error) => return Err(error),
            };
            let mut rest = &scratch[..got];
            while !rest.is_empty() {
                self.tls.read_tls(&mut rest)?;
                let state = self.tls.process_new_packets().map_err(io::Error::other)?;
                let mut plain = vec![0; state.plaintext_bytes_to_read()];
                self.tls.reader().read_exact(&mut plain)?;
                self.take(&plain, script)?;
                if state.peer_has_closed() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            if got < scratch.len() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn write(&mut self, script: &mut dyn Script) -> io::Result<bool> {
        for _ in 0..TURN {
            if !self.flush()? || !self.open || self.closing {
                return Ok(false);
            }
            script.drained(self);
            if !self.tls.wants_write() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn take(&mut self, mut plain: &[u8], script: &mut dyn Script) -> io::Result<()> {
        if !self.open {
            let before = self.head.len();
            self.head.extend_from_slice(plain);
            let Some(end) = self.head.windows(4).position(|it| it == b"\r\n\r\n") else {
                return Ok(());
            };
            if !self.head.starts_with(b"HTTP/1.1 101") {
                let words = String::from_utf8_lossy(&self.head).into_owned();
                return Err(io::Error::other(format!("no 101 but {words}")));
            }
            plain = &plain[end + 4 - before..];
            self.head = Vec::new();
            self.open = true;
            self.resumed = self.tls.handshake_kind() == Some(HandshakeKind::Resumed);
            script.opened(self);
        }
        let (mut messages, mut pinged) = (0, Vec::new());
        let mut frames = std::mem::take(&mut self.frames);
        frames.feed(plain, |piece| match piece {
            Piece::Payload(some) => self.received += some.len() as u64,
            Piece::End(0x82) => messages += 1,
            Piece::Head(0x89, length) => pinged.push(length),
            Piece::Head(..) | Piece::End(_) => {}
        });
        self.frames = frames;
        for _ in 0..messages {
            script.message(self);
        }
        for length in pinged {
            // Any frame is a sign of life; an answer with zeros is one.
            let mut pong = Vec::new();
            frames::head(0x8a, length, true, &mut pong);
            pong.resize(pong.len() + usize::try_from(length).unwrap_or(0), 0);
            self.say(&pong);
        }
        Ok(())
    }

    /// Whether everything has been taken.
    pub fn flush(&mut self) -> io::Result<bool> {
        loop {
            if self.at == self.out.len() {
                self.out.clear();
                self.at = 0;
                while self.tls.wants_write() {
                    self.tls.write_tls(&mut self.out)?;
                }
                if self.out.is_empty() {
                    self.out = Vec::new();
                    return Ok(!self.tls.is_handshaking());
                }
            }
            match self.tcp.write(&self.out[self.at..]) {
                Ok(some) => self.at += some,
                Err(error) if is_early(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
}

fn connect_from(source: [u8; 4], target: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    match socket.connect(&target.into()) {
        Err(error) if error.raw_os_error() != Some(IN_PROGRESS) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

/// EINPROGRESS of Linux.
const IN_PROGRESS: i32 = 115;

fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}

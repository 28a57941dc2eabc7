//! One client connection's life in HTTP: requests one after another, until the last or until the
//! protocol is switched. One future, driven by the connection's own task.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::answer::Desk;
use super::clock::Clock;
use super::guard::Guard;
use super::leg::Leg;
use super::notes::{Notes, Stop};
use super::places::Place;
use super::plain::PlainDoor;
use super::site::Sites;
use super::spelling::Spelling;
use super::turn::{Stopped, Turn};
use crate::config::model::{self, Gateway};
use crate::drain::Watch;
use crate::life::{By, Cause, Refusal, Stage, Timer, within};
use crate::observe::books::Books;
use crate::observe::lane::Lane;
use crate::observe::line::Kind;
use crate::observe::record::Record;
use crate::stream::{Side, Stream};
use crate::upstream::Lease;

/// Smallest read buffer that hyper takes.
const BUFFER_MIN: usize = 8192;

/// For the client to take the last words and hang up.
const LAST_WORD: Duration = Duration::from_secs(1);

const REQUEST_TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Length: 58\r\n\r\n\
    408 Request Timeout: the request took too long to arrive.\n";

const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Length: 50\r\n\r\n\
    400 Bad Request: the request has no single meaning\n";

/// The listener that a client came in by.
#[derive(Clone, Debug)]
pub enum Door {
    /// TLS.
    Https {
        /// Whether clients may speak HTTP/2.
        http2: bool,
    },
    /// Plain HTTP.
    Http(Arc<PlainDoor>),
}

/// Everything a connection needs while it speaks HTTP.
pub struct Visit {
    /// The domain whitelist of the snapshot that the connection began with.
    pub sites: Arc<Sites>,
    /// `[gateway]` of that snapshot.
    pub gateway: Arc<Gateway>,
    /// How handshakes spell field names.
    pub spelling: Spelling,
    /// Counters and access log.
    pub books: Arc<Books>,
    /// Tells when to take nothing new.
    pub drain: Watch,
    /// How the client came in.
    pub door: Door,
    /// The listener's port; `None` for a unix socket.
    pub port: Option<u16>,
    /// The peer's address; `None` for a unix socket.
    pub peer: Option<SocketAddr>,
    /// The address that the peer came to; `None` for a unix socket.
    pub local: Option<SocketAddr>,
    /// The name from TLS.
    pub server_name: Option<String>,
}

impl Visit {
    /// Whether the client came over TLS.
    pub(super) fn is_tls(&self) -> bool {
        matches!(self.door, Door::Https { .. })
    }
}

/// What became of the connection.
pub enum Served {
    /// It is over; every request has been recorded.
    Done,
    /// It is a WebSocket now.
    Switched(Box<Switched>),
}

/// Both ends of a tunnel, and what goes with it.
pub struct Switched {
    /// The client's side, with what came right behind its request.
    pub client: Side,
    /// The backend's side, with what came right behind its 101.
    pub backend: Side,
    /// Counts the socket toward its pool.
    pub lease: Lease,
    /// Its place on the route.
    pub place: Place,
    /// Becomes the socket's one access line.
    pub record: Record,
    /// The rules that the frames are under.
    pub terms: Terms,
}

/// The rules of one socket.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The route that it came by.
    pub route: Arc<model::Route>,
    /// Whether permessage-deflate was agreed on.
    pub compressed: bool,
    /// The version of Engine.IO that the query named; 3 when it named none.
    pub engine_io: u8,
    /// What it is counted with.
    pub lane: Arc<Lane>,
}

/// What the service leaves behind when it answers 101.
pub(super) type Slot = Arc<Mutex<Option<Prepared>>>;

/// A tunnel that lacks only its client's side.
pub(super) struct Prepared {
    pub backend: Side,
    pub lease: Lease,
    pub place: Place,
    pub record: Record,
    pub terms: Terms,
}

/// Serves one connection.
pub async fn serve(stream: Stream, visit: Visit) -> Served {
    let begun = Instant::now();
    let clock = Clock::new(&visit.gateway.timeouts);
    let slot = Slot::default();
    let books = Arc::clone(&visit.books);
    let (drain, peer) = (visit.drain.clone(), visit.peer);
    let builder = builder(&visit.gateway);
    let (notes, head_max) = (Notes::default(), buffer(&visit.gateway));
    let desk = Arc::new(Desk::new(visit, clock.clone(), notes.clone()));
    let left = Arc::clone(&slot);
    let service = hyper::service::service_fn(move |request| {
        let (desk, slot) = (Arc::clone(&desk), Arc::clone(&left));
        // Boxed: hyper gives a connection back whole only when the service's future is Unpin.
        Box::pin(async move { Ok::<_, Infallible>(desk.answer(request, Leg::http1(slot)).await) })
    });
    let io = TokioIo::new(Guard::new(stream, clock.clone(), notes.clone(), head_max));
    let mut connection = builder.serve_connection(io, service);
    let mut turn = Turn::new(clock, drain);
    let stopped = turn.drive(&mut connection, |it| it.graceful_shutdown()).await;
    let parts = connection.into_parts();
    let (stream, held) = parts.io.into_inner().into_parts();
    let prepared = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (stopped, prepared) {
        (Stopped::Ended, Some(it)) => {
            // The guard shows hyper nothing behind a handshake.
            debug_assert!(parts.read_buf.is_empty(), "hyper has read ahead");
            let client = Side { stream, read_buf: held };
            let Prepared { backend, lease, place, record, terms } = it;
            Served::Switched(Box::new(Switched { client, backend, lease, place, record, terms }))
        }
        (stopped, _) => {
            let ending = Ending { stopped: &stopped, stop: notes.stop() };
            ending.note(&books, peer, begun);
            part(stream, ending.last_word(&turn.clock), &stopped).await;
            Served::Done
        }
    }
}

fn builder(gateway: &Gateway) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .preserve_header_case(true)
        .title_case_headers(true)
        .max_headers(gateway.headers)
        .max_header_size(gateway.header_size)
        .max_buf_size(buffer(gateway))
        // Ours (see `clock`): hyper's own knows one limit for two different waits.
        .header_read_timeout(None);
    builder
}

fn buffer(gateway: &Gateway) -> usize {
    gateway.header_size.max(BUFFER_MIN)
}

/// How the guard and hyper saw a connection end.
struct Ending<'a> {
    stopped: &'a Stopped,
    stop: Option<Stop>,
}

impl Ending<'_> {
    /// Records an end that belongs to no request.
    fn note(&self, books: &Arc<Books>, peer: Option<SocketAddr>, begun: Instant) {
        let bad = |words| (By::Client, Cause::Refusal(Refusal::BadRequest), words);
        let (by, cause, words) = match (self.stop, self.stopped) {
            (Some(Stop::Head(violation)), _) => bad(violation.to_string()),
            (None, Stopped::Failed(error)) if error.is_parse() => bad(error.to_string()),
            // Between two requests this is how a keep-alive connection ordinarily ends.
            (_, Stopped::Elapsed(Timer::KeepAlive)) => return,
            (_, Stopped::Elapsed(timer)) => (By::Client, Cause::Timer(*timer), String::new()),
            // The request that it broke in has a record of its own.
            (_, Stopped::Ended | Stopped::Cut | Stopped::Failed(_)) => return,
        };
        note(books, (peer, begun), by, cause, &words);
    }

    /// What the client is still to be told.
    fn last_word(&self, clock: &Clock) -> &'static [u8] {
        match (self.stop, self.stopped) {
            (Some(Stop::Head(_)), _) => BAD_REQUEST,
            (_, Stopped::Elapsed(Timer::RequestHead)) if clock.heard() => REQUEST_TIMEOUT,
            _ => b"",
        }
    }
}

/// Records an end that belongs to no request, of a connection that began to speak HTTP at `begun`.
pub(super) fn note(
    books: &Arc<Books>,
    (peer, begun): (Option<SocketAddr>, Instant),
    by: By,
    cause: Cause,
    words: &str,
) {
    let mut record = Record::new(books, Kind::Connection, Stage::Request).since(begun);
    record.line.client = client_name(peer);
    record.detail(words);
    record.end_here(by, cause);
}

/// What the access line calls a client of which only the socket is known.
pub fn client_name(peer: Option<SocketAddr>) -> String {
    peer.map_or_else(|| "unix".to_owned(), |it| it.ip().to_canonical().to_string())
}

/// Leaves a stream politely, in bounded time: closing with something unread would reset the
/// connection under the answer that is still on its way.
pub(super) async fn part(mut stream: Stream, last_word: &[u8], stopped: &Stopped) {
    let goodbye = async {
        stream.write_all(last_word).await?;
        stream.shutdown().await?;
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    if !matches!(stopped, Stopped::Cut) {
        // The client may be gone, or take nothing: it was said, that is all.
        let _ = within(Some(LAST_WORD), Timer::Close, goodbye).await;
    }
}

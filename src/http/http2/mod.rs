//! One client connection's life in HTTP/2 (RFC 9113): many requests and, where it is allowed, many WebSockets
//! (RFC 8441) beside each other, in the connection's own task. Knows no frames of WebSockets.
//!
//! `tap` sees the frames under hyper and `toll` counts what costs a client nothing; `translate` makes a request what it
//! would be in HTTP/1.1, so that the desk answers both alike; `hall` runs the streams, and `taker` knows
//! who takes no answer.

mod frames;
mod hall;
mod taker;
mod tap;
mod toll;
mod translate;

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::Reason;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::{HttpService, service_fn};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use self::hall::{Crowd, Hall};
use self::taker::{Taken, Taker};
use self::tap::{Left, Remains, Tap};
use super::answer::Desk;
use super::clock::Clock;
use super::leg::Leg;
use super::notes::Notes;
use super::serve::{Prepared, Slot, Switched, Visit, note, part};
use super::turn::{Stopped, Turn};
use crate::config::model::Gateway;
use crate::drain::{Phase, Watch};
use crate::life::{By, Cause, Refusal, Timer, within};
use crate::stream::{Side, Stream};

/// Streams that one connection may have at a time; browsers stop at a hundred.
const STREAMS: u32 = 100;

/// Bytes of a request's body, or of a socket, that a client may send before the backend has taken any.
const STREAM_WINDOW: u32 = 128 * 1024;

/// The same for all streams of a connection together.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Bytes of an answer that wait for a client's window or socket, for each stream; besides, one piece as it
/// came from the backend.
const SEND_BUFFER: usize = 64 * 1024;

/// The smallest there is (RFC 9113 section 4.2), so that no stream holds the others up for long.
const FRAME: u32 = 16 * 1024;

/// What hyper lets a connection have of heads reset before they were looked at: as many as there are
/// streams. `toll` ends the connection where it goes on.
const RESETS_UNSEEN: usize = STREAMS as usize;

/// Streams that a client makes hyper reset, over the connection's whole life: beyond what `toll` takes at once.
const RESETS_PROVOKED: usize = 1024;

/// For streams that outlive their connection, besides `gateway.timeouts.close`: sockets tell their backends.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// Runs a socket to its end.
pub type Host =
    Arc<dyn Fn(Box<Switched>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Serves one connection that has agreed on HTTP/2; `host` takes its sockets.
pub async fn serve_http2(stream: Stream, visit: Visit, host: Host) {
    let begun = Instant::now();
    let (clock, left, hall) =
        (Clock::of_streams(&visit.gateway.timeouts), Left::default(), Hall::default());
    let (drain, gateway) = (visit.drain.clone(), Arc::clone(&visit.gateway));
    let tap = Tap::new(stream, clock.clone(), Arc::clone(&left));
    let desk = Arc::new(Desk::new(visit, clock.clone(), Notes::default()));
    let reception = Reception {
        desk: Arc::clone(&desk),
        hall: hall.clone(),
        clock: clock.clone(),
        host,
        called: Arc::default(),
    };
    let called = Arc::clone(&reception.called);
    let service = service_fn(move |request| reception.receive(request));
    let connection = builder(&gateway, hall.clone()).serve_connection(TokioIo::new(tap), service);
    let mut floor = Floor { connection: Box::pin(connection), crowd: Crowd::new(hall) };
    let mut turn = Turn::new(clock, drain.clone());
    let leaver = turn.clock.clone();
    let stopped = turn
        .drive(&mut floor, |it| {
            leaver.let_go();
            it.get_mut().connection.as_mut().let_go();
        })
        .await;
    let Floor { connection, crowd } = floor;
    drop(connection);
    let remains = left.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (Some(remains), false) = (remains, matches!(stopped, Stopped::Cut)) else { return };
    let unserved = remains.begun.saturating_sub(called.load(Ordering::Relaxed));
    tell(desk.visit(), begun, &stopped, &remains, unserved);
    drop(desk);
    let word = last_word(&stopped, &remains);
    let rest =
        within(Some(gateway.timeouts.close + AFTERWARDS), Timer::Close, finish(crowd, drain));
    let (_, ()) = tokio::join!(rest, part(remains.stream, &word, &stopped));
}

fn builder(gateway: &Gateway, hall: Hall) -> http2::Builder<Hall> {
    let mut builder = http2::Builder::new(hall);
    // Twice what is taken, so that the desk is the one to say 431; what is beyond is never kept.
    let list = gateway.header_size.saturating_mul(2).try_into().unwrap_or(u32::MAX);
    builder
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(list)
        .max_frame_size(FRAME)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS_UNSEEN)
        .max_local_error_reset_streams(RESETS_PROVOKED);
    if gateway.http2_websocket {
        builder.enable_connect_protocol();
    }
    builder
}

/// Takes requests in, one stream each.
struct Reception {
    desk: Arc<Desk>,
    hall: Hall,
    clock: Clock,
    host: Host,
    /// Requests that hyper understood.
    called: Arc<AtomicU64>,
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Taken>, Infallible>> + Send>>;

impl Reception {
    fn receive(&self, mut request: Request<Incoming>) -> Answering {
        self.called.fetch_add(1, Ordering::Relaxed);
        let (taker, slot) = (Taker::default(), Slot::default());
        self.hall.expect(taker.clone());
        let upgrade = hyper::upgrade::on(&mut request);
        translate::request(&mut request);
        let refusal = translate::oversize(&request, &self.desk.visit().gateway);
        self.desk.visit().spelling.apply(request.extensions_mut());
        let (desk, hall) = (Arc::clone(&self.desk), self.hall.clone());
        let (clock, host) = (self.clock.clone(), Arc::clone(&self.host));
        Box::pin(async move {
            let leg = Leg { slot: Arc::clone(&slot), http2: true, refusal };
            let mut response = desk.answer(request, leg).await;
            translate::response(&mut response);
            let prepared = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(prepared) = prepared {
                hall.admit(socket(prepared, upgrade, host, Busy::new(clock), taker.clone()));
            }
            Ok(response.map(|body| Taken::new(body, taker)))
        })
    }
}

/// One socket, from hyper's stream to its end.
async fn socket(prepared: Prepared, upgrade: OnUpgrade, host: Host, busy: Busy, taker: Taker) {
    // The client may have left: then the record says so.
    let Ok(upgraded) = upgrade.await else { return };
    let client = Side { stream: Stream::over_http2(upgraded), read_buf: Bytes::new() };
    let Prepared { backend, lease, place, record, terms } = prepared;
    host(Box::new(Switched { client, backend, lease, place, record, terms })).await;
    taker.over();
    drop(busy);
}

/// Something is under way on the connection, as long as this lives.
struct Busy(Clock);

impl Busy {
    fn new(clock: Clock) -> Self {
        clock.busy();
        Self(clock)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.idle();
    }
}

/// What `Turn` lets go.
trait LetGo {
    fn let_go(self: Pin<&mut Self>);
}

impl<S> LetGo for http2::Connection<TokioIo<Tap>, S, Hall>
where
    S: HttpService<Incoming, ResBody = Taken, Future = Answering, Error = Infallible>,
{
    fn let_go(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// The connection and its streams.
struct Floor<C> {
    connection: Pin<Box<C>>,
    crowd: Crowd,
}

impl<C: Future<Output = hyper::Result<()>>> Future for Floor<C> {
    type Output = hyper::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        let polled = self.connection.as_mut().poll(cx);
        // What they put on its way wakes the connection, and with it this task.
        self.crowd.poll(cx);
        polled
    }
}

/// Streams end with their connection; sockets tell their backends before.
async fn finish(mut crowd: Crowd, mut drain: Watch) {
    let all = poll_fn(|cx| if crowd.poll(cx) { Poll::Ready(()) } else { Poll::Pending });
    tokio::select! {
        biased;
        () = all => {}
        () = drain.reached(Phase::Cutting) => {}
    }
}

/// Records an end that belongs to no request.
fn tell(visit: &Visit, begun: Instant, stopped: &Stopped, remains: &Remains, unserved: u64) {
    let refused = |refusal, words| Some((Cause::Refusal(refusal), words));
    let ended = match (remains.flood, stopped) {
        (Some(flood), _) => refused(Refusal::Http2Flood, flood.to_string()),
        (None, Stopped::Failed(error)) => broken(error),
        // So it ordinarily ends.
        (None, Stopped::Elapsed(Timer::KeepAlive)) => None,
        (None, Stopped::Elapsed(timer)) => Some((Cause::Timer(*timer), String::new())),
        (None, Stopped::Ended | Stopped::Cut) => None,
    };
    let lost = || {
        // After a GOAWAY hyper looks at no stream that is new.
        let lost = unserved > 0 && visit.drain.phase() == Phase::Running;
        lost.then(|| {
            let words = format!("{unserved} requests broke RFC 9113, or were too many at a time");
            (Cause::Refusal(Refusal::Http2Error), words)
        })
    };
    if let Some((cause, words)) = ended.or_else(lost) {
        note(&visit.books, (visit.peer, begun), By::Client, cause, &words);
    }
}

/// What the client did wrong, if it did not just leave.
fn broken(error: &hyper::Error) -> Option<(Cause, String)> {
    let error = error.source()?.downcast_ref::<h2::Error>()?;
    let reason = error.reason().filter(|it| *it != Reason::NO_ERROR)?;
    if error.is_remote() || error.is_io() {
        return None;
    }
    let refusal = match reason {
        Reason::ENHANCE_YOUR_CALM => Refusal::Http2Flood,
        _ => Refusal::Http2Error,
    };
    Some((Cause::Refusal(refusal), error.to_string()))
}

/// What the client is still to be told; hyper has said its own mistakes already.
fn last_word(stopped: &Stopped, remains: &Remains) -> Vec<u8> {
    let reason = match (remains.flood, stopped) {
        _ if !remains.at_border => return Vec::new(),
        (Some(_), _) => Reason::ENHANCE_YOUR_CALM,
        (None, Stopped::Elapsed(_)) => Reason::NO_ERROR,
        (None, _) => return Vec::new(),
    };
    frames::goaway(remains.last, reason.into()).to_vec()
}

//! A plain HTTP exchange with the backend, streamed both ways.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use tokio::time::{Instant, Sleep, sleep_until};

use super::hop_by_hop::strip_hop_by_hop;
use super::outbound::Passage;
use super::reply::{BodyError, ReplyBody};
use super::site::Route;
use super::upload::{Upload, UploadFault};
use crate::life::{By, Cause, Elapsed, Fault, Stage, Timer, within};
use crate::observe::record::Record;
use crate::upstream::{
    Answer, AnswerBody, DialError, Errand, Lease, Pool, Reached, SendError, Wire, no_body,
};

/// Why an exchange got no answer, and whose doing it was.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// No connection.
    #[error("{0}")]
    Dial(#[from] DialError),
    /// No answer.
    #[error("{0}")]
    Send(#[from] SendError),
    /// A wait for the backend ran out.
    #[error("{0}")]
    Elapsed(#[from] Elapsed),
    /// An answer that makes no sense.
    #[error("{}", .0.name())]
    Fault(Fault),
    /// The request's body is longer than the route allows.
    #[error("the request body is too large")]
    TooLarge,
    /// The request's body comes too slowly.
    #[error("the request body comes too slowly")]
    TooSlow,
}

impl Trouble {
    /// Who is to blame, and for what.
    pub fn verdict(&self) -> (By, Cause) {
        match self {
            Self::Dial(DialError::Elapsed(elapsed)) | Self::Elapsed(elapsed) => {
                (By::Backend, Cause::Timer(elapsed.timer))
            }
            Self::Dial(error) => {
                (By::Backend, Cause::Backend(error.fault().unwrap_or(Fault::Unreachable)))
            }
            Self::Send(error) if error.is_from_body() => (By::Client, Cause::Reset),
            Self::Send(error) => (By::Backend, Cause::Backend(error.fault)),
            Self::Fault(fault) => (By::Backend, Cause::Backend(*fault)),
            Self::TooSlow => (By::Client, UploadFault::TooSlow.cause()),
            Self::TooLarge => (By::Client, UploadFault::TooLarge.cause()),
        }
    }
}

/// Forwards a request and passes the answer on as it comes.
///
/// # Errors
/// [`Trouble`] as long as no head of an answer has come.
pub async fn exchange(
    request: Request<Incoming>,
    (route, pool): (&Route, &Pool),
    passage: &Passage<'_>,
    errand: &Errand,
    record: &mut Record,
    upload: &Arc<Upload>,
) -> Result<Response<ReplyBody>, Trouble> {
    let limit = route.rules.limits.request_body.unwrap_or(u64::MAX);
    let grace = passage.body_grace;
    let (mut parts, body) = request.into_parts();
    if body.size_hint().lower() > limit {
        return Err(Trouble::TooLarge);
    }
    passage.rewrite(&mut parts);
    let repeat = repeatable(&parts, &body).then(|| parts.clone());
    let first = Request::from_parts(parts, upload.body(body, limit, grace));
    record.stage = Stage::Connect;
    let (mut lease, wire) = match pool.reach(errand).await? {
        (Reached::Kept(wire), lease) => (lease, wire),
        (Reached::New(stream), lease) => (lease, Wire::open(stream).await?),
    };
    record.line.server = lease.server().to_owned();
    record.stage = Stage::Exchange;
    let silence = route.rules.timeouts.response;
    let answer = match patiently(wire.send(first), silence, upload).await? {
        // The kept connection closed as we wrote: nothing was done, so it may be asked again.
        Err(error) if error.stale && repeat.is_some() => {
            let again = repeat.map(|parts| Request::from_parts(parts, no_body()));
            let (stream, new) = pool.dial(errand).await?;
            lease = new;
            record.line.server = lease.server().to_owned();
            match again {
                Some(again) => {
                    patiently(Wire::open(stream).await?.send(again), silence, upload).await?
                }
                None => Err(error),
            }
        }
        answer => answer,
    };
    let answer = answer.map_err(|error| match upload.fault() {
        Some(UploadFault::TooLarge) => Trouble::TooLarge,
        Some(UploadFault::TooSlow) => Trouble::TooSlow,
        None => error.into(),
    })?;
    if answer.switches() {
        return Err(Trouble::Fault(Fault::UnaskedUpgrade));
    }
    let mut response = pass_on(answer, route, lease, upload);
    strip_hop_by_hop(response.headers_mut());
    Ok(response)
}

/// An ordinary answer, its body watched for silence. `upload` is the rest of what is still sent.
pub fn pass_on(
    answer: Answer,
    route: &Route,
    lease: Lease,
    upload: &Arc<Upload>,
) -> Response<ReplyBody> {
    let (silence, upload) = (route.rules.timeouts.response, Arc::clone(upload));
    let response = answer.into_response(lease);
    response.map(|body| Attentive::new(body, silence, upload).boxed_unsync())
}

/// A request that may be sent twice: without a body, and of a method that changes nothing or the
/// same thing again (RFC 9110 section 9.2.2).
fn repeatable(parts: &Parts, body: &Incoming) -> bool {
    let idempotent = [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE];
    body.is_end_stream() && idempotent.contains(&parts.method)
}

/// Waits for an answer as long as something moves: silence counts from the last piece of the
/// request's body that went out. While the next one is to come from the client, the backend owes
/// nothing: then it is the body's own limit that runs.
async fn patiently<T>(
    work: impl Future<Output = T>,
    silence: Option<Duration>,
    upload: &Upload,
) -> Result<T, Elapsed> {
    let mut work = std::pin::pin!(work);
    loop {
        let before = upload.bytes();
        match within(silence, Timer::Response, work.as_mut()).await {
            Err(_) if upload.is_awaited() || upload.bytes() != before => {}
            waited => return waited,
        }
    }
}

/// An answer's body that does not wait for a silent backend for ever.
struct Attentive {
    body: AnswerBody,
    silence: Option<Duration>,
    upload: Arc<Upload>,
    /// Since when the backend owes us the next piece; while the client is slow it owes nothing.
    waiting: Option<Instant>,
    /// Armed once, and again only when it fires: never for a piece of the body.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Attentive {
    fn new(body: AnswerBody, silence: Option<Duration>, upload: Arc<Upload>) -> Self {
        let alarm = silence.map(|limit| Box::pin(sleep_until(Instant::now() + limit)));
        Self { body, silence, upload, waiting: None, alarm }
    }

    fn silent(&mut self, cx: &mut Context<'_>) -> bool {
        let (Some(alarm), Some(limit)) = (&mut self.alarm, self.silence) else { return false };
        if self.upload.is_awaited() {
            self.waiting = None;
        }
        let since = *self.waiting.get_or_insert_with(Instant::now);
        while alarm.as_mut().poll(cx).is_ready() {
            let due = since + limit;
            if due <= Instant::now() {
                return true;
            }
            alarm.as_mut().reset(due);
        }
        false
    }
}

impl Body for Attentive {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.waiting = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)));
        }
        if self.silent(cx) { Poll::Ready(Some(Err(BodyError::Silent))) } else { Poll::Pending }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

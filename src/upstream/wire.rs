//! One HTTP/1.1 connection to a backend. hyper's connection and its sender stay together, and
//! whoever waits for the answer drives both: no task runs beside the client's own.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::http::response::Parts;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;

use super::checked::{Answers, Checked, violation};
use super::server::Lease;
use crate::framing::Violation;
use crate::life::Fault;
use crate::stream::{Side, Stream};

/// What is sent as the body of a request.
pub type RequestBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A request without a body.
pub fn no_body() -> RequestBody {
    Empty::new().map_err(|never: std::convert::Infallible| match never {}).boxed_unsync()
}

/// Most bytes of a backend's response head, and of what hyper reads ahead.
const HEAD_MAX: usize = 64 * 1024;

/// Most fields of a backend's response head.
const FIELDS_MAX: usize = 200;

/// A connection between exchanges.
pub struct Wire {
    sender: http1::SendRequest<RequestBody>,
    connection: http1::Connection<TokioIo<Checked>, RequestBody>,
    answers: Answers,
    /// The connection came to its end: closed, broken, or switched to another protocol.
    ended: bool,
    /// It has carried an exchange before: its end may have crossed with our request.
    reused: bool,
}

/// An exchange that got no answer.
#[derive(Debug, thiserror::Error)]
#[error("{}", .violation.map_or_else(|| .error.to_string(), |it| it.to_string()))]
pub struct SendError {
    /// The word for it.
    pub fault: Fault,
    /// Nothing of the request was sent, or the connection was an old one that closed under it:
    /// a request that may be repeated can go over a new connection.
    pub stale: bool,
    violation: Option<Violation>,
    #[source]
    error: hyper::Error,
}

impl SendError {
    /// Whether the error began in the request's own body: the client's doing.
    pub fn is_from_body(&self) -> bool {
        self.error.is_user()
    }
}

/// An answer's head, with the connection that its body still comes from.
pub struct Answer {
    /// Status and fields.
    pub head: Parts,
    body: Incoming,
    wire: Wire,
}

impl Wire {
    /// Speaks HTTP/1.1 on a new connection. Fields are spelled as in the request's own spelling
    /// where it has one, else in title case: some backends compare letters.
    ///
    /// # Errors
    /// Never on a stream that is open; hyper's signature allows for it.
    pub async fn open(stream: Stream) -> Result<Self, SendError> {
        let (checked, answers) = Checked::new(stream, HEAD_MAX);
        let (sender, connection) = http1::Builder::new()
            .preserve_header_case(true)
            .title_case_headers(true)
            .max_headers(FIELDS_MAX)
            .max_buf_size(HEAD_MAX)
            .handshake(TokioIo::new(checked))
            .await
            .map_err(|error| failed(error, false))?;
        Ok(Self { sender, connection, answers, ended: false, reused: false })
    }

    /// Sends `request` and waits for the head of the answer. The caller bounds the wait.
    ///
    /// # Errors
    /// [`SendError`] when the connection ended or broke before a whole head had come.
    pub async fn send(mut self, request: Request<RequestBody>) -> Result<Answer, SendError> {
        self.answers.expect(request.method() == Method::HEAD);
        let sent = self.sender.try_send_request(request);
        let mut sent = pin!(sent);
        let answer = poll_fn(|cx| {
            drive(&mut self.connection, &mut self.ended, cx);
            sent.as_mut().poll(cx)
        });
        match answer.await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                Ok(Answer { head, body, wire: self })
            }
            Err(error) => {
                let untouched = error.message().is_some();
                let mut failure = failed(error.into_error(), untouched);
                failure.stale |= self.reused && failure.fault == Fault::NoAnswer;
                Err(failure)
            }
        }
    }

    /// Whether another request can be sent. Looks at the socket: a backend that has hung up is
    /// noticed here.
    pub(super) fn is_ready(&mut self, cx: &mut Context<'_>) -> bool {
        drive(&mut self.connection, &mut self.ended, cx);
        self.reused = true;
        !self.ended && self.sender.is_ready()
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("ended", &self.ended).field("reused", &self.reused).finish()
    }
}

impl Answer {
    /// Whether the backend switches protocols.
    pub fn switches(&self) -> bool {
        self.head.status == StatusCode::SWITCHING_PROTOCOLS
    }

    /// After a 101: the stream, with what the backend sent right behind its head.
    ///
    /// # Errors
    /// [`SendError`] when the connection broke at that moment.
    pub async fn into_side(self) -> Result<Side, SendError> {
        let Wire { mut connection, ended, .. } = self.wire;
        if !ended {
            poll_fn(|cx| connection.poll_without_shutdown(cx))
                .await
                .map_err(|error| failed(error, false))?;
        }
        let parts = connection.into_parts();
        Ok(Side { stream: parts.io.into_inner().stream, read_buf: parts.read_buf })
    }

    /// After any other status: the head, and the body as it comes. At the body's end the
    /// connection is kept by `lease`'s server. The version is ours, not the backend's (RFC 9110 section 2.5).
    pub fn into_response(mut self, lease: Lease) -> Response<AnswerBody> {
        let body = AnswerBody { body: self.body, wire: Some(self.wire), finished: false, lease };
        self.head.version = Version::HTTP_11;
        Response::from_parts(self.head, body)
    }
}

/// A response's body, and the connection that it comes from.
pub struct AnswerBody {
    body: Incoming,
    wire: Option<Wire>,
    /// The end was seen; a chunked body knows its end no other way.
    finished: bool,
    lease: Lease,
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        if let Some(wire) = &mut this.wire {
            drive(&mut wire.connection, &mut wire.ended, cx);
        }
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        // hyper lets go of a body behind its trailers: nobody asks for more.
        this.finished |= match &frame {
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(frame))) => frame.is_trailers(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => false,
        };
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        // A body that broke off leaves a connection nobody knows the state of.
        if let Some(wire) = self.wire.take()
            && (self.finished || self.body.is_end_stream())
            && !wire.ended
        {
            self.lease.keep(wire);
        }
    }
}

/// Lets the connection do what it can. Its errors reach the one who waits for the answer.
fn drive(
    connection: &mut http1::Connection<TokioIo<Checked>, RequestBody>,
    ended: &mut bool,
    cx: &mut Context<'_>,
) {
    if !*ended && connection.poll_without_shutdown(cx).is_ready() {
        *ended = true;
    }
}

fn failed(error: hyper::Error, stale: bool) -> SendError {
    let violation = violation(&error);
    // Anything else is an end before the answer, however it came about.
    let is_bad = error.is_parse() || violation.is_some();
    let fault = if is_bad { Fault::BadAnswer } else { Fault::NoAnswer };
    SendError { fault, stale, violation, error }
}

//! The only table from how something ended to the status that the client is told, and the answers
//! that the gateway writes itself.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::{Response, StatusCode};

use super::errors::{Told, error};
use crate::files::BodyFault;
use crate::life::{Cause, Fault, Refusal, Timer};

/// The status of a switch of protocols, in the access line.
pub const SWITCHING: u16 = 101;

/// The status of a socket over HTTP/2 (RFC 8441 section 5).
pub const ACCEPTED: u16 = 200;

/// The body of any answer.
pub type ReplyBody = UnsyncBoxBody<Bytes, BodyError>;

/// Why an answer's body broke off.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The backend was silent for `timeouts.response`.
    #[error("the backend fell silent in the middle of its answer")]
    Silent,
    /// The backend's stream broke.
    #[error("the backend's answer broke off: {0}")]
    Broken(#[source] hyper::Error),
    /// A file could not be read to its end.
    #[error("{0}")]
    File(#[source] BodyFault),
}

/// The status that tells a client of `cause`.
pub fn status(cause: Cause) -> StatusCode {
    match cause {
        Cause::Refusal(refusal) => refused(refusal),
        Cause::Timer(Timer::RequestHead | Timer::RequestBody) => StatusCode::REQUEST_TIMEOUT,
        // RFC 9112 section 8: a body that breaks off.
        Cause::Reset => StatusCode::BAD_REQUEST,
        Cause::Timer(Timer::Hold) | Cause::Backend(Fault::NoServer) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Cause::Timer(Timer::Disk) => StatusCode::SERVICE_UNAVAILABLE,
        Cause::Timer(_) => StatusCode::GATEWAY_TIMEOUT,
        Cause::Backend(Fault::File) => StatusCode::INTERNAL_SERVER_ERROR,
        Cause::Backend(_) => StatusCode::BAD_GATEWAY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn refused(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::BadRequest
        | Refusal::Http2Error
        | Refusal::ProxyHeader
        | Refusal::BadHost
        | Refusal::BadPath
        | Refusal::BadHandshake
        | Refusal::ForeignUpgrade => StatusCode::BAD_REQUEST,
        Refusal::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        Refusal::NoRoute | Refusal::NoFile => StatusCode::NOT_FOUND,
        Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
        Refusal::Address
        | Refusal::Origin
        | Refusal::MissingOrigin
        | Refusal::AppId
        | Refusal::NeedsCertificate
        | Refusal::NeedsTls
        | Refusal::Unreadable
        | Refusal::UpgradeNever => StatusCode::FORBIDDEN,
        Refusal::UpgradeRequired | Refusal::Version => StatusCode::UPGRADE_REQUIRED,
        Refusal::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::Draining | Refusal::RouteConnections | Refusal::Memory => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Refusal::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Refusal::ConnectionsPerIp
        | Refusal::HandshakesPerIp
        | Refusal::Http2Flood
        | Refusal::MessageRate
        | Refusal::ByteRate => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Redirected => StatusCode::PERMANENT_REDIRECT,
    }
}

/// The answer to a request that ended for `cause`.
pub fn denial(cause: Cause, told: &Told<'_>) -> Response<ReplyBody> {
    let mut response = error(status(cause), Some(words(cause)), told);
    let headers = response.headers_mut();
    match cause {
        // RFC 9110 section 15.5.22: 426 names what to upgrade to.
        Cause::Refusal(Refusal::UpgradeRequired | Refusal::Version) => {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            // RFC 6455 section 4.4.
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        // RFC 9110 section 15.5.6.
        Cause::Refusal(Refusal::Method) => {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        // What follows on this connection could be read in two ways, or is not wanted.
        Cause::Refusal(
            Refusal::BadRequest
            | Refusal::BadHost
            | Refusal::BadPath
            | Refusal::BadHandshake
            | Refusal::ForeignUpgrade
            | Refusal::Draining
            | Refusal::BodyTooLarge,
        )
        | Cause::Timer(Timer::RequestBody) => {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    response
}

/// The same before anything was read, for a client that is dropped at once.
pub fn curt_denial(refusal: Refusal) -> String {
    let (status, words) = (refused(refusal), refusal_words(refusal));
    let phrase = status.canonical_reason().unwrap_or_default();
    let body = format!("{} {phrase}: {words}\n", status.as_u16());
    format!(
        "HTTP/1.1 {} {phrase}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\n\r\n{body}",
        status.as_u16(),
        body.len()
    )
}

/// A short plain answer.
pub fn text(status: StatusCode, words: impl Into<Bytes>) -> Response<ReplyBody> {
    let mut response = Response::new(whole(words.into()));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// A body that is there already.
pub fn whole(bytes: Bytes) -> ReplyBody {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// What a person is told; says nothing about what stands behind the gateway.
fn words(cause: Cause) -> &'static str {
    match cause {
        Cause::Refusal(refusal) => refusal_words(refusal),
        Cause::Timer(Timer::RequestHead | Timer::RequestBody) => {
            "the request took too long to arrive"
        }
        Cause::Reset => "the request broke off",
        Cause::Timer(Timer::Hold) => fault_words(Fault::NoServer),
        Cause::Timer(Timer::Disk) => "the file takes too long to be read; try again",
        Cause::Timer(_) => "the backend took too long to answer",
        Cause::Backend(fault) => fault_words(fault),
        _ => "the gateway could not go on",
    }
}

fn refusal_words(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::BadRequest => "the request has no single meaning",
        Refusal::Http2Error => "the connection breaks HTTP/2",
        Refusal::Http2Flood => "too many frames without a use",
        Refusal::HeadTooLarge => "the request head is too large",
        Refusal::BadHost => "the request needs one Host that agrees with its target",
        Refusal::Misdirected => "this host is not served on this connection",
        Refusal::BadPath => "the path has no single meaning",
        Refusal::NoRoute => "nothing is served at this path",
        Refusal::Address => "this address may not come here",
        Refusal::Origin => "this origin may not come here",
        Refusal::MissingOrigin => "requests without an origin may not come here",
        Refusal::NeedsCertificate => "a client certificate is needed here: use https",
        Refusal::AppId => "this mini program may not come here",
        Refusal::UpgradeRequired => "only WebSockets are served at this path",
        Refusal::UpgradeNever => "no WebSockets are served at this path",
        Refusal::NeedsTls => "WebSockets need wss:// here",
        Refusal::BadHandshake => "the WebSocket handshake breaks RFC 6455",
        Refusal::Version => "only WebSocket version 13 is spoken here",
        Refusal::ForeignUpgrade => "only upgrades to websocket are taken",
        Refusal::BodyTooLarge => "the request body is too large",
        Refusal::Draining => "the gateway is going down; try again",
        Refusal::ConnectionsPerIp => "this address has too many connections",
        Refusal::HandshakesPerIp => "this address makes too many connections; try again",
        Refusal::Memory => "the gateway is short of memory; try again",
        Refusal::RouteConnections => "too many are here already; try again",
        Refusal::MessageRate => "too many messages",
        Refusal::ByteRate => "too many bytes",
        Refusal::ProxyHeader => "the load balancer does not say whom it speaks for",
        Refusal::Method => "only GET and HEAD are answered at this path",
        Refusal::NoFile => "there is no such file",
        Refusal::Unreadable => "this may not be read",
        Refusal::Redirected => "use https",
    }
}

fn fault_words(fault: Fault) -> &'static str {
    match fault {
        Fault::Refused | Fault::Unreachable | Fault::Tls => "the backend cannot be reached",
        Fault::NoServer => "no backend is up; try again",
        Fault::NoAnswer => "the backend closed the connection without an answer",
        Fault::UnaskedUpgrade => "the backend switched protocols without being asked",
        Fault::File => "the file cannot be read",
        Fault::BadAnswer
        | Fault::BadAccept
        | Fault::UnofferedSubprotocol
        | Fault::UnofferedExtension
        | Fault::Declined => "the backend's answer makes no sense",
    }
}

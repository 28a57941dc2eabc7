//! The WebSocket handshake with the backend: asked on a fresh connection, its answer checked, and
//! only then the client's.

use std::sync::Arc;

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderValue, SEC_WEBSOCKET_PROTOCOL, TRANSFER_ENCODING,
    UPGRADE,
};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};

use super::diagnosis;
use super::forward::{self, Trouble};
use super::handshake::{Agreed, check_answer, first_subprotocol};
use super::hop_by_hop::strip_hop_by_hop;
use super::outbound::Passage;
use super::reply::{ReplyBody, whole};
use super::site::Route;
use super::spelling::Spelling;
use crate::config::model::Subprotocol;
use crate::life::{By, Cause, Fault, Stage, Timer, within};
use crate::observe::record::Record;
use crate::stream::Side;
use crate::upstream::{Answer, Errand, Lease, Pool, Wire, no_body};

/// A backend's answer to a handshake.
pub enum Outcome {
    /// It switched: the client's 101, and the backend's side of the tunnel.
    Switched(Response<ReplyBody>, Box<(Side, Lease)>, Agreed),
    /// It declined with an ordinary answer, which is passed on.
    Declined(Response<ReplyBody>),
}

/// Asks the backend for a WebSocket.
///
/// # Errors
/// [`Trouble`] when it cannot be reached, does not answer, or answers nonsense. No byte of the
/// client beyond its head has been sent then.
pub async fn ask(
    mut parts: Parts,
    key: &HeaderValue,
    (route, pool): (&Route, &Pool),
    passage: &Passage<'_>,
    errand: &Errand,
    spelling: &Spelling,
    record: &mut Record,
) -> Result<Outcome, Trouble> {
    let wanted = first_subprotocol(&parts.headers).map(str::to_owned);
    passage.rewrite_upgrade(&mut parts);
    spelling.apply(&mut parts.extensions);
    let offered = parts.headers.clone();
    record.stage = Stage::Connect;
    let (stream, lease) = pool.dial(errand).await?;
    record.line.server = lease.server().to_owned();
    record.stage = Stage::Handshake;
    let request = Request::from_parts(parts, no_body());
    let asking = async { Wire::open(stream).await?.send(request).await };
    let limit = route.rules.timeouts.upgrade_response;
    let answer = within(limit, Timer::UpgradeResponse, asking).await??;
    if !answer.switches() {
        diagnosis::declined(answer.head.status, &offered, &route.hints, record);
        record.end_here(By::Backend, Cause::Backend(Fault::Declined));
        let mut response = forward::pass_on(answer, route, lease, &Arc::default());
        strip_hop_by_hop(response.headers_mut());
        return Ok(Outcome::Declined(response));
    }
    let agreed = check_answer(&answer.head.headers, &offered, key).map_err(Trouble::Fault)?;
    let policy = &route.rules.subprotocol;
    diagnosis::switched(wanted.as_deref(), &answer.head.headers, policy, &route.hints, record);
    let response = switching(&answer, wanted.as_deref(), policy, spelling);
    let side = within(limit, Timer::UpgradeResponse, answer.into_side()).await??;
    Ok(Outcome::Switched(response, Box::new((side, lease)), agreed))
}

/// The client's 101: the backend's, its hop-by-hop fields replaced by ours.
fn switching(
    answer: &Answer,
    wanted: Option<&str>,
    policy: &Subprotocol,
    spelling: &Spelling,
) -> Response<ReplyBody> {
    let mut headers = answer.head.headers.clone();
    strip_hop_by_hop(&mut headers);
    headers.remove(CONTENT_LENGTH);
    headers.remove(TRANSFER_ENCODING);
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    tell_subprotocol(&mut headers, wanted, policy);
    let mut response = Response::new(whole(bytes::Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = headers;
    spelling.apply(response.extensions_mut());
    response
}

/// What the client is told of subprotocols. One is named only to a client that offered some: it
/// would fail the connection otherwise (RFC 6455 section 4.1).
fn tell_subprotocol(headers: &mut HeaderMap, wanted: Option<&str>, policy: &Subprotocol) {
    let told = match (policy, wanted) {
        (Subprotocol::Pass, _) => return,
        (Subprotocol::EchoFirst, _) if headers.contains_key(SEC_WEBSOCKET_PROTOCOL) => return,
        (Subprotocol::Strip, _) | (_, None) => None,
        (Subprotocol::EchoFirst, Some(first)) => Some(first),
        (Subprotocol::Forced(name), Some(_)) => Some(name.as_str()),
    };
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    if let Some(value) = told.and_then(|name| HeaderValue::from_str(name).ok()) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
}

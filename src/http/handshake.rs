//! The WebSocket handshake as a set of rules (RFC 6455 sections 4.1 and 4.2), without I/O: what a
//! client must ask, and what a backend may answer.

use hyper::body::Body;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Method, Request, Version};

use crate::life::{Fault, Refusal};
use crate::ws::key;

/// The extension of RFC 7692.
const DEFLATE: &str = "permessage-deflate";

/// What a request wants the connection to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing: an ordinary request.
    Plain,
    /// A WebSocket.
    WebSocket,
    /// Something else, e.g. h2c, or a tunnel.
    Foreign,
}

/// What the backend's 101 settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// permessage-deflate is on: RSV1 has a meaning.
    pub compressed: bool,
}

/// What `request` wants the connection to become.
pub fn wish<B>(request: &Request<B>) -> Wish {
    if request.method() == Method::CONNECT {
        return Wish::Foreign;
    }
    let headers = request.headers();
    if has_token(headers, &UPGRADE, "websocket") {
        return Wish::WebSocket;
    }
    // Without `Connection: upgrade` the field is for the next hop to ignore (RFC 9110, 7.8).
    if headers.contains_key(UPGRADE) && has_token(headers, &CONNECTION, "upgrade") {
        return Wish::Foreign;
    }
    Wish::Plain
}

/// Checks a WebSocket handshake in full (section 4.2.1) and returns its key.
///
/// # Errors
/// [`Refusal::Version`] for another version, [`Refusal::BadHandshake`] for everything else.
pub fn check_request<B: Body>(request: &Request<B>) -> Result<HeaderValue, Refusal> {
    let headers = request.headers();
    let sound = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && has_token(headers, &CONNECTION, "upgrade")
        && !has_body(request);
    if !sound {
        return Err(Refusal::BadHandshake);
    }
    match single(headers, &SEC_WEBSOCKET_VERSION) {
        Some(version) if version.as_bytes() == b"13" => {}
        Some(_) => return Err(Refusal::Version),
        None if headers.contains_key(SEC_WEBSOCKET_VERSION) => return Err(Refusal::Version),
        None => return Err(Refusal::BadHandshake),
    }
    match single(headers, &SEC_WEBSOCKET_KEY) {
        Some(key) if key::is_valid(key.as_bytes()) => Ok(key.clone()),
        _ => Err(Refusal::BadHandshake),
    }
}

/// Checks a backend's 101 (section 4.1) against what it was asked: the request's fields as they
/// were sent to it.
///
/// # Errors
/// The [`Fault`] that makes the answer unusable.
pub fn check_answer(
    answer: &HeaderMap,
    offered: &HeaderMap,
    key: &HeaderValue,
) -> Result<Agreed, Fault> {
    let accept = single(answer, &SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    let switched = has_token(answer, &UPGRADE, "websocket")
        && has_token(answer, &CONNECTION, "upgrade")
        && accept == Some(key::accept(key.as_bytes()).as_bytes());
    if !switched {
        return Err(Fault::BadAccept);
    }
    if answer.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        let chosen = single(answer, &SEC_WEBSOCKET_PROTOCOL).map(HeaderValue::as_bytes);
        let chosen = chosen.and_then(|it| std::str::from_utf8(it).ok()).unwrap_or_default();
        if !items(offered, &SEC_WEBSOCKET_PROTOCOL).any(|it| it == chosen) {
            return Err(Fault::UnofferedSubprotocol);
        }
    }
    let mut compressed = false;
    for extension in items(answer, &SEC_WEBSOCKET_EXTENSIONS).map(extension_name) {
        let mut offers = items(offered, &SEC_WEBSOCKET_EXTENSIONS).map(extension_name);
        if !offers.any(|it| it.eq_ignore_ascii_case(extension)) {
            return Err(Fault::UnofferedExtension);
        }
        compressed |= extension.eq_ignore_ascii_case(DEFLATE);
    }
    Ok(Agreed { compressed })
}

/// The first subprotocol that the client offers.
pub fn first_subprotocol(headers: &HeaderMap) -> Option<&str> {
    items(headers, &SEC_WEBSOCKET_PROTOCOL).next()
}

/// Whether a list field has `token`, in any letter case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    items(headers, name).any(|it| it.eq_ignore_ascii_case(token))
}

/// The items of a comma-separated list over all its lines. Text in quotes is not expected here:
/// no parameter of permessage-deflate has a comma.
fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

fn extension_name(item: &str) -> &str {
    item.split(';').next().unwrap_or_default().trim()
}

/// The value of a field that stands exactly once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).into_iter();
    let first = values.next();
    if values.next().is_some() { None } else { first }
}

/// A body behind a handshake would be read as frames by one side and as a body by the other.
fn has_body<B: Body>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let length = headers.get(CONTENT_LENGTH).is_some_and(|it| it.as_bytes() != b"0");
    length || headers.contains_key(TRANSFER_ENCODING)
}

#[cfg(test)]
mod tests {
    use http_body_util::Empty;

    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn request(
        change: impl FnOnce(&mut Request<Empty<bytes::Bytes>>),
    ) -> Request<Empty<bytes::Bytes>> {
        let mut request = Request::builder()
            .uri("/chat")
            .header("upgrade", "WebSocket")
            .header("connection", "keep-alive, UPGRADE")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", KEY)
            .body(Empty::new())
            .expect("valid");
        change(&mut request);
        request
    }

    fn set(name: &'static str, value: &'static str) -> impl Fn(&mut Request<Empty<bytes::Bytes>>) {
        move |request| {
            request.headers_mut().remove(name);
            if !value.is_empty() {
                request.headers_mut().insert(name, HeaderValue::from_static(value));
            }
        }
    }

    #[test]
    fn token_lists_are_read_in_any_letter_case() {
        let request = request(|_| {});
        assert_eq!(wish(&request), Wish::WebSocket);
        assert_eq!(check_request(&request).expect("sound"), KEY);
    }

    #[test]
    fn each_requirement_of_section_4_2_1_is_checked() {
        type Change = Box<dyn Fn(&mut Request<Empty<bytes::Bytes>>)>;
        let cases: Vec<(&str, Change, Refusal)> = vec![
            ("POST", Box::new(|r| *r.method_mut() = Method::POST), Refusal::BadHandshake),
            ("HTTP/1.0", Box::new(|r| *r.version_mut() = Version::HTTP_10), Refusal::BadHandshake),
            ("no Connection", Box::new(set("connection", "")), Refusal::BadHandshake),
            ("other Connection", Box::new(set("connection", "close")), Refusal::BadHandshake),
            ("no version", Box::new(set("sec-websocket-version", "")), Refusal::BadHandshake),
            ("version 8", Box::new(set("sec-websocket-version", "8")), Refusal::Version),
            ("version 013", Box::new(set("sec-websocket-version", "013")), Refusal::Version),
            ("no key", Box::new(set("sec-websocket-key", "")), Refusal::BadHandshake),
            ("short key", Box::new(set("sec-websocket-key", "YQ==")), Refusal::BadHandshake),
            ("a body", Box::new(set("content-length", "3")), Refusal::BadHandshake),
            ("chunks", Box::new(set("transfer-encoding", "chunked")), Refusal::BadHandshake),
        ];
        for (what, change, refusal) in cases {
            assert_eq!(check_request(&request(&*change)).err(), Some(refusal), "{what}");
        }
        let twice = request(|r| {
            r.headers_mut().append("sec-websocket-key", HeaderValue::from_static(KEY));
        });
        assert_eq!(check_request(&twice).err(), Some(Refusal::BadHandshake));
    }

    #[test]
    fn other_upgrades_are_told_apart_from_plain_requests() {
        assert_eq!(wish(&request(set("upgrade", "h2c"))), Wish::Foreign);
        assert_eq!(wish(&request(set("upgrade", ""))), Wish::Plain);
        let mut ignored = request(set("upgrade", "h2c"));
        set("connection", "keep-alive")(&mut ignored);
        assert_eq!(wish(&ignored), Wish::Plain);
        assert_eq!(wish(&request(|r| *r.method_mut() = Method::CONNECT)), Wish::Foreign);
    }

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        fields.iter().map(pair).collect()
    }

    #[test]
    fn a_backend_may_answer_only_what_was_offered() {
        let accept = ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let (up, conn) = (("upgrade", "websocket"), ("connection", "Upgrade"));
        let offer = map(&[
            ("sec-websocket-protocol", "chat, mqtt"),
            ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
        ]);
        let none = HeaderMap::new();
        let key = HeaderValue::from_static(KEY);
        let deflate = ("sec-websocket-extensions", "permessage-deflate; server_max_window_bits=12");
        let mqtt = ("sec-websocket-protocol", "mqtt");
        let check = |fields: &[_], offered| check_answer(&map(fields), offered, &key);
        assert_eq!(check(&[up, conn, accept], &none), Ok(Agreed { compressed: false }));
        let full = check(&[up, conn, accept, deflate, mqtt], &offer);
        assert_eq!(full, Ok(Agreed { compressed: true }));
        assert_eq!(check(&[up, conn], &none), Err(Fault::BadAccept));
        assert_eq!(check(&[conn, accept], &none), Err(Fault::BadAccept));
        assert_eq!(check(&[up, accept], &none), Err(Fault::BadAccept));
        assert_eq!(check(&[up, conn, accept, mqtt], &none), Err(Fault::UnofferedSubprotocol));
        assert_eq!(check(&[up, conn, accept, deflate], &none), Err(Fault::UnofferedExtension));
        let empty = ("sec-websocket-protocol", "");
        assert_eq!(check(&[up, conn, accept, empty], &offer), Err(Fault::UnofferedSubprotocol));
    }
}

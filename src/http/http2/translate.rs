//! A request of HTTP/2 as the request of HTTP/1.1 that it stands for, and its answer back (RFC 9113
//! section 8, RFC 8441): behind this both are treated alike. Knows no connection.

use hyper::ext::Protocol;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, UPGRADE,
};
use hyper::{Method, Request, Response, StatusCode, Version};

use crate::config::model::Gateway;
use crate::framing::{is_target_byte, is_twin};
use crate::http::hop_by_hop::strip_hop_by_hop;
use crate::life::Refusal;
use crate::ws::key;

/// What a field costs besides its name and value: colon, space and line end.
const FIELD: usize = 4;

/// Rewrites `request`; whether it asks for a WebSocket (RFC 8441 section 5).
pub fn request<B>(request: &mut Request<B>) -> bool {
    *request.version_mut() = Version::HTTP_11;
    // RFC 9113 section 8.3.1. Where both are there, they are compared like Host and target.
    if !request.headers().contains_key(HOST)
        && let Some(host) = request.uri().authority()
        && let Ok(host) = HeaderValue::from_str(host.as_str())
    {
        request.headers_mut().insert(HOST, host);
    }
    join_cookies(request.headers_mut());
    let protocol = request.extensions_mut().remove::<Protocol>();
    let wanted = protocol.is_some_and(|it| it.as_str().eq_ignore_ascii_case("websocket"));
    if wanted && request.method() == Method::CONNECT {
        *request.method_mut() = Method::GET;
        let headers = request.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        // The client has none, and a backend wants one.
        if let Ok(key) = HeaderValue::try_from(key::fresh()) {
            headers.insert(SEC_WEBSOCKET_KEY, key);
        }
        return true;
    }
    false
}

/// What would have been refused in a head of HTTP/1.1 before hyper sees it, and comes through as HTTP/2: to
/// be asked before [`request`]. hyper has cut off a fragment of the path by now; nobody behind sees it.
pub fn ambiguity<B>(request: &Request<B>) -> Option<Refusal> {
    let headers = request.headers();
    let two_lengths = headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some();
    let twin = headers.keys().any(|it| is_twin(it.as_str().as_bytes()));
    let target = request.uri().path_and_query().map_or("", |it| it.as_str());
    let sound = !two_lengths && !twin && target.bytes().all(is_target_byte);
    (!sound).then_some(Refusal::BadRequest)
}

/// What is wrong with the size of a head that is counted as one of HTTP/1.1.
pub fn oversize<B>(request: &Request<B>, gateway: &Gateway) -> Option<Refusal> {
    let headers = request.headers();
    let fields: usize = headers.iter().map(|it| it.0.as_str().len() + it.1.len() + FIELD).sum();
    let target = request.uri().path_and_query().map_or(0, |it| it.as_str().len());
    let over = fields + target > gateway.header_size || headers.len() > gateway.headers;
    over.then_some(Refusal::HeadTooLarge)
}

/// Rewrites `response`: what is for one connection of HTTP/1.1 goes, and a switch is a 200.
pub fn response<B>(response: &mut Response<B>) {
    strip_hop_by_hop(response.headers_mut());
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        *response.status_mut() = StatusCode::OK;
        response.headers_mut().remove(SEC_WEBSOCKET_ACCEPT);
    }
}

/// HTTP/2 may send a Cookie in crumbs; behind us they are one field (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let (Some(first), Some(second)) = (crumbs.next(), crumbs.next()) else { return };
    let mut whole = [first, b"; ", second].concat();
    for crumb in crumbs {
        whole.extend_from_slice(b"; ");
        whole.extend_from_slice(crumb);
    }
    if let Ok(whole) = HeaderValue::from_bytes(&whole) {
        headers.insert(COOKIE, whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::handshake::{Wish, check_request, wish};
    use http_body_util::Empty;

    type Plain = Request<Empty<bytes::Bytes>>;

    fn ask(method: Method) -> Plain {
        let request = Request::builder().method(method).uri("https://game.test/chat?a=1");
        let mut request = request.version(Version::HTTP_2).body(Empty::new()).expect("valid");
        for crumb in ["a=1", "b=2", "c=3"] {
            request.headers_mut().append(COOKIE, HeaderValue::from_static(crumb));
        }
        request
    }

    #[test]
    fn a_plain_request_gets_its_host_and_a_whole_cookie() {
        let mut plain = ask(Method::GET);
        assert!(!request(&mut plain));
        assert_eq!(plain.headers()[HOST], "game.test");
        let cookies: Vec<_> = plain.headers().get_all(COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; b=2; c=3"]);
        assert_eq!(wish(&plain), Wish::Plain);
        let mut other = ask(Method::GET);
        other.headers_mut().insert(HOST, HeaderValue::from_static("evil.test"));
        request(&mut other);
        assert_eq!(other.headers()[HOST], "evil.test", "who disagrees is refused later");
    }

    #[test]
    fn an_extended_connect_becomes_a_sound_handshake_with_a_key_of_ours() {
        let mut socket = ask(Method::CONNECT);
        socket.extensions_mut().insert(Protocol::from_static("websocket"));
        let version = HeaderValue::from_static("13");
        socket.headers_mut().insert("sec-websocket-version", version);
        assert!(request(&mut socket));
        assert_eq!(wish(&socket), Wish::WebSocket);
        check_request(&socket).expect("as RFC 6455 has it");
        let mut tunnel = ask(Method::CONNECT);
        tunnel.extensions_mut().insert(Protocol::from_static("connect-udp"));
        assert!(!request(&mut tunnel));
        assert_eq!(wish(&tunnel), Wish::Foreign);
    }

    #[test]
    fn a_switch_is_told_as_200_and_nothing_of_one_connection_is() {
        let mut answer = Response::builder()
            .status(101)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-accept", "x")
            .header("sec-websocket-protocol", "chat")
            .body(())
            .expect("valid");
        response(&mut answer);
        assert_eq!(answer.status(), 200);
        let names: Vec<_> = answer.headers().keys().map(|it| it.as_str()).collect();
        assert_eq!(names, ["sec-websocket-protocol"]);
    }
}

//! Traps of well-known backends that show in the handshake: from what was asked and answered to
//! what whoever runs the gateway is told to do about it. Knows no streams.

use std::sync::atomic::{AtomicBool, Ordering};

use hyper::StatusCode;
use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};

use super::handshake::first_subprotocol;
use crate::config::model::Subprotocol;
use crate::life::{Cause, Fault, Stage};
use crate::observe::record::Record;

/// What was said of a route already: settings are named once, not for each socket. A reload
/// begins anew.
#[derive(Debug, Default)]
pub struct Hints {
    origin: AtomicBool,
    subprotocol: AtomicBool,
}

/// The version of Engine.IO that a query names; 3 when it names none, as Socket.IO servers take it.
pub fn engine_io(query: Option<&str>) -> u8 {
    let pairs = query.into_iter().flat_map(|it| it.split('&'));
    let mut named = pairs.filter_map(|it| it.strip_prefix("EIO="));
    named.next().and_then(|it| it.parse().ok()).unwrap_or(3)
}

/// What a backend's failure at `stage` often means; `target` is the path that was asked for.
pub fn of_failure(stage: Stage, cause: Cause, target: &str) -> Option<&'static str> {
    match cause {
        Cause::Backend(Fault::NoAnswer) if stage == Stage::Handshake => {
            Some(if names_socket_io(target) { NOT_ITS_PATH } else { NO_ANSWER })
        }
        Cause::Backend(Fault::UnaskedUpgrade) => Some(UNASKED),
        Cause::Backend(Fault::BadAccept) => Some(BAD_ACCEPT),
        _ => None,
    }
}

/// A backend declined a handshake that was sent with `asked`: names its Origin rule.
pub fn declined(status: StatusCode, asked: &HeaderMap, hints: &Hints, record: &mut Record) {
    let Some(words) = of_refusal(status, asked) else { return };
    if !hints.origin.swap(true, Ordering::Relaxed) {
        let (backend, route) = (&record.line.backend, &record.line.route);
        tracing::warn!(%backend, %route, detail = %words, "a known trap; said once for this route");
    }
    record.detail(words);
}

fn of_refusal(status: StatusCode, asked: &HeaderMap) -> Option<String> {
    if status != StatusCode::FORBIDDEN {
        return None;
    }
    let (origin, host) = (text(asked, &ORIGIN)?, text(asked, &HOST).unwrap_or_default());
    Some(format!(
        "403 to a handshake with Origin {origin} and Host {host}: probably the backend's Origin \
         rule. Admit it there (Spring: setAllowedOrigins, Go: CheckOrigin), or on this route \
         set_headers = {{ Origin = \"https://{host}\" }} or remove_headers = [\"Origin\"], and let \
         clients.origins be the rule"
    ))
}

/// A backend switched: `wanted` was the first subprotocol offered to it.
pub fn switched(
    wanted: Option<&str>,
    answer: &HeaderMap,
    policy: &Subprotocol,
    hints: &Hints,
    record: &mut Record,
) {
    if !is_unechoed(wanted, answer, policy) {
        return;
    }
    if !hints.subprotocol.swap(true, Ordering::Relaxed) {
        let (backend, route) = (&record.line.backend, &record.line.route);
        tracing::warn!(%backend, %route, detail = UNECHOED, "a known trap; said once for this route");
    }
    record.remark = Some(UNECHOED);
}

fn is_unechoed(wanted: Option<&str>, answer: &HeaderMap, policy: &Subprotocol) -> bool {
    wanted.is_some() && *policy == Subprotocol::Pass && first_subprotocol(answer).is_none()
}

/// The first words of an answer that declined a handshake, for they often say why.
pub fn quote(body: &[u8], record: &mut Record) {
    let declined = Cause::Backend(Fault::Declined);
    if record.ended().map(|it| it.cause) != Some(declined) {
        return;
    }
    let Some(words) = excerpt(body) else { return };
    let detail = &mut record.line.detail;
    if !detail.is_empty() {
        detail.push_str("; ");
    }
    detail.push_str("it said: ");
    detail.push_str(&words);
}

/// Text up to [`QUOTE_MAX`] bytes, its white space made single; `None` when it is not text.
fn excerpt(body: &[u8]) -> Option<String> {
    let begin = &body[..body.len().min(QUOTE_MAX)];
    let text = match std::str::from_utf8(begin) {
        Ok(text) => text,
        // A character that was cut in two is no fault of the text's.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&begin[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!words.is_empty() && !words.contains(char::is_control)).then_some(words)
}

fn names_socket_io(target: &str) -> bool {
    target.contains("socket.io") || target.contains("EIO=")
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Most bytes of an answer that the access line quotes.
const QUOTE_MAX: usize = 120;

const NOT_ITS_PATH: &str = "a Socket.IO server hangs up like this when the path is not its own: \
    compare its `path` option with the path it is sent (`strip_prefix` changes that)";

const NO_ANSWER: &str = "it hung up on the handshake: a server for another path or protocol \
    (Socket.IO does so for a wrong path), or it crashed: see its own log";

const UNASKED: &str = "101 to a request that asked for no WebSocket: GatewayWorker answers so \
    whenever there is a Sec-WebSocket-Key; let what is in front of wsgate pass `Connection` and \
    `Upgrade` on, or send plain HTTP to another server";

const BAD_ACCEPT: &str = "101 that is no answer to the handshake: its Sec-WebSocket-Accept, \
    Upgrade or Connection is missing or wrong; is it a WebSocket server at all?";

const UNECHOED: &str = "the client offered a subprotocol and the backend chose none: browsers, \
    developer tools and Douyin then fail; subprotocol = \"echo_first\" on this route helps them";

#[cfg(test)]
mod tests {
    use super::super::testing::fields;
    use super::*;

    #[test]
    fn the_version_of_engine_io_is_the_one_in_the_query() {
        assert_eq!(engine_io(Some("EIO=4&transport=websocket")), 4);
        assert_eq!(engine_io(Some("transport=websocket&EIO=3")), 3);
        for none in [None, Some(""), Some("transport=websocket"), Some("EIO=x"), Some("xEIO=4")] {
            assert_eq!(engine_io(none), 3, "{none:?}");
        }
    }

    #[test]
    fn each_failure_has_its_words_and_others_have_none() {
        let of = |stage, fault, target| of_failure(stage, Cause::Backend(fault), target);
        let silent = |target| of(Stage::Handshake, Fault::NoAnswer, target);
        assert_eq!(silent("/applet/socket.io/?EIO=3"), Some(NOT_ITS_PATH));
        assert_eq!(silent("/applet/?EIO=3&transport=websocket"), Some(NOT_ITS_PATH));
        assert_eq!(silent("/chat"), Some(NO_ANSWER));
        assert_eq!(of(Stage::Exchange, Fault::NoAnswer, "/socket.io/"), None, "plain HTTP");
        assert_eq!(of(Stage::Exchange, Fault::UnaskedUpgrade, "/"), Some(UNASKED));
        assert_eq!(of(Stage::Handshake, Fault::BadAccept, "/"), Some(BAD_ACCEPT));
        assert_eq!(of(Stage::Connect, Fault::Refused, "/socket.io/"), None);
    }

    #[test]
    fn a_403_is_an_origin_rule_only_when_an_origin_was_sent() {
        let asked = fields("Origin: https://servicewechat.com\nHost: game.example.com");
        let words = of_refusal(StatusCode::FORBIDDEN, &asked).expect("words");
        for part in [
            "Origin https://servicewechat.com and Host game.example.com",
            "set_headers = { Origin = \"https://game.example.com\" }",
            "remove_headers = [\"Origin\"]",
        ] {
            assert!(words.contains(part), "{part} in {words}");
        }
        assert_eq!(of_refusal(StatusCode::UNAUTHORIZED, &asked), None);
        assert_eq!(of_refusal(StatusCode::FORBIDDEN, &fields("Host: a")), None);
    }

    #[test]
    fn an_answer_is_quoted_as_far_as_it_is_text() {
        let quoted = |body: &str| excerpt(body.as_bytes());
        assert_eq!(quoted("<h1>\r\n  No  such hub</h1>\n"), Some("<h1> No such hub</h1>".into()));
        assert_eq!(quoted(&"é".repeat(100)), Some("é".repeat(60)));
        assert_eq!(quoted(&format!("x{}", "é".repeat(100))), Some(format!("x{}", "é".repeat(59))));
        assert_eq!(quoted(" \n"), None);
        assert_eq!(quoted("a\u{1b}[31m"), None);
        assert_eq!(excerpt(b"\x1f\x8b\x08\0\0"), None);
    }

    #[test]
    fn a_subprotocol_is_missed_only_where_it_was_offered_and_the_route_does_nothing_about_it() {
        let (none, some) = (fields(""), fields("Sec-WebSocket-Protocol: mqtt"));
        assert!(is_unechoed(Some("mqtt"), &none, &Subprotocol::Pass));
        assert!(!is_unechoed(Some("mqtt"), &some, &Subprotocol::Pass));
        assert!(!is_unechoed(None, &none, &Subprotocol::Pass));
        assert!(!is_unechoed(Some("mqtt"), &none, &Subprotocol::EchoFirst));
        assert!(!is_unechoed(Some("mqtt"), &none, &Subprotocol::Strip));
    }
}

//! The head of an answer, as received. Knows nothing of what it should say.

use crate::probe::clean::printable;
use crate::probe::report::Handshake;

/// More fields than this are no answer.
const FIELDS: usize = 200;

/// Where the head ends, once it is whole.
pub fn end(buffer: &[u8]) -> Option<usize> {
    buffer.windows(4).position(|it| it == b"\r\n\r\n").map(|it| it + 4)
}

/// Whether what came so far is the beginning of HTTP/1.
pub fn may_become_http(buffer: &[u8]) -> bool {
    let known = buffer.len().min(HTTP.len());
    buffer[..known] == HTTP[..known]
}

/// Reads a whole head; `None` when it is none.
pub fn parse(head: &[u8]) -> Option<Handshake> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let config = httparse::ParserConfig::default();
    match config.parse_response(&mut response, head) {
        Ok(httparse::Status::Complete(_)) => {}
        _ => return None,
    }
    let headers = response
        .headers
        .iter()
        .map(|field| (field.name.to_owned(), printable(&String::from_utf8_lossy(field.value))));
    let mut handshake = Handshake {
        status: response.code,
        reason: printable(response.reason.unwrap_or_default()),
        headers: headers.collect(),
        ..Handshake::default()
    };
    handshake.subprotocol = handshake.header("sec-websocket-protocol");
    handshake.extensions = handshake.header("sec-websocket-extensions");
    Some(handshake)
}

const HTTP: &[u8] = b"HTTP/1.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_told_from_what_is_none_as_soon_as_possible() {
        assert!(may_become_http(b"") && may_become_http(b"HTTP") && may_become_http(b"HTTP/1.1 2"));
        assert!(!may_become_http(b"HTTP/2") && !may_become_http(b"\x00"));
        assert_eq!(end(b"HTTP/1.1 200 OK\r\n\r\nabc"), Some(19));
        assert_eq!(end(b"HTTP/1.1 200 OK\r\n\r"), None);
        assert!(parse(b"HTTP/1.1 two OK\r\n\r\n").is_none());
    }

    #[test]
    fn control_characters_of_a_server_do_not_reach_the_terminal() {
        let head = b"HTTP/1.1 403 No\r\nX-A: \xff[31m\r\nx-a: 2\r\n\r\n";
        let handshake = parse(head).expect("a head");
        assert_eq!(handshake.status, Some(403));
        assert_eq!(handshake.header("X-a").as_deref(), Some("\u{fffd}[31m, 2"));
    }
}

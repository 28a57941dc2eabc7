//! Traps of well-known backends that show only in what is said behind the 101: how they are
//! recognised, and what whoever runs the gateway is told to do about them.

use std::fmt;

use crate::observe::record::Record;
use crate::ws::short::Short;

/// Something that looks like a broken socket and is a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trap {
    /// The backend's first bytes are an HTTP answer; the client named this version of Engine.IO.
    HttpBehindSwitch { engine_io: u8 },
    /// The client's SignalR handshake does not end.
    NoSeparator,
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HttpBehindSwitch { engine_io: ..4 } => f.write_str(
                "HTTP text behind the 101: a Socket.IO server of version 3 or later and a client \
                 of version 1 or 2 (EIO=3): set allowEIO3: true on the server, or update the client",
            ),
            Self::HttpBehindSwitch { engine_io } => write!(
                f,
                "HTTP text behind the 101: the server does not speak the client's version of \
                 Socket.IO (EIO={engine_io}): let both have the same major version",
            ),
            Self::NoSeparator => f.write_str(
                "SignalR handshake without its last byte: append \\u001e to every message that \
                 the client sends, the server drops it after 15s otherwise",
            ),
        }
    }
}

/// Names a trap in the log and in the access line.
pub(super) fn name(trap: Trap, record: &mut Record) {
    let (backend, route) = (&record.line.backend, &record.line.route);
    tracing::warn!(%backend, %route, detail = %trap, "a known trap");
    record.detail(trap);
}

/// Whether a stream begins with the status line of an HTTP answer. Two bytes are enough: no frame
/// begins like that.
pub(super) fn is_http(begin: &[u8]) -> bool {
    let known = begin.len().min(HTTP.len());
    known >= 2 && begin[..known] == HTTP[..known]
}

/// Whether a client's first message is a SignalR handshake that does not end.
pub(super) fn lacks_separator(first: &Short) -> bool {
    let said = first.payload();
    let names_protocol = said.windows(PROTOCOL.len()).any(|it| it == PROTOCOL);
    first.is_text && said.starts_with(b"{") && names_protocol && !said.contains(&SEPARATOR)
}

const HTTP: &[u8] = b"HTTP/";
const PROTOCOL: &[u8] = b"\"protocol\"";
const SEPARATOR: u8 = 0x1e;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::scan::{Scanner, Sender, Step};
    use crate::ws::short::Lengths;

    fn short(first: u8, payload: &[u8]) -> Short {
        let mut scanner = Scanner::new(Sender::Server, None, false);
        scanner.want(Lengths::ALL);
        let frame = [&[first, payload.len() as u8], payload].concat();
        match scanner.step(&frame) {
            Ok(Step::Short { short, .. }) => short,
            _ => panic!("{payload:?} is a short message"),
        }
    }

    #[test]
    fn an_http_answer_is_recognised_by_however_much_of_it_is_there() {
        for begin in ["HTTP/1.1 400 Bad Request\r\n", "HTTP/", "HTT", "HT"] {
            assert!(is_http(begin.as_bytes()), "{begin}");
        }
        for other in [&b"H"[..], b"", b"HT\x81\x01", b"\x81\x01a", b"http/1.1"] {
            assert!(!is_http(other), "{other:?}");
        }
    }

    #[test]
    fn a_signalr_handshake_is_missing_its_end_only_when_it_is_one() {
        let json = b"{\"protocol\":\"json\",\"version\":1}";
        let packed = b"{\"protocol\": \"messagepack\", \"version\": 1}";
        assert!(lacks_separator(&short(0x81, json)) && lacks_separator(&short(0x81, packed)));
        assert!(!lacks_separator(&short(0x82, json)), "binary");
        let ended = [&json[..], b"\x1e"].concat();
        assert!(!lacks_separator(&short(0x81, &ended)));
        let and_more = [&json[..], b"\x1e{\"type\":6}"].concat();
        assert!(!lacks_separator(&short(0x81, &and_more)), "the handshake has its end");
        assert!(!lacks_separator(&short(0x81, b"{\"type\":1}")), "no handshake");
        assert!(!lacks_separator(&short(0x81, b"hello")));
    }

    #[test]
    fn the_words_name_the_version_of_the_client() {
        let words = |engine_io| Trap::HttpBehindSwitch { engine_io }.to_string();
        assert!(words(3).contains("allowEIO3: true"), "{}", words(3));
        assert!(words(4).contains("EIO=4") && !words(4).contains("allowEIO3"), "{}", words(4));
    }
}

//! The fields that are meant for one connection and must not be passed on.
//! Knows fields, and nothing of who sends them where.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Removes what is meant for this hop only (RFC 9110 section 7.6.1): the fields that Connection
/// names, then those known to be; of TE only `trailers` stays.
///
/// Goes before [`apply`](super::forwarded::apply) and before anything of ours is set, because
/// Connection is the peer's to write. The names in it that are end to end (`Host`, `Cookie`,
/// `X-Forwarded-For`, …) are ignored.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = tokens(headers, &header::CONNECTION)
        .filter_map(|it| HeaderName::from_bytes(it).ok())
        .filter(|it| !is_end_to_end(it.as_str()))
        .collect();
    let trailers = tokens(headers, &header::TE).any(|it| it.eq_ignore_ascii_case(b"trailers"));
    for name in named.iter().map(HeaderName::as_str).chain(HOP_BY_HOP.iter().copied()) {
        headers.remove(name);
    }
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

/// The elements of a list field, over all its lines.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    lines.flat_map(|it| it.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

/// Whether a field is for the backend, whatever Connection says: those that framing, routing and
/// access decisions rest on.
fn is_end_to_end(name: &str) -> bool {
    name.starts_with("sec-") || name.starts_with("x-forwarded-") || END_TO_END.contains(&name)
}

const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

const END_TO_END: &[&str] = &[
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "location",
    "origin",
    "referer",
    "set-cookie",
    "user-agent",
    "via",
    "x-real-ip",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::fields;

    #[test]
    fn what_is_meant_for_this_hop_goes_no_further() {
        let table = [
            ("connection: close", ""),
            ("connection: keep-alive\nkeep-alive: timeout=5\nproxy-connection: keep-alive", ""),
            ("connection: Upgrade, HTTP2-Settings\nupgrade: h2c\nhttp2-settings: AA", ""),
            (
                "connection: X-One , ,x-two\nconnection: x-three\nx-one: 1\nx-two: 2\nx-two: 3\nx-three: 3\nx-four: 4",
                "x-four: 4",
            ),
            ("proxy-authorization: Basic eA==\nauthorization: Bearer x", "authorization: Bearer x"),
            ("proxy-authenticate: Basic", "proxy-authenticate: Basic"),
            ("transfer-encoding: chunked\ntrailer: x-sum\ncontent-type: a/b", "content-type: a/b"),
            ("te: trailers\nconnection: te", "te: trailers"),
            ("te: deflate;q=0.5, Trailers\nte: gzip", "te: trailers"),
            ("te: gzip", ""),
            ("te: trailers;q=0", ""),
            ("connection: (, \"x\"\nx: 1", "x: 1"),
        ];
        for (came, expected) in table {
            let mut headers = fields(came);
            strip_hop_by_hop(&mut headers);
            assert_eq!(headers, fields(expected), "{came}");
        }
    }

    #[test]
    fn connection_cannot_name_a_field_that_is_end_to_end() {
        let kept = "host: a\ncontent-length: 5\ncontent-type: a/b\ncookie: c\nauthorization: d\norigin: e
            referer: f\nx-forwarded-for: 1.1.1.1\nx-forwarded-user: g\nx-real-ip: 1.1.1.1\nforwarded: for=h
            sec-websocket-key: i\nsec-websocket-version: 13\nsec-fetch-mode: j";
        for name in fields(kept).keys() {
            let mut headers = fields(&format!("{kept}\nconnection: close, {name}"));
            strip_hop_by_hop(&mut headers);
            assert_eq!(headers, fields(kept), "{name}");
        }
    }
}

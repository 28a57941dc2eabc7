//! Routes that the gateway answers itself: redirects and fixed replies, whatever the method. Knows
//! neither backends nor who may come.

use std::fmt::Write;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Response, StatusCode, Uri};

use super::errors::{Told, error};
use super::path;
use super::reply::{ReplyBody, text, whole};
use crate::config::model::{Location, LocationPart, Redirect, Reply};

/// What a [`Location`] is filled in with.
pub struct Asked<'a> {
    /// Without a port.
    pub host: &'a str,
    /// The request's target.
    pub uri: &'a Uri,
    /// Its normalised path.
    pub path: &'a str,
    /// How much of that the route's path matched.
    pub prefix_len: usize,
}

/// What a route answers that leads to no backend.
pub enum Own {
    /// Its clients are sent elsewhere.
    Redirect(Redirect),
    /// It always says the same.
    Reply(Reply),
}

impl Own {
    /// The answer to one request.
    pub fn answer(&self, asked: &Asked<'_>, told: &Told<'_>) -> Response<ReplyBody> {
        match self {
            Self::Redirect(it) => redirect(it, asked),
            Self::Reply(it) => reply(it, told),
        }
    }
}

fn redirect(redirect: &Redirect, asked: &Asked<'_>) -> Response<ReplyBody> {
    let status = StatusCode::from_u16(redirect.status).unwrap_or(StatusCode::FOUND);
    let location = asked.fill(&redirect.location);
    let phrase = status.canonical_reason().unwrap_or_default();
    let mut response = text(status, format!("{} {phrase}: {location}\n", status.as_u16()));
    // It is visible ASCII, whatever was asked.
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

fn reply(reply: &Reply, told: &Told<'_>) -> Response<ReplyBody> {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let Some(body) = &reply.body else { return error(status, None, told) };
    let mut response = Response::new(whole(Bytes::copy_from_slice(body.as_bytes())));
    *response.status_mut() = status;
    if !body.is_empty()
        && let Ok(kind) = HeaderValue::from_str(&reply.content_type)
    {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

impl Asked<'_> {
    /// The location as visible ASCII: all else is percent-encoded, so that no request can end the
    /// field or begin another.
    fn fill(&self, location: &Location) -> String {
        let mut filled = String::new();
        for part in &location.0 {
            match part {
                LocationPart::Text(text) => filled.push_str(text),
                LocationPart::Host => encode(&mut filled, &self.host.to_ascii_lowercase()),
                LocationPart::Uri => {
                    join(&mut filled, self.uri.path());
                    if let Some(query) = self.uri.query() {
                        filled.push('?');
                        encode(&mut filled, query);
                    }
                }
                LocationPart::Path => join(&mut filled, self.uri.path()),
                LocationPart::Query => match self.uri.query() {
                    Some(query) => encode(&mut filled, query),
                    None if filled.ends_with('?') => drop(filled.pop()),
                    None => {}
                },
                LocationPart::Rest => self.rest(&mut filled),
            }
        }
        filled
    }

    /// What stands behind the prefix, as `strip_prefix` would leave it.
    fn rest(&self, filled: &mut String) {
        let rest = self.path.get(self.prefix_len..).unwrap_or_default();
        if rest.is_empty() {
            // A location that is nothing else leads to the root.
            if filled.is_empty() {
                filled.push('/');
            }
            return;
        }
        join(filled, &path::encode(&format!("/{}", rest.trim_start_matches('/'))));
    }
}

/// Puts a path behind what is there: one `/` at the seam, and at the beginning one only, since
/// `//name` is another host (RFC 3986 section 4.2).
fn join(filled: &mut String, path: &str) {
    if filled.is_empty() || filled.ends_with('/') {
        filled.truncate(filled.len().saturating_sub(1));
        filled.push('/');
        encode(filled, path.trim_start_matches('/'));
    } else {
        encode(filled, path);
    }
}

/// Bytes that stand for themselves in a URI, a `%` that is there already too; all others as escapes.
fn encode(filled: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte) {
            filled.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(filled, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(parts: &[LocationPart], uri: &str, prefix_len: usize) -> String {
        let uri: Uri = uri.parse().expect(uri);
        let path = path::normalise(uri.path()).expect("a path").into_owned();
        let asked = Asked { host: "Game.example.com", uri: &uri, path: &path, prefix_len };
        asked.fill(&Location(parts.to_vec()))
    }

    fn text(text: &str) -> LocationPart {
        LocationPart::Text(text.to_owned())
    }

    #[test]
    fn what_was_asked_goes_into_the_location() {
        use LocationPart::{Host, Path, Query, Rest, Uri};
        let to = || text("https://www.example.com");
        let cases = [
            (vec![to(), Uri], "/a//b%20c?x=1&y", "https://www.example.com/a//b%20c?x=1&y"),
            (vec![text("https://"), Host, Uri], "/", "https://game.example.com/"),
            (vec![to(), text("/?q="), Query], "/a?x=1", "https://www.example.com/?q=x=1"),
            (vec![to(), Path, text("?"), Query], "/a?b", "https://www.example.com/a?b"),
            (vec![to(), Path, text("?"), Query], "/a", "https://www.example.com/a"),
            (vec![text("/new"), Rest, text("?"), Query], "/old/a%20b/c?d", "/new/a%20b/c?d"),
            (vec![text("/new/"), Rest], "/old/x", "/new/x"),
            (vec![text("/new"), Rest], "/old", "/new"),
            (vec![to(), Rest], "/old/x/", "https://www.example.com/x/"),
        ];
        for (parts, uri, expected) in cases {
            assert_eq!(filled(&parts, uri, 4), expected, "{uri}");
        }
    }

    #[test]
    fn no_request_chooses_the_host() {
        use LocationPart::{Path, Rest, Uri};
        for (parts, uri) in [
            (vec![Uri], "http://a//evil.example/x"),
            (vec![Path], "http://a///evil.example/x"),
            (vec![text("/"), Path], "http://a//evil.example/x"),
            (vec![Rest], "http://a/old//evil.example/x"),
            (vec![text("/"), Rest], "http://a/old//evil.example/x"),
        ] {
            assert_eq!(filled(&parts, uri, 4).replace("/old", ""), "/evil.example/x", "{uri}");
        }
        let to = || text("https://www.example.com");
        let behind = filled(&[to(), Rest], "/old/evil", 5);
        assert_eq!(behind, "https://www.example.com/evil");
        assert_eq!(filled(&[Rest], "/old", 4), "/");
    }

    #[test]
    fn nothing_in_a_request_ends_the_field() {
        let all = filled(
            &[text("/x"), LocationPart::Uri, LocationPart::Rest],
            "/old/%20a:%c3%a9?{b}%0d%0aSet-Cookie:%20a=b",
            4,
        );
        assert_eq!(all, "/x/old/%20a:%c3%a9?%7Bb%7D%0d%0aSet-Cookie:%20a=b/%20a:%C3%A9");
        assert!(HeaderValue::from_str(&all).is_ok());
    }
}

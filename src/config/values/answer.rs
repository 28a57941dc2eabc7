//! What routes answer themselves: where a redirect leads, which statuses there are, which errors a
//! page is for, which fields of an answer may be changed.

use crate::config::model::{Errors, Location, LocationPart};
use crate::config::values::Wrong;
use crate::config::values::http::{token, untouchable};

/// The names that `redirect` fills in for each request.
pub const LOCATION_NAMES: &[&str] = &["host", "uri", "path", "query", "rest"];

/// Most bytes of `reply.body`.
pub const LONGEST_BODY: usize = 64 * 1024;

/// Where a redirect leads, cut at the names that are filled in for each request.
pub fn location(text: &str) -> Result<Location, Wrong> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        push_text(&mut parts, &rest[..start])?;
        parts.push(match &rest[start + 2..start + length] {
            "host" => LocationPart::Host,
            "uri" => LocationPart::Uri,
            "path" => LocationPart::Path,
            "query" => LocationPart::Query,
            "rest" => LocationPart::Rest,
            name => return Err(Wrong::new(format!("`${{{name}}}` is not known here"))),
        });
        rest = &rest[start + length + 1..];
    }
    push_text(&mut parts, rest)?;
    leads_somewhere(&parts)?;
    Ok(Location(parts))
}

fn push_text(parts: &mut Vec<LocationPart>, text: &str) -> Result<(), Wrong> {
    let stranger = text.chars().find(|it| !it.is_ascii_graphic() || "\"<>\\^`{|}".contains(*it));
    if let Some(stranger) = stranger {
        let wrong = Wrong::new(format!("{stranger:?} cannot stand in a URL (RFC 3986 section 2)"));
        return Err(wrong.hint("write it percent-encoded, e.g. %20 for a blank"));
    }
    if !text.is_empty() {
        parts.push(LocationPart::Text(text.to_owned()));
    }
    Ok(())
}

/// A path of this host, or a scheme and a host that no request has a say in, but by `${host}`.
fn leads_somewhere(parts: &[LocationPart]) -> Result<(), Wrong> {
    let wrong = |why: &str| {
        Err(Wrong::new(why).hint("write e.g. \"https://www.example.com${uri}\", or \"/new\""))
    };
    let first = match parts.first() {
        Some(LocationPart::Text(text)) => text.as_str(),
        Some(LocationPart::Uri | LocationPart::Path | LocationPart::Rest) => return Ok(()),
        _ => return wrong("a redirect leads to a path or a URL"),
    };
    if first.starts_with('/') && !first.starts_with("//") {
        return Ok(());
    }
    let Some((scheme, mut host)) = first.split_once("://") else {
        return wrong("a redirect leads to a path or a URL with its scheme");
    };
    let letters = |it: u8| it.is_ascii_alphanumeric() || b"+-.".contains(&it);
    if !scheme.starts_with(|it: char| it.is_ascii_alphabetic()) || !scheme.bytes().all(letters) {
        return wrong("a scheme is letters and digits, e.g. `https`");
    }
    for part in &parts[1..] {
        if host.contains(['/', '?', '#']) {
            break;
        }
        match part {
            LocationPart::Host if host.is_empty() => host = "${host}",
            // Nothing may stand behind the prefix: then the host goes on.
            LocationPart::Rest if !host.is_empty() => {}
            LocationPart::Text(text) => host = text,
            LocationPart::Uri | LocationPart::Path if !host.is_empty() => return Ok(()),
            _ => return wrong("the host is written out, or `${host}` alone"),
        }
    }
    let missing = host.is_empty() || host.starts_with('/') && first.contains(":///");
    if missing { wrong("the host is missing") } else { Ok(()) }
}

/// A status that says where else to look (RFC 9110 section 15.4).
pub fn redirect_status(status: i64) -> Result<u16, Wrong> {
    match u16::try_from(status) {
        Ok(status @ (301 | 302 | 303 | 307 | 308)) => Ok(status),
        _ => Err(Wrong::new(format!("{status} is no redirect"))
            .hint("301 and 308 are permanent, 302 and 307 are not; 307 and 308 keep the method")),
    }
}

/// A status of a fixed answer.
pub fn reply_status(status: i64) -> Result<u16, Wrong> {
    match u16::try_from(status) {
        Ok(status @ (200..=299 | 400..=599)) => Ok(status),
        Ok(300..=399) => Err(Wrong::new(format!("{status} is no answer of its own"))
            .hint("send people elsewhere with `redirect`")),
        _ => Err(Wrong::new(format!("{status} is not a status from 200 to 299 or 400 to 599"))),
    }
}

/// A fixed body.
pub fn body(text: &str) -> Result<String, Wrong> {
    if text.len() > LONGEST_BODY {
        let message = format!("a fixed body has at most 64KiB, this has {} bytes", text.len());
        return Err(Wrong::new(message).hint("put it into a file behind a backend"));
    }
    Ok(text.to_owned())
}

/// `type/subtype`, perhaps with parameters (RFC 9110 section 8.3.1).
pub fn content_type(text: &str) -> Result<String, Wrong> {
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let sound = essence
        .trim()
        .split_once('/')
        .is_some_and(|(kind, subtype)| token(kind).is_ok() && token(subtype).is_ok());
    if !sound || !parameters.bytes().all(|it| it == b' ' || it.is_ascii_graphic()) {
        let wrong = Wrong::new(format!("`{text}` is no media type"));
        return Err(wrong.hint("write e.g. \"text/plain; charset=utf-8\""));
    }
    Ok(text.to_owned())
}

/// The errors of a key of `error_pages`: `404` or `5xx`.
pub fn errors(text: &str) -> Result<Errors, Wrong> {
    match text {
        "4xx" => return Ok(Errors::Class(4)),
        "5xx" => return Ok(Errors::Class(5)),
        _ => {}
    }
    match text.parse() {
        Ok(status @ 400..=599) if text.len() == 3 => Ok(Errors::One(status)),
        _ => Err(Wrong::new(format!("`{text}` is not a status of an error"))
            .hint("write one such as 404, or 4xx or 5xx; `error_page` is for all the others")),
    }
}

/// A field that may be set in answers; the name as written.
pub fn settable(text: &str) -> Result<String, Wrong> {
    let name = token(text)?;
    if name.eq_ignore_ascii_case("strict-transport-security") {
        let wrong = Wrong::new(format!("`{name}` is sent over TLS only (RFC 6797 section 7.2)"));
        return Err(wrong.hint("write `strict_transport_security` in [[sites]]"));
    }
    match untouchable(&name) {
        Some(why) => Err(Wrong::new(format!("`{name}` cannot be set: {why}"))),
        None => Ok(name),
    }
}

/// A field that may be removed from answers, lower-cased.
pub fn removable(text: &str) -> Result<String, Wrong> {
    let name = token(text)?.to_ascii_lowercase();
    match untouchable(&name) {
        Some(why) => Err(Wrong::new(format!("`{text}` cannot be removed: {why}"))),
        None => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_to_a_path_or_to_a_host_that_is_written() {
        for text in [
            "/new",
            "/",
            "${uri}",
            "/new${rest}",
            "https://www.example.com${uri}",
            "https://${host}${uri}",
            "http://a:8080/?q=${query}",
            "weixin://dl/chat?x=1",
            "https://a.example/${host}",
            "https://${host}:8443${uri}",
        ] {
            assert!(location(text).is_ok(), "{text}: {:?}", location(text));
        }
        for text in [
            "",
            "new",
            "//a.example/x",
            "www.example.com",
            "https://",
            "https:///x",
            "${query}",
            "${host}",
            "https://a.${host}/",
            "https://a.example${query}",
            "https://${host}${query}",
            "/a b",
            "/a\r\nSet-Cookie: a=b",
            "/é",
            "/${nope}",
            "1a://b",
            "/a\"b",
        ] {
            assert!(location(text).is_err(), "{text}");
        }
    }

    #[test]
    fn statuses_are_those_of_their_kind() {
        assert!([301, 302, 303, 307, 308].iter().all(|it| redirect_status(*it).is_ok()));
        assert!([200, 300, 304, 305, 400, -1].iter().all(|it| redirect_status(*it).is_err()));
        assert!([200, 204, 299, 400, 403, 599].iter().all(|it| reply_status(*it).is_ok()));
        assert!([-1, 0, 100, 101, 301, 304, 600].iter().all(|it| reply_status(*it).is_err()));
        assert_eq!(errors("404"), Ok(Errors::One(404)));
        assert_eq!(errors("5xx"), Ok(Errors::Class(5)));
        assert!(["200", "0404", "+404", "6xx", "all", ""].iter().all(|it| errors(it).is_err()));
    }

    #[test]
    fn a_body_has_a_size_and_a_type_its_form() {
        assert!(body(&"x".repeat(LONGEST_BODY)).is_ok());
        assert!(body(&"x".repeat(LONGEST_BODY + 1)).is_err());
        assert!(content_type("text/plain; charset=utf-8").is_ok());
        assert!(content_type("application/ld+json").is_ok());
        assert!(
            ["", "text", "text/", "a b/c", "text/html; a\r\nb"]
                .iter()
                .all(|it| content_type(it).is_err())
        );
    }

    #[test]
    fn framing_hop_by_hop_and_handshake_are_not_to_be_touched_in_answers() {
        for name in ["Connection", "transfer-encoding", "Content-Length", "Sec-WebSocket-Accept"] {
            assert!(settable(name).is_err() && removable(name).is_err(), "{name}");
        }
        assert!(settable("Strict-Transport-Security").is_err());
        assert_eq!(settable("X-Frame-Options").as_deref(), Ok("X-Frame-Options"));
        assert_eq!(removable("X-Powered-By").as_deref(), Ok("x-powered-by"));
    }
}

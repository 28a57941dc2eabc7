//! Header names and values, tokens, close codes: what RFC 9110 and RFC 6455 allow.

use crate::config::model::{Template, TemplatePart};
use crate::config::values::Wrong;

/// The names that `set_headers` fills in for each request.
pub const RUNTIME_NAMES: &[&str] = &["client_ip", "host", "scheme", "request_id"];

/// The longest reason of a Close frame: 125 bytes without the code (RFC 6455 section 5.5).
const LONGEST_REASON: usize = 123;

/// A code that may be on the wire (RFC 6455 section 7.4).
pub fn close_code(code: i64) -> Result<u16, Wrong> {
    match u16::try_from(code) {
        Ok(code @ (1000..=1003 | 1007..=1014 | 3000..=4999)) => Ok(code),
        Ok(1004..=1006 | 1015) => Err(Wrong::new(format!(
            "close code {code} must never be sent (RFC 6455 section 7.4.1)"
        ))),
        _ => Err(Wrong::new(format!("{code} is not a close code that may be sent"))
            .hint("use 1000 to 1014 (not 1004, 1005, 1006), or 3000 to 4999 for your own")),
    }
}

/// The text beside a close code.
pub fn close_reason(text: &str) -> Result<String, Wrong> {
    if text.len() > LONGEST_REASON {
        let length = text.len();
        let message =
            format!("a close reason has at most {LONGEST_REASON} bytes, this has {length}");
        return Err(Wrong::new(message));
    }
    Ok(text.to_owned())
}

/// The value of a Strict-Transport-Security field (RFC 6797 section 6.1).
pub fn strict_transport_security(text: &str) -> Result<String, Wrong> {
    let example = "write e.g. \"max-age=31536000; includeSubDomains\"";
    let mut seen = Vec::new();
    for directive in text.split(';').map(str::trim) {
        let (name, value) = match directive.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (directive, None),
        };
        let name = name.to_ascii_lowercase();
        let right = match (name.as_str(), value) {
            ("max-age", Some(seconds)) => {
                !seconds.is_empty() && seconds.bytes().all(|it| it.is_ascii_digit())
            }
            ("includesubdomains" | "preload", None) => true,
            _ => false,
        };
        if !right {
            let wrong = Wrong::new(format!("`{directive}` is no directive of RFC 6797"));
            return Err(wrong.hint(example));
        }
        if seen.contains(&name) {
            return Err(Wrong::new(format!("`{directive}` is written twice")));
        }
        seen.push(name);
    }
    if !seen.iter().any(|it| it == "max-age") {
        return Err(Wrong::new("`max-age` is missing (RFC 6797 section 6.1.1)").hint(example));
    }
    Ok(text.trim().to_owned())
}

/// A token of RFC 9110 section 5.6.2.
pub fn token(text: &str) -> Result<String, Wrong> {
    let letter = |it: u8| it.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&it);
    if text.is_empty() || !text.bytes().all(letter) {
        return Err(Wrong::new(format!("`{text}` is not a token (RFC 9110 section 5.6.2)")));
    }
    Ok(text.to_owned())
}

/// A field that a route may set toward the backend; the name as written.
pub fn settable_header(text: &str) -> Result<String, Wrong> {
    let name = token(text)?;
    match untouchable(&name) {
        Some(why) => Err(Wrong::new(format!("`{name}` cannot be set: {why}"))),
        None => Ok(name),
    }
}

/// A field that a route may remove toward the backend, lower-cased.
pub fn removable_header(text: &str) -> Result<String, Wrong> {
    let name = token(text)?.to_ascii_lowercase();
    if name == "host" {
        let wrong = Wrong::new(format!("`{text}` cannot be removed: HTTP/1.1 needs it"));
        return Err(wrong.hint("give it another value with `set_headers`"));
    }
    match untouchable(&name) {
        Some(why) => Err(Wrong::new(format!("`{text}` cannot be removed: {why}"))),
        None => Ok(name),
    }
}

/// A value of `set_headers`, cut at the names that are filled in for each request.
pub fn template(text: &str) -> Result<Template, Wrong> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        let part = match &rest[start + 2..start + length] {
            "client_ip" => TemplatePart::ClientIp,
            "host" => TemplatePart::Host,
            "scheme" => TemplatePart::Scheme,
            "request_id" => TemplatePart::RequestId,
            name => return Err(Wrong::new(format!("`${{{name}}}` is not known here"))),
        };
        push_text(&mut parts, &rest[..start])?;
        parts.push(part);
        rest = &rest[start + length + 1..];
    }
    push_text(&mut parts, rest)?;
    Ok(Template(parts))
}

fn push_text(parts: &mut Vec<TemplatePart>, text: &str) -> Result<(), Wrong> {
    if !text.bytes().all(|it| it == b' ' || it.is_ascii_graphic()) {
        return Err(Wrong::new("the value of a header is visible ASCII and spaces"));
    }
    if !text.is_empty() {
        parts.push(TemplatePart::Text(text.to_owned()));
    }
    Ok(())
}

/// Why a field is the gateway's own business.
pub fn untouchable(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "connection" | "upgrade" | "keep-alive" | "te" | "trailer" | "transfer-encoding" => {
            Some("it concerns one connection, not the request (RFC 9110 section 7.6.1)")
        }
        "content-length" => Some("it follows from the body"),
        _ if name.starts_with("proxy-") => {
            Some("it concerns one connection, not the request (RFC 9110 section 7.6.1)")
        }
        _ if name.starts_with("sec-websocket-") => {
            Some("it belongs to the WebSocket handshake; see `subprotocol` and `compression`")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_close_codes_for_the_wire_are_taken() {
        for code in [1000, 1001, 1003, 1007, 1012, 1014, 3000, 4999] {
            assert_eq!(close_code(i64::from(code)), Ok(code));
        }
        for code in [-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 70_000] {
            assert!(close_code(code).is_err(), "{code}");
        }
    }

    #[test]
    fn a_close_reason_fits_its_frame() {
        assert!(close_reason(&"x".repeat(123)).is_ok());
        assert!(close_reason(&"é".repeat(62)).is_err());
    }

    #[test]
    fn hop_by_hop_and_handshake_fields_are_not_to_be_touched() {
        for name in ["Connection", "upgrade", "TE", "Proxy-Authorization", "Sec-WebSocket-Key"] {
            assert!(settable_header(name).is_err() && removable_header(name).is_err(), "{name}");
        }
        assert!(settable_header("Content-Length").is_err() && settable_header("a b").is_err());
        assert_eq!(settable_header("Host").as_deref(), Ok("Host"));
        assert_eq!(settable_header("Origin").as_deref(), Ok("Origin"));
        assert_eq!(removable_header("Cookie").as_deref(), Ok("cookie"));
        assert!(removable_header("Host").is_err());
    }

    #[test]
    fn a_template_is_cut_at_its_names() {
        let text = |it: &str| TemplatePart::Text(it.to_owned());
        assert_eq!(
            template("for=${client_ip} ${scheme}://${host}"),
            Ok(Template(vec![
                text("for="),
                TemplatePart::ClientIp,
                text(" "),
                TemplatePart::Scheme,
                text("://"),
                TemplatePart::Host,
            ]))
        );
        assert_eq!(template(""), Ok(Template(vec![])));
        assert_eq!(template("${request_id}"), Ok(Template(vec![TemplatePart::RequestId])));
        assert!(template("a\r\nb").is_err() && template("é").is_err());
    }
}

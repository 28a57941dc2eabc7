//! A Host field's split into host and port.
//! Knows neither sites nor requests.

use std::net::Ipv6Addr;

/// A host and an optional port, as in Host, in the authority of a URI and in an Origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// A name, an IPv4 address or an IPv6 address in its brackets; never empty, as it was written.
    pub host: &'a str,
    /// The port, when there is one (RFC 3986 section 3.2.3 allows an empty one, which is none).
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Splits the value of a Host field. `None` when it is not `host [":" port]`: an empty host,
    /// user information, a port that is no number up to 65535, anything but letters, digits, `-`,
    /// `_` and `.` in a name, or brackets around something other than an IPv6 address.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = if text.starts_with('[') {
            let (host, behind) = text.split_at(text.find(']')? + 1);
            host.get(1..host.len() - 1)?.parse::<Ipv6Addr>().ok()?;
            (host, if behind.is_empty() { "" } else { behind.strip_prefix(':')? })
        } else {
            let (host, port) = text.split_once(':').unwrap_or((text, ""));
            if host.is_empty() || !host.bytes().all(is_name_byte) {
                return None;
            }
            (host, port)
        };
        Some(Self { host, port: port_number(port)? })
    }
}

/// The host of a Host value; `None` as for [`Authority::parse`].
pub fn host_of(authority: &str) -> Option<&str> {
    Authority::parse(authority).map(|it| it.host)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

/// The inner `None` is an absent port. Digits only: `parse` alone would take `+443`.
fn port_number(text: &str) -> Option<Option<u16>> {
    if text.is_empty() {
        return Some(None);
    }
    if !text.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_split_from_its_port() {
        let table = [
            ("example.com", ("example.com", None)),
            ("example.com:8443", ("example.com", Some(8443))),
            ("example.com:", ("example.com", None)),
            ("Example.COM.:443", ("Example.COM.", Some(443))),
            ("127.0.0.1:80", ("127.0.0.1", Some(80))),
            ("a_b-c:65535", ("a_b-c", Some(65535))),
            ("[::1]", ("[::1]", None)),
            ("[2001:db8::1]:8443", ("[2001:db8::1]", Some(8443))),
        ];
        for (text, (host, port)) in table {
            assert_eq!(Authority::parse(text), Some(Authority { host, port }), "{text}");
            assert_eq!(host_of(text), Some(host), "{text}");
        }
    }

    #[test]
    fn an_authority_with_anything_else_in_it_is_refused() {
        let bad = "|:443|a:b|a:-1|a:+443|a:65536|a:4 43|a:1:2|u@a|u:p@a|a@b:1|::1|2001:db8::1|[::1\
            |::1]|[]|[]:443|[a]|[::1]x|[::1]443|[::1]:x|[127.0.0.1]|[fe80::1%25eth0]|[v1.x]|x[::1]\
            |a/b|a\\b|a b|a?b|a#b|a%2eb|a,b|*.a|\u{e4}.com|a\0";
        for text in bad.split('|') {
            assert_eq!(Authority::parse(text), None, "{text:?}");
        }
    }
}

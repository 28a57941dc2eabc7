//! Whom a request is from, when proxies stand in between.
//! Knows fields and addresses, and neither routes nor connections.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

use crate::config::networks::{has_address, is_trusted};

/// Finds out whom a request is from: the peer, unless it is trusted to speak for others. Then it is
/// the first address in X-Forwarded-For, from the right, that is not itself trusted, or the
/// leftmost when all are; something that is no address ends the search at what was found so far.
/// Without X-Forwarded-For it is X-Real-IP. IPv4-mapped addresses come back as IPv4.
pub fn client_ip(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = peer.map(|it| it.to_canonical());
    if !is_trusted(peer, trusted) {
        return peer;
    }
    if !headers.contains_key(X_FORWARDED_FOR) {
        return only(headers, &X_REAL_IP).and_then(|it| address(it.as_bytes())).or(peer);
    }
    let mut found = peer;
    let lines: Vec<&HeaderValue> = headers.get_all(X_FORWARDED_FOR).iter().collect();
    let entries = lines.iter().rev().flat_map(|it| it.as_bytes().rsplit(|byte| *byte == b','));
    // RFC 9110 section 5.6.1: empty elements of a list count for nothing.
    for entry in entries.map(<[u8]>::trim_ascii).filter(|it| !it.is_empty()) {
        let Some(address) = address(entry) else { break };
        found = Some(address);
        if !has_address(trusted, address) {
            break;
        }
    }
    found
}

/// The value of a field that stands there once.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { Some(first) }
}

/// `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`, some proxies also write a port behind.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse().ok().map(|it: SocketAddr| it.ip());
    bare.parse().ok().or_else(with_port).map(|it: IpAddr| it.to_canonical())
}

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::fields;

    fn ip(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    #[test]
    fn the_client_is_the_first_address_from_the_right_that_is_not_trusted() {
        let trusted: Vec<IpNet> =
            ["10.0.0.0/8", "2001:db8:1::/48"].map(|it| it.parse().expect(it)).to_vec();
        let table = [
            // An untrusted peer speaks for itself only.
            ("203.0.113.9", "x-forwarded-for: 1.1.1.1\nx-real-ip: 2.2.2.2", "203.0.113.9"),
            ("::ffff:203.0.113.9", "x-forwarded-for: 1.1.1.1", "203.0.113.9"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.1", "x-forwarded-for: 203.0.113.7", "203.0.113.7"),
            ("::ffff:10.0.0.1", "x-forwarded-for: 203.0.113.7", "203.0.113.7"),
            ("2001:db8:1::5", "x-forwarded-for: 2001:db8:2::7", "2001:db8:2::7"),
            ("10.0.0.1", "x-forwarded-for: 6.6.6.6, 203.0.113.7", "203.0.113.7"),
            (
                "10.0.0.1",
                "x-forwarded-for: 6.6.6.6, 203.0.113.7,10.0.0.3 , 10.0.0.2",
                "203.0.113.7",
            ),
            (
                "10.0.0.1",
                "x-forwarded-for: 6.6.6.6\nx-forwarded-for: 203.0.113.7\nx-forwarded-for: 10.0.0.2",
                "203.0.113.7",
            ),
            ("10.0.0.1", "x-forwarded-for: 10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("10.0.0.1", "x-forwarded-for: 203.0.113.7, unknown, 10.0.0.2", "10.0.0.2"),
            ("10.0.0.1", "x-forwarded-for: 203.0.113.7, 1.2.3", "10.0.0.1"),
            ("10.0.0.1", "x-forwarded-for: 203.0.113.7, ,", "203.0.113.7"),
            ("10.0.0.1", "x-forwarded-for: 203.0.113.7:4711", "203.0.113.7"),
            ("10.0.0.1", "x-forwarded-for: [2001:db8::7]:4711", "2001:db8::7"),
            ("10.0.0.1", "x-forwarded-for: [2001:db8::7]", "2001:db8::7"),
            ("10.0.0.1", "x-forwarded-for: ::ffff:203.0.113.7", "203.0.113.7"),
            ("10.0.0.1", "x-forwarded-for: 203.0.113.7\nx-real-ip: 2.2.2.2", "203.0.113.7"),
            ("10.0.0.1", "x-forwarded-for:\nx-real-ip: 2.2.2.2", "10.0.0.1"),
            ("10.0.0.1", "x-real-ip: 203.0.113.7", "203.0.113.7"),
            ("10.0.0.1", "x-real-ip: nobody", "10.0.0.1"),
            ("10.0.0.1", "x-real-ip: 203.0.113.7\nx-real-ip: 2.2.2.2", "10.0.0.1"),
            ("unix", "x-forwarded-for: 203.0.113.7", "203.0.113.7"),
            ("unix", "x-forwarded-for: ?", "none"),
            ("unix", "", "none"),
        ];
        for (peer, lines, expected) in table {
            let found = client_ip(ip(peer), &fields(lines), &trusted);
            assert_eq!(found, ip(expected), "{peer} {lines}");
        }
        let believed = fields("x-forwarded-for: 203.0.113.7");
        assert_eq!(client_ip(None, &believed, &[]), None);
        assert_eq!(client_ip(ip("10.0.0.1"), &believed, &[]), ip("10.0.0.1"));
    }
}

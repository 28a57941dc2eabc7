//! The fields that tell the backend whom a request is from, and how it reached this hop.
//! Knows fields and addresses, and neither routes nor connections.

use std::net::IpAddr;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::config::model::Forwarded;
use crate::http::client_ip::{X_FORWARDED_FOR, X_REAL_IP, only};

/// What this hop knows of a request, for the next one.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Whom the request is from, as [`client_ip`](super::client_ip::client_ip) found out.
    pub client_ip: Option<IpAddr>,
    /// Who is connected to the listener; `None` behind a unix socket.
    pub peer: Option<IpAddr>,
    /// The value of its Host field, port included.
    pub host: &'a str,
    /// Whether it came over TLS.
    pub tls: bool,
    /// The listener's port, if it has one.
    pub port: Option<u16>,
    /// Whether the peer is one of the route's `trusted_proxies`, as
    /// [`is_trusted`](crate::config::networks::is_trusted) says.
    pub by_trusted: bool,
}

/// Writes the forwarded fields of a request toward the backend.
///
/// `Replace` removes whatever came and says what this hop knows; only the scheme of a trusted proxy
/// is kept, since TLS may have ended there. `Append` adds the peer to what came, and the rest where
/// it is missing or said by somebody who is not trusted. `Off` touches nothing.
pub fn apply(headers: &mut HeaderMap, mode: Forwarded, facts: &Facts<'_>) {
    match mode {
        Forwarded::Replace => replace(headers, facts),
        Forwarded::Append => append(headers, facts),
        Forwarded::Off => {}
    }
}

fn replace(headers: &mut HeaderMap, facts: &Facts<'_>) {
    let own = scheme(facts.tls);
    let told = only(headers, &X_FORWARDED_PROTO).filter(|_| facts.by_trusted);
    let proto = told.and_then(http_scheme).unwrap_or(own);
    remove_forwarded(headers, |_| true);
    if let Some(client) = facts.client_ip {
        let client = client.to_canonical().to_string();
        set(headers, X_FORWARDED_FOR, &client);
        set(headers, X_REAL_IP, &client);
    }
    set(headers, X_FORWARDED_PROTO, proto);
    set(headers, X_FORWARDED_HOST, facts.host);
    // Our port belongs to our scheme: with another hop's it would make a URL that nobody serves.
    if let Some(port) = facts.port.filter(|_| proto == own) {
        set(headers, X_FORWARDED_PORT, &port.to_string());
    }
    set(headers, header::FORWARDED, &element(facts.client_ip, facts.host, proto));
}

fn append(headers: &mut HeaderMap, facts: &Facts<'_>) {
    // Servers that turn field names into variables read `x_real_ip` as X-Real-IP: a second value
    // for what is set here, which no honest hop sends.
    remove_forwarded(headers, |it| it.contains('_'));
    let own = scheme(facts.tls);
    if let Some(peer) = facts.peer {
        add(headers, X_FORWARDED_FOR, &peer.to_canonical().to_string());
    }
    headers.remove(X_REAL_IP);
    if let Some(client) = facts.client_ip {
        set(headers, X_REAL_IP, &client.to_canonical().to_string());
    }
    let port = facts.port.map(|it| it.to_string()).unwrap_or_default();
    let rest =
        [(X_FORWARDED_PROTO, own), (X_FORWARDED_HOST, facts.host), (X_FORWARDED_PORT, &port)];
    for (name, text) in rest {
        if facts.by_trusted && headers.contains_key(&name) {
            continue;
        }
        headers.remove(&name);
        if !text.is_empty() {
            set(headers, name, text);
        }
    }
    add(headers, header::FORWARDED, &element(facts.peer, facts.host, own));
}

/// Removes every forwarded field whose name `chosen` takes, its underscore twins among them.
fn remove_forwarded(headers: &mut HeaderMap, chosen: impl Fn(&str) -> bool) {
    let is_forwarded = |it: &str| FORWARDED.contains(&it.replace('_', "-").as_str());
    let names: Vec<HeaderName> = headers
        .keys()
        .filter(|it| chosen(it.as_str()) && is_forwarded(it.as_str()))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

/// One element of Forwarded (RFC 7239 section 4).
fn element(of: Option<IpAddr>, host: &str, proto: &str) -> String {
    let node = match of.map(|it| it.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => format!("[{address}]"),
    };
    format!("for={};host={};proto={proto}", token_or_quoted(&node), token_or_quoted(host))
}

/// A token as it is, anything else as a quoted string (RFC 9110 section 5.6).
fn token_or_quoted(text: &str) -> String {
    let is_token = |it: u8| it.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&it);
    if !text.is_empty() && text.bytes().all(is_token) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Sets the field; a text that cannot stand in one leaves it out.
fn set(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// Adds to the list in the field, all its lines made one: some servers read only the first.
fn add(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    let lines = headers.get_all(&name).iter().map(HeaderValue::as_bytes);
    let mut list = lines.filter(|it| !it.is_empty()).collect::<Vec<_>>();
    list.push(text.as_bytes());
    if let Ok(value) = HeaderValue::from_bytes(&list.join(&b", "[..])) {
        headers.insert(name, value);
    }
}

fn scheme(tls: bool) -> &'static str {
    if tls { "https" } else { "http" }
}

/// `https` or `http`, also for proxies that say `wss` or `ws`, which backends reject.
fn http_scheme(told: &HeaderValue) -> Option<&'static str> {
    let is = |name: &[u8]| told.as_bytes().eq_ignore_ascii_case(name);
    if is(b"https") || is(b"wss") {
        Some(scheme(true))
    } else if is(b"http") || is(b"ws") {
        Some(scheme(false))
    } else {
        None
    }
}

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// The fields in which a client could pass itself off as a proxy: those set here, and others that
/// frameworks read for the same facts.
const FORWARDED: &[&str] = &[
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-forwarded-scheme",
    "x-forwarded-protocol",
    "x-forwarded-by",
    "x-real-ip",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::fields;

    fn ip(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    fn facts(client: &str, peer: &str) -> Facts<'static> {
        let (client_ip, peer) = (ip(client), ip(peer));
        let host = "game.example.com";
        Facts { client_ip, peer, host, tls: true, port: Some(443), by_trusted: false }
    }

    fn after(lines: &str, mode: Forwarded, facts: &Facts<'_>) -> HeaderMap {
        let mut headers = fields(lines);
        apply(&mut headers, mode, facts);
        headers
    }

    #[test]
    fn replacing_leaves_nothing_that_the_client_said() {
        let forged = "x-forwarded-for: 1.1.1.1\nx-forwarded-for: 2.2.2.2\nX-Real-IP: 1.1.1.1
            X-Forwarded-Proto: http\nX-Forwarded-Host: evil.com\nX-Forwarded-Port: 1
            X-Forwarded-Prefix: /x\nX-Forwarded-Server: evil\nX-Forwarded-Ssl: off
            Forwarded: for=1.1.1.1\nx_forwarded_for: 1.1.1.1\nx_real_ip: 1.1.1.1
            x-forwarded_proto: http\nX_Forwarded_Host: evil.com\nx-keep: this";
        let expected = fields(
            "x-keep: this\nx-forwarded-for: 203.0.113.7\nx-real-ip: 203.0.113.7
            x-forwarded-proto: https\nx-forwarded-host: game.example.com\nx-forwarded-port: 443
            forwarded: for=203.0.113.7;host=game.example.com;proto=https",
        );
        let facts = facts("203.0.113.7", "203.0.113.7");
        assert_eq!(after(forged, Forwarded::Replace, &facts), expected);
    }

    #[test]
    fn the_scheme_of_a_trusted_proxy_is_kept_and_never_wss() {
        let table = [
            (true, false, "https", "https"),
            (true, false, "HTTPS", "https"),
            (true, false, "wss", "https"),
            (true, true, "http", "http"),
            (true, false, "gopher", "http"),
            (true, false, "https, http", "http"),
            (false, false, "https", "http"),
            (false, true, "http", "https"),
        ];
        for (by_trusted, tls, told, expected) in table {
            let facts = Facts { by_trusted, tls, ..facts("203.0.113.7", "10.0.0.1") };
            let headers = after(&format!("x-forwarded-proto: {told}"), Forwarded::Replace, &facts);
            assert_eq!(headers["x-forwarded-proto"], expected, "{told}");
            let own = expected == scheme(tls);
            assert_eq!(headers.contains_key("x-forwarded-port"), own, "{told}");
        }
    }

    #[test]
    fn forwarded_quotes_what_is_no_token() {
        let table = [
            ("203.0.113.7", "a.com", "for=203.0.113.7;host=a.com;proto=https"),
            ("::ffff:203.0.113.7", "a.com", "for=203.0.113.7;host=a.com;proto=https"),
            ("2001:db8::1", "a.com:8443", "for=\"[2001:db8::1]\";host=\"a.com:8443\";proto=https"),
            ("unix", "[::1]", "for=unknown;host=\"[::1]\";proto=https"),
            ("unix", "a\"\\", "for=unknown;host=\"a\\\"\\\\\";proto=https"),
        ];
        for (of, host, expected) in table {
            assert_eq!(element(ip(of), host, "https"), expected);
        }
    }

    #[test]
    fn appending_adds_the_peer_and_fills_in_what_is_missing() {
        let came = "x-forwarded-for: 6.6.6.6\nx-forwarded-for: 203.0.113.7\nx-real-ip: 6.6.6.6
            forwarded: for=203.0.113.7\nx-forwarded-proto: http\nx_real_ip: 6.6.6.6";
        let expected = fields(
            "x-forwarded-for: 6.6.6.6, 203.0.113.7, 10.0.0.1\nx-real-ip: 203.0.113.7
            x-forwarded-proto: http\nx-forwarded-host: game.example.com\nx-forwarded-port: 443
            forwarded: for=203.0.113.7, for=10.0.0.1;host=game.example.com;proto=https",
        );
        let trusted = Facts { by_trusted: true, ..facts("203.0.113.7", "::ffff:10.0.0.1") };
        assert_eq!(after(came, Forwarded::Append, &trusted), expected);
    }

    #[test]
    fn appending_believes_no_stranger_about_scheme_host_and_port() {
        let came = "x-forwarded-proto: http\nx-forwarded-host: evil.test\nx-forwarded-port: 1";
        let expected = fields(
            "x-forwarded-for: 203.0.113.7\nx-real-ip: 203.0.113.7
            x-forwarded-proto: https\nx-forwarded-host: game.example.com\nx-forwarded-port: 443
            forwarded: for=203.0.113.7;host=game.example.com;proto=https",
        );
        let facts = facts("203.0.113.7", "203.0.113.7");
        assert_eq!(after(came, Forwarded::Append, &facts), expected);
    }

    #[test]
    fn a_peer_without_an_address_is_unknown() {
        let facts = Facts { port: None, ..facts("unix", "unix") };
        let expected = fields(
            "x-forwarded-proto: https\nx-forwarded-host: game.example.com
            forwarded: for=unknown;host=game.example.com;proto=https",
        );
        for mode in [Forwarded::Replace, Forwarded::Append] {
            assert_eq!(after("x-real-ip: 6.6.6.6", mode, &facts), expected, "{mode:?}");
        }
    }

    #[test]
    fn off_touches_nothing() {
        let came = "x-forwarded-for: 1.1.1.1\nx_real_ip: 2.2.2.2";
        let facts = facts("203.0.113.7", "203.0.113.7");
        assert_eq!(after(came, Forwarded::Off, &facts), fields(came));
    }
}

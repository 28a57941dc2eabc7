//! The fields that one hop tells the next: whom it speaks for, and how it was spoken to.
//! Knows fields and addresses, and neither routes nor connections.

use std::net::IpAddr;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

use crate::config::model::Forwarded;
use crate::http::admission::has_address;

/// What this hop knows of a request, for the next one.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Whom the request is from, as [`client_ip`] found out.
    pub client_ip: Option<IpAddr>,
    /// Who is connected to the listener; `None` behind a unix socket.
    pub peer: Option<IpAddr>,
    /// The value of its Host field, port included.
    pub host: &'a str,
    /// Whether it came over TLS.
    pub tls: bool,
    /// The listener's port, if it has one.
    pub port: Option<u16>,
    /// Whether the peer is one of the route's `trusted_proxies`, as [`is_trusted`] says.
    pub by_trusted: bool,
}

/// Whether the peer's forwarded fields are believed. A unix socket has no address to be on the list
/// with; whoever can open it is trusted as soon as the route trusts anyone.
pub fn is_trusted(peer: Option<IpAddr>, trusted: &[IpNet]) -> bool {
    peer.map_or(!trusted.is_empty(), |it| has_address(trusted, it))
}

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

/// Writes the forwarded fields of a request toward the backend.
///
/// `Replace` removes whatever came and says what this hop knows; only the scheme of a trusted proxy
/// is kept, since TLS may have ended there. `Append` adds the peer to what came, and the rest where
/// it is missing. `Off` touches nothing.
pub fn apply(headers: &mut HeaderMap, mode: Forwarded, facts: &Facts<'_>) {
    match mode {
        Forwarded::Replace => replace(headers, facts),
        Forwarded::Append => append(headers, facts),
        Forwarded::Off => {}
    }
}

/// Removes what is meant for this hop only (RFC 9110 section 7.6.1): the fields that Connection
/// names, then those known to be; of TE only `trailers` stays. Goes before [`apply`] and before
/// anything of ours is set, because Connection is the peer's to write: the names in it that are end
/// to end (`Host`, `Cookie`, `X-Forwarded-For`, …) are ignored.
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

fn replace(headers: &mut HeaderMap, facts: &Facts<'_>) {
    let own = scheme(facts.tls);
    let told = only(headers, &X_FORWARDED_PROTO).filter(|_| facts.by_trusted);
    let proto = told.and_then(http_scheme).unwrap_or(own);
    remove_forwarded(headers, |_| true);
    if let Some(client) = facts.client_ip {
        set(headers, X_FORWARDED_FOR, &client.to_string());
        set(headers, X_REAL_IP, &client.to_string());
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
        set(headers, X_REAL_IP, &client.to_string());
    }
    let port = facts.port.map(|it| it.to_string()).unwrap_or_default();
    let rest =
        [(X_FORWARDED_PROTO, own), (X_FORWARDED_HOST, facts.host), (X_FORWARDED_PORT, &port)];
    for (name, text) in rest {
        if !text.is_empty() && !headers.contains_key(&name) {
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

/// The value of a field that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { Some(first) }
}

/// The elements of a list field, over all its lines.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    lines.flat_map(|it| it.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

/// `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`, some proxies also write a port behind.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse().ok().map(|it: std::net::SocketAddr| it.ip());
    bare.parse().ok().or_else(with_port).map(|it: IpAddr| it.to_canonical())
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

/// Whether a field is for the backend, whatever Connection says: those that framing, routing and
/// access decisions rest on.
fn is_end_to_end(name: &str) -> bool {
    name.starts_with("sec-")
        || name.starts_with("x-forwarded-")
        || END_TO_END.contains(&name)
        || FORWARDED.contains(&name)
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

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
    "host",
    "location",
    "origin",
    "referer",
    "set-cookie",
    "user-agent",
    "via",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// `name: value` lines; a name may come several times.
    fn fields(lines: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines.lines().map(str::trim).filter(|it| !it.is_empty()) {
            let (name, value) = line.split_once(':').expect("name: value");
            let name = HeaderName::from_bytes(name.as_bytes()).expect(line);
            headers.append(name, HeaderValue::from_str(value.trim()).expect(line));
        }
        headers
    }

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
        let facts = facts("203.0.113.7", "::ffff:10.0.0.1");
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

//! Which site a host name belongs to, and which route of a site a path takes.
//! Knows what a path rule is, and neither requests nor what routes lead to.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::Ipv6Addr;

use regex::Regex;

use crate::config::model::PathRule;

/// The routes of one site: exact paths first, then regexes in the order of the file, then the
/// longest prefix, as in nginx.
#[derive(Debug)]
pub struct Router<T> {
    exact: HashMap<String, T>,
    regexes: Vec<(Regex, T)>,
    /// The longest first, so that the first that fits is the one.
    prefixes: Vec<(String, T)>,
}

/// The route that a path takes.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'a, T> {
    /// What the route leads to.
    pub target: &'a T,
    /// How many bytes of the path the rule covered: the prefix, or the whole of an exact path, or
    /// for a regex its match from the root, cut back to a segment border (0 when the match begins
    /// elsewhere). Never ends inside a segment.
    pub prefix_len: usize,
}

impl<T> Router<T> {
    /// Takes the routes of one site in the order of the file; no two have the same path.
    pub fn new(routes: impl IntoIterator<Item = (PathRule, T)>) -> Self {
        let mut router = Self { exact: HashMap::new(), regexes: Vec::new(), prefixes: Vec::new() };
        for (rule, target) in routes {
            match rule {
                PathRule::Exact(path) => drop(router.exact.insert(path, target)),
                PathRule::Regex(regex) => router.regexes.push((regex, target)),
                PathRule::Prefix(prefix) => router.prefixes.push((prefix, target)),
            }
        }
        router.prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        router
    }

    /// Finds the route of a path that [`normalise`](super::path::normalise) returned.
    pub fn find(&self, normalised: &str) -> Option<Match<'_, T>> {
        if let Some(target) = self.exact.get(normalised) {
            return Some(Match { target, prefix_len: normalised.len() });
        }
        for (regex, target) in &self.regexes {
            if let Some(found) = regex.find(normalised) {
                let covered = if found.start() == 0 { found.end() } else { 0 };
                return Some(Match { target, prefix_len: border(normalised, covered) });
            }
        }
        let (prefix, target) =
            self.prefixes.iter().find(|(prefix, _)| covers(prefix, normalised))?;
        Some(Match { target, prefix_len: prefix.len() })
    }
}

/// Values by host name. Exact names win over `*.` ones, which match exactly one more label.
#[derive(Debug)]
pub struct Hosts<T> {
    exact: HashMap<String, T>,
    /// By what stands behind `*.`.
    wildcards: HashMap<String, T>,
}

impl<T> Hosts<T> {
    /// Takes names, exact or `*.` and a name; of two equal ones the last wins.
    pub fn new<N: AsRef<str>>(names: impl IntoIterator<Item = (N, T)>) -> Self {
        let mut hosts = Self { exact: HashMap::new(), wildcards: HashMap::new() };
        for (name, value) in names {
            let name = name.as_ref().to_ascii_lowercase();
            match name.strip_prefix("*.") {
                Some(parent) => hosts.wildcards.insert(parent.to_owned(), value),
                None => hosts.exact.insert(name, value),
            };
        }
        hosts
    }

    /// Finds the value of a host name from SNI or Host (without a port, see [`host_of`]), in
    /// whatever case, with or without the root's dot behind it.
    pub fn find(&self, name: &str) -> Option<&T> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let name = if name.bytes().any(|it| it.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(name)
        };
        self.exact.get(name.as_ref()).or_else(|| {
            let (label, parent) = name.split_once('.')?;
            if label.is_empty() { None } else { self.wildcards.get(parent) }
        })
    }
}

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

/// Whether the path is the prefix, or goes on behind it at a segment border.
fn covers(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'))
}

/// The last segment border at or before `end`. A regex may end anywhere, and cutting `/x../y` behind
/// its `x` would hand `/../y` to the backend.
fn border(path: &str, end: usize) -> usize {
    let (head, rest) = path.split_at(end);
    if rest.is_empty() || rest.starts_with('/') {
        return end;
    }
    head.rfind('/').map_or(0, |slash| slash + 1)
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

    fn exact(path: &str) -> PathRule {
        PathRule::Exact(path.to_owned())
    }

    fn regex(pattern: &str) -> PathRule {
        PathRule::Regex(Regex::new(pattern).expect(pattern))
    }

    fn prefix(path: &str) -> PathRule {
        PathRule::Prefix(path.to_owned())
    }

    fn found<T: Copy>(router: &Router<T>, path: &str) -> Option<(T, usize)> {
        router.find(path).map(|it| (*it.target, it.prefix_len))
    }

    #[test]
    fn exact_comes_before_regex_before_the_longest_prefix() {
        let router = Router::new([
            (prefix("/"), "root"),
            (prefix("/a"), "a"),
            (prefix("/a/b"), "a/b"),
            (regex(r"^/a/b/[0-9]+$"), "number"),
            (regex(r"^/a/b/[0-9a-f]+$"), "hex"),
            (exact("/a/b/7"), "seven"),
        ]);
        let table = [
            ("/", ("root", 1)),
            ("/x", ("root", 1)),
            ("/ab", ("root", 1)),
            ("/a", ("a", 2)),
            ("/a/", ("a", 2)),
            ("/a/x", ("a", 2)),
            ("/a/bc", ("a", 2)),
            ("/a/b", ("a/b", 4)),
            ("/a/b/x", ("a/b", 4)),
            ("/a/b/7", ("seven", 6)),
            ("/a/b/8", ("number", 6)),
            ("/a/b/8f", ("hex", 7)),
        ];
        for (path, expected) in table {
            assert_eq!(found(&router, path), Some(expected), "{path}");
        }
    }

    #[test]
    fn a_prefix_matches_at_segment_borders_only() {
        let router = Router::new([(prefix("/a"), 1), (prefix("/b/"), 2)]);
        let table = [
            ("/a", Some((1, 2))),
            ("/a/b", Some((1, 2))),
            ("/ab", None),
            ("/A", None),
            ("/b/", Some((2, 3))),
            ("/b/c", Some((2, 3))),
            ("/b", None),
            ("/bc", None),
            ("/", None),
            ("/x/a", None),
        ];
        for (path, expected) in table {
            assert_eq!(found(&router, path), expected, "{path}");
        }
    }

    #[test]
    fn an_exact_path_matches_itself_only() {
        let router = Router::new([(exact("/a"), ())]);
        assert_eq!(found(&router, "/a"), Some(((), 2)));
        for path in ["/", "/a/", "/a/b", "/ab", "/A"] {
            assert_eq!(found(&router, path), None, "{path}");
        }
    }

    #[test]
    fn what_a_regex_covers_ends_at_a_segment_border() {
        let table = [
            (r"^/v[0-9]+", "/v2/rooms", Some(3)),
            (r"^/v[0-9]+/", "/v2/rooms", Some(4)),
            (r"^/v[0-9]+", "/v2", Some(3)),
            (r"^/x", "/x../y", Some(1)),
            (r"^/a/x", "/a/x../y", Some(3)),
            (r"\.php", "/a/b.php/c", Some(0)),
            (r"", "/a", Some(0)),
            (r"^/y", "/x", None),
        ];
        for (pattern, path, expected) in table {
            let router = Router::new([(regex(pattern), ())]);
            assert_eq!(router.find(path).map(|it| it.prefix_len), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_host_is_found_exactly_or_by_one_label_of_a_wildcard() {
        let hosts = Hosts::new([
            ("game.example.com", 1),
            ("*.example.com", 2),
            ("*.Play.example.com", 3),
            ("other.org", 4),
        ]);
        let table = [
            ("game.example.com", Some(1)),
            ("GAME.Example.COM", Some(1)),
            ("game.example.com.", Some(1)),
            ("game.example.com..", None),
            ("live.example.com", Some(2)),
            ("LIVE.example.com.", Some(2)),
            ("play.example.com", Some(2)),
            ("a.play.example.com", Some(3)),
            ("a.b.play.example.com", None),
            ("a.game.example.com", None),
            ("example.com", None),
            (".example.com", None),
            ("gameexample.com", None),
            ("game.example.com.evil.org", None),
            ("other.org", Some(4)),
            ("a.other.org", None),
            ("", None),
            (".", None),
        ];
        for (name, expected) in table {
            assert_eq!(hosts.find(name).copied(), expected, "{name}");
        }
    }

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

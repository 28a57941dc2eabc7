//! The path of a request as routes are matched on, and its way back into a request line.
//! Knows no routes, no requests and no other file.
//!
//! Gateway and backend must read a path alike, or a route's rules can be walked around. So whatever
//! two servers are known to read differently (an encoded slash, `..;`, an overlong escape) is
//! refused here instead of being interpreted.

use std::borrow::Cow;
use std::fmt::Write;

/// Why a path has no single meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// It does not begin with a slash.
    #[error("the path does not begin with `/`")]
    NotAbsolute,
    /// A raw byte above 0x7f (RFC 3986 section 2 knows none).
    #[error("the path has a byte above 0x7f that is not percent-encoded")]
    NotAscii,
    /// `%` without two hex digits behind it.
    #[error("the path has a `%` without two hex digits behind it")]
    BrokenEscape,
    /// `%2f`
    #[error("the path has an encoded slash")]
    EncodedSlash,
    /// `\` or `%5c`, which some servers take for a slash.
    #[error("the path has a backslash")]
    Backslash,
    /// NUL or another control character, raw or encoded.
    #[error("the path has a control character")]
    Control,
    /// The decoded bytes are not UTF-8; overlong forms are among these.
    #[error("the decoded path is not UTF-8")]
    NotUtf8,
    /// More `..` than segments before it.
    #[error("the path climbs above the root")]
    AboveRoot,
    /// `//..`: RFC 3986 removes the empty segment, servers that merge slashes first remove the
    /// name before it.
    #[error("the path has `..` behind an empty segment")]
    EmptyParent,
    /// `.;` or `..;`: a plain name to some servers, a dot segment with a parameter to others.
    #[error("the path has a dot segment with a `;` parameter")]
    DotParameter,
}

/// Gives the path as routes are matched on: percent escapes decoded once, dot segments removed (RFC
/// 3986 section 5.2.4), double slashes merged. Borrows when none of that changes anything.
///
/// `raw_path` is the path of the request target as received, without the query.
///
/// # Errors
/// [`BadPath`] when the path could mean different things to different servers.
pub fn normalise(raw_path: &str) -> Result<Cow<'_, str>, BadPath> {
    if !raw_path.starts_with('/') {
        return Err(BadPath::NotAbsolute);
    }
    let decoded = decode(raw_path)?;
    if decoded.chars().any(char::is_control) {
        return Err(BadPath::Control);
    }
    let with_parameter = |it: &str| it.starts_with(".;") || it.starts_with("..;");
    if segments(&decoded).any(with_parameter) {
        return Err(BadPath::DotParameter);
    }
    let settled = !decoded.contains("//") && !segments(&decoded).any(|it| it == "." || it == "..");
    if settled { Ok(decoded) } else { resolve(&decoded).map(Cow::Owned) }
}

/// Percent-encodes a normalised path for a request line: `pchar` (RFC 3986 section 3.3) and `/`
/// stay, every other byte becomes an escape, `%` included.
pub fn encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte == b'/' || is_pchar(byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Puts `replacement` in the place of the first `matched_prefix_len` bytes and encodes the result,
/// which begins with `/` and has exactly one `/` at the seam. When nothing stands behind the prefix
/// the replacement alone is the path.
///
/// `replacement` is plain text, as a route is written, not percent-encoded. The length must come
/// from [`Match::prefix_len`](super::router::Match), which always ends at a segment border: a cut
/// inside a segment could make a dot segment out of its end.
pub fn replace_prefix(normalised: &str, matched_prefix_len: usize, replacement: &str) -> String {
    let rest = normalised.get(matched_prefix_len..).unwrap_or("");
    let mut path = String::with_capacity(replacement.len() + rest.len() + 2);
    if !replacement.starts_with('/') {
        path.push('/');
    }
    path.push_str(replacement);
    if !rest.is_empty() {
        path.truncate(path.trim_end_matches('/').len());
        path.push('/');
        path.push_str(rest.trim_start_matches('/'));
    }
    encode(&path)
}

fn decode(raw_path: &str) -> Result<Cow<'_, str>, BadPath> {
    if !raw_path.is_ascii() {
        return Err(BadPath::NotAscii);
    }
    if raw_path.contains('\\') {
        return Err(BadPath::Backslash);
    }
    if !raw_path.contains('%') {
        return Ok(Cow::Borrowed(raw_path));
    }
    let mut decoded = Vec::with_capacity(raw_path.len());
    let mut rest = raw_path.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let [high, low, behind @ ..] = rest else { return Err(BadPath::BrokenEscape) };
        rest = behind;
        match (hex(*high)? << 4) | hex(*low)? {
            b'/' => return Err(BadPath::EncodedSlash),
            b'\\' => return Err(BadPath::Backslash),
            byte => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| BadPath::NotUtf8)
}

/// Removes dot segments and empty ones from a path that begins with a slash.
fn resolve(path: &str) -> Result<String, BadPath> {
    let mut kept: Vec<&str> = Vec::new();
    let mut last = "";
    for segment in segments(path) {
        match segment {
            "." => {}
            ".." => match kept.pop() {
                None => return Err(BadPath::AboveRoot),
                Some("") => return Err(BadPath::EmptyParent),
                Some(_) => {}
            },
            // Empty ones stay until here, so that a `..` that would meet one is noticed.
            name => kept.push(name),
        }
        last = segment;
    }
    let mut resolved = String::with_capacity(path.len());
    for name in kept.into_iter().filter(|it| !it.is_empty()) {
        resolved.push('/');
        resolved.push_str(name);
    }
    if resolved.is_empty() || matches!(last, "" | "." | "..") {
        resolved.push('/');
    }
    Ok(resolved)
}

/// The segments of a path that begins with a slash; the last one is empty behind a closing slash.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').skip(1)
}

fn hex(digit: u8) -> Result<u8, BadPath> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(BadPath::BrokenEscape),
    }
}

fn is_pchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_needs_no_change_is_borrowed() {
        for path in "/ /a /a/b/ /applet/websocket /a;v=1/b /... /.a/b.. /~u/@".split(' ') {
            let normalised = normalise(path).expect(path);
            assert_eq!(normalised, path);
            assert!(matches!(normalised, Cow::Borrowed(_)), "{path}");
        }
    }

    #[test]
    fn escapes_dot_segments_and_double_slashes_are_resolved() {
        let table = [
            ("/a%62c", "/abc"),
            ("/%7Euser", "/~user"),
            ("/a%20b", "/a b"),
            ("/%e4%BD%a0", "/\u{4f60}"),
            ("/a?%3f%23", "/a??#"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/b/.", "/a/b/"),
            ("/a/..", "/"),
            ("/a/b/../../c", "/c"),
            ("/.", "/"),
            ("/%2e/a", "/a"),
            ("/a/%2E%2e/b", "/b"),
            ("/a/.%2e/b", "/b"),
            ("//", "/"),
            ("//a", "/a"),
            ("/a//b///c", "/a/b/c"),
            ("/a//", "/a/"),
            ("/a//.//b", "/a/b"),
            ("/a//b/../c", "/a/c"),
            ("/applet/websocket/socket.io//", "/applet/websocket/socket.io/"),
            // Decoded once only: what a second pass would make of it is nobody's business.
            ("/%252e%252e/a", "/%2e%2e/a"),
            ("/%252f", "/%2f"),
        ];
        for (raw, expected) in table {
            assert_eq!(normalise(raw).as_deref(), Ok(expected), "{raw}");
        }
    }

    #[test]
    fn a_path_with_two_meanings_is_refused_with_its_reason() {
        let table = [
            (BadPath::NotAbsolute, "|*|a/b|http://a/b|%2fa"),
            (BadPath::NotAscii, "/\u{e4}|/a\u{ff0f}b"),
            (BadPath::BrokenEscape, "/a%|/a%4|/a%g0|/a%0g|/a%+1|/%u002e|/%%41"),
            (BadPath::EncodedSlash, "/a%2fb|/a%2F..%2Fb|/%2f"),
            (BadPath::Backslash, "/a\\b|/a%5cb|/..%5C"),
            (BadPath::Control, "/a%00|/a\0|/a\tb|/a%0d%0ab|/a%7f|/a\u{7f}|/a%c2%85"),
            (BadPath::NotUtf8, "/%c0%ae%c0%ae/a|/%c0%af|/%e0%80%af|/%ed%a0%80|/%ff"),
            (BadPath::AboveRoot, "/..|/%2e%2e|/../a|/a/../../b|/./../a"),
            (BadPath::EmptyParent, "//../a|/a//../b|/a//./../b|/a//b/../../c"),
            (BadPath::DotParameter, "/a/..;/b|/a/..;x=1/b|/a/.;/b|/a/..%3b/b|/a/%2e%2e;|/..;/../a"),
        ];
        for (expected, raw) in
            table.iter().flat_map(|(it, all)| all.split('|').map(move |raw| (it, raw)))
        {
            assert_eq!(normalise(raw), Err(*expected), "{raw:?}");
        }
    }

    #[test]
    fn a_normalised_path_stays_as_it_is_when_encoded_and_normalised_again() {
        let paths = "/a%20b/%e4%bd%a0 /%25 /a%3fb%23c /%22%3c%7b /a/../b;c//d /a:b@c!$&'()*+,=~";
        for raw in paths.split(' ') {
            let once = normalise(raw).expect(raw).into_owned();
            let encoded = encode(&once);
            assert!(encoded.bytes().all(|it| it.is_ascii_graphic()), "{encoded}");
            assert_eq!(normalise(&encoded).as_deref(), Ok(once.as_str()), "{raw}");
        }
    }

    #[test]
    fn only_what_a_path_may_not_hold_is_encoded() {
        assert_eq!(encode("/a-b._~!$&'()*+,;=:@/c"), "/a-b._~!$&'()*+,;=:@/c");
        assert_eq!(
            encode("/a b?c#d%e\"<>[]^`{|}"),
            "/a%20b%3Fc%23d%25e%22%3C%3E%5B%5D%5E%60%7B%7C%7D"
        );
        assert_eq!(encode("/\u{4f60}"), "/%E4%BD%A0");
    }

    #[test]
    fn a_replaced_prefix_leaves_one_slash_at_the_seam() {
        let table = [
            ("/api/v1", 4, "/", "/v1"),
            ("/api/v1", 4, "", "/v1"),
            ("/api/v1", 4, "/b", "/b/v1"),
            ("/api/v1", 4, "/b/", "/b/v1"),
            ("/api/v1", 4, "b", "/b/v1"),
            ("/api/v1", 5, "/b", "/b/v1"),
            ("/api/v1", 5, "/b/", "/b/v1"),
            ("/api/", 4, "/b", "/b/"),
            ("/api", 4, "/b", "/b"),
            ("/api", 4, "/b/", "/b/"),
            ("/api", 4, "/", "/"),
            ("/api", 4, "", "/"),
            ("/", 1, "/b", "/b"),
            ("/x", 0, "/b", "/b/x"),
            ("/x", 1, "/b", "/b/x"),
            ("/api/a b", 4, "/\u{e4}", "/%C3%A4/a%20b"),
            ("/a", 99, "/b", "/b"),
        ];
        for (path, len, replacement, expected) in table {
            assert_eq!(
                replace_prefix(path, len, replacement),
                expected,
                "{path} {len} {replacement}"
            );
        }
    }
}

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
    /// `%3f` or `%23` together with dot segments: a server that decodes before it looks for the
    /// query sees the path end before the dots.
    #[error("the path has dot segments and an encoded `?` or `#`")]
    EncodedEnd,
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
    let has_dots = segments(&decoded).any(is_dots);
    if has_dots && decoded.contains(['?', '#']) {
        return Err(BadPath::EncodedEnd);
    }
    let settled = !decoded.contains("//") && !has_dots;
    if settled { Ok(decoded) } else { resolve(&decoded).map(Cow::Owned) }
}

/// What a path that [`normalise`] took is to others. Routes are found by these too: what a backend may
/// read must be under the same rules.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// To servers that match before they remove dot segments, or that take what stands behind more than
    /// one slash at the beginning for an authority (RFC 3986 section 4.2). Those agree once they are sent
    /// the normalised path.
    pub raw: Vec<String>,
    /// To servers that drop the parameters of segments (`;`, RFC 3986 section 3.3), normalised or not.
    pub bare: Option<String>,
}

/// The other readings of a path. Ordinary ones have none.
///
/// # Errors
/// [`BadPath`] when one that no normalising settles has no single meaning itself.
pub fn other_readings(raw_path: &str) -> Result<Readings, BadPath> {
    let mut readings = Readings::default();
    if let Some(rest) = raw_path.strip_prefix("//") {
        let rest = rest.trim_start_matches('/');
        let behind = rest.find('/').map_or("/", |at| &rest[at..]);
        // Where that leads nowhere as it is, a URL parser would stop at the root.
        readings.raw.push(normalise(behind).map_or_else(|_| "/".to_owned(), Cow::into_owned));
    }
    if !raw_path.contains(['.', ';', '%']) {
        return Ok(readings);
    }
    let decoded = decode(raw_path)?;
    let has_dots = segments(&decoded).any(is_dots);
    if has_dots {
        readings.raw.push(join(segments(&decoded), decoded.ends_with('/')));
    }
    if decoded.contains(';') {
        let bare = without_parameters(&decoded);
        if has_dots {
            readings.raw.push(join(segments(&bare), bare.ends_with('/')));
        }
        readings.bare = Some(resolve(&bare)?);
    }
    Ok(readings)
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

/// As [`put_in_place`], percent-encoded for a request line.
pub fn replace_prefix(normalised: &str, matched_prefix_len: usize, replacement: &str) -> String {
    encode(&put_in_place(normalised, matched_prefix_len, replacement))
}

/// Puts `replacement` in the place of the first `matched_prefix_len` bytes of a path. What comes of it
/// begins with `/` and has exactly one `/` at the seam. When nothing stands behind the prefix the
/// replacement alone is the path.
///
/// `replacement` is plain text, as a route is written, not percent-encoded. The length must come
/// from [`Match::prefix_len`](super::router::Match), which always ends at a segment border: a cut
/// inside a segment could make a dot segment out of its end.
pub fn put_in_place(normalised: &str, matched_prefix_len: usize, replacement: &str) -> String {
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
    path
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
    Ok(join(kept.into_iter(), last.is_empty() || is_dots(last)))
}

/// A path of the names that are not empty; `closed` with a slash at its end.
fn join<'a>(names: impl Iterator<Item = &'a str>, closed: bool) -> String {
    let mut path = String::new();
    for name in names.filter(|it| !it.is_empty()) {
        path.push('/');
        path.push_str(name);
    }
    if path.is_empty() || closed {
        path.push('/');
    }
    path
}

/// Each segment up to its first `;`.
fn without_parameters(path: &str) -> String {
    let names = segments(path).map(|it| it.split(';').next().unwrap_or(it));
    names.fold(String::with_capacity(path.len()), |path, name| path + "/" + name)
}

fn is_dots(segment: &str) -> bool {
    matches!(segment, "." | "..")
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
#[path = "path_tests.rs"]
mod tests;

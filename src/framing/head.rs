//! A whole head, line by line: what length its body has, or why that cannot be said.

use super::Violation;

/// What follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// A body of this many bytes.
    Bytes(u64),
    /// A body in chunks.
    Chunked,
    /// Whatever comes: an answer's body without a length, or another protocol.
    UntilEnd,
    /// Another head: this one was of an interim answer.
    Interim,
}

/// Fields that the message's frame, its target or its switch of protocols rests on. Servers that
/// turn names into variables read their underscore twins as these.
const TWINS: [&str; 11] = [
    "content-length",
    "transfer-encoding",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "sec-websocket-accept",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "http2-settings",
];

#[derive(Debug, Default)]
struct Fields {
    length: Option<u64>,
    chunked: bool,
}

/// Reads a request's head, its empty line included (RFC 9112 sections 3, 5 and 6.3).
pub(super) fn of_request(head: &[u8]) -> Result<Length, Violation> {
    let (first, rest) = lines(head)?;
    let version = request_line(first).ok_or(Violation::StartLine)?;
    let fields = Fields::read(rest, version, true)?;
    Ok(match fields {
        Fields { chunked: true, .. } => Length::Chunked,
        Fields { length, .. } => Length::Bytes(length.unwrap_or(0)),
    })
}

/// Reads an answer's head (RFC 9112 sections 4, 5 and 6.3).
pub(super) fn of_answer(head: &[u8], to_head: bool) -> Result<Length, Violation> {
    let (first, rest) = lines(head)?;
    let (version, status) = status_line(first).ok_or(Violation::StartLine)?;
    let fields = Fields::read(rest, version, false)?;
    Ok(match (status, fields) {
        (101, _) => Length::UntilEnd,
        (100..=199, _) => Length::Interim,
        (204 | 304, _) => Length::Bytes(0),
        _ if to_head => Length::Bytes(0),
        (_, Fields { chunked: true, .. }) => Length::Chunked,
        (_, Fields { length: Some(length), .. }) => Length::Bytes(length),
        _ => Length::UntilEnd,
    })
}

/// Checks one field line without its end, and splits it.
pub(super) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Violation> {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return Err(Violation::Folded);
    }
    let colon = line.iter().position(|it| *it == b':').ok_or(Violation::FieldName)?;
    let (name, value) = (line.get(..colon), line.get(colon + 1..));
    let name = name.filter(|it| is_token(it)).ok_or(Violation::FieldName)?;
    let value = value.unwrap_or_default();
    if !value.iter().all(|it| is_text(*it)) {
        return Err(Violation::FieldValue);
    }
    Ok((name, value.trim_ascii()))
}

/// The first line, and the others up to the empty one.
fn lines(head: &[u8]) -> Result<(&[u8], impl Iterator<Item = &[u8]>), Violation> {
    // One empty line may come before; each LF has its CR, or the head would not have been found.
    let mut lines = head.split(|it| *it == b'\n').map(|it| it.strip_suffix(b"\r").unwrap_or(it));
    let first = lines.find(|it| !it.is_empty()).ok_or(Violation::StartLine)?;
    Ok((first, lines.take_while(|it| !it.is_empty())))
}

/// `METHOD SP target SP HTTP/1.x`, each with exactly one space; the minor version.
fn request_line(line: &[u8]) -> Option<u8> {
    let mut words = line.split(|it| *it == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let sound = words.next().is_none()
        && is_token(method)
        && !target.is_empty()
        && target.iter().all(|it| is_target_byte(*it));
    if sound { minor(version) } else { None }
}

/// What a request's target is made of (RFC 9112 section 3.2): no fragment, and visible ASCII only.
pub fn is_target_byte(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && byte != b'#'
}

/// `HTTP/1.x SP status [SP reason]`: the minor version and the status.
fn status_line(line: &[u8]) -> Option<(u8, u16)> {
    let (version, rest) = line.split_at_checked(8)?;
    let [b' ', status @ ..] = rest else { return None };
    let (digits, reason) = status.split_at_checked(3)?;
    let reason_is_sound = reason.is_empty() || reason.starts_with(b" ");
    if !reason_is_sound || !reason.iter().all(|it| is_text(*it)) {
        return None;
    }
    let status = number(digits).and_then(|it| u16::try_from(it).ok())?;
    Some((minor(version)?, status)).filter(|_| (100..=599).contains(&status))
}

fn minor(version: &[u8]) -> Option<u8> {
    match version {
        b"HTTP/1.1" => Some(1),
        b"HTTP/1.0" => Some(0),
        _ => None,
    }
}

impl Fields {
    fn read<'a>(
        lines: impl Iterator<Item = &'a [u8]>,
        minor: u8,
        is_request: bool,
    ) -> Result<Self, Violation> {
        let mut fields = Self::default();
        for line in lines {
            let (name, value) = field(line)?;
            if name.eq_ignore_ascii_case(b"content-length") {
                let length = number(value).ok_or(Violation::ContentLength)?;
                if fields.length.replace(length).is_some() {
                    return Err(Violation::ContentLength);
                }
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                let alone = !fields.chunked && value.eq_ignore_ascii_case(b"chunked");
                if minor == 0 || !alone {
                    return Err(Violation::TransferEncoding);
                }
                fields.chunked = true;
            } else if is_request && is_twin(name) {
                return Err(Violation::Underscore);
            }
        }
        if fields.chunked && fields.length.is_some() {
            return Err(Violation::TwoLengths);
        }
        Ok(fields)
    }
}

/// Whether a request's field of this name may be taken for another one: `content_length` and the like.
pub fn is_twin(name: &[u8]) -> bool {
    let same = |(a, b): (&u8, u8)| a.eq_ignore_ascii_case(&b) || (*a == b'_' && b == b'-');
    name.contains(&b'_')
        && TWINS.iter().any(|it| it.len() == name.len() && name.iter().zip(it.bytes()).all(same))
}

/// Digits only: no sign, no list, no space. A length that hyper could not hold is none.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok().filter(|it| *it < u64::MAX - 2)
}

fn is_token(bytes: &[u8]) -> bool {
    let is_token_byte = |it: &u8| it.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(it);
    !bytes.is_empty() && bytes.iter().all(is_token_byte)
}

/// What may stand in a value or a reason (RFC 9110 section 5.5): no control character but tab.
pub(super) fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

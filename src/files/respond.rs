//! The answer to a request for a file that is open: conditions first, then its range, then its
//! encoding. Touches no disk.

use std::ops::Range;

use bytes::Bytes;
use hyper::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderValue, LAST_MODIFIED, RANGE, VARY,
};
use hyper::{Method, Response, StatusCode};

use super::body::{FileBody, Part};
use super::compress::Encoder;
use super::conditions::{Validators, Verdict};
use super::encoding::{Coding, accepted};
use super::find::{Opened, is_compressed_on_the_way};
use super::folder::Ask;
use super::kind::Kind;
use super::ranges::{Wanted, wanted};

/// Answers with the file. `compress`: whether text may be compressed.
pub fn respond(opened: Opened, ask: &Ask<'_>, compress: bool) -> Response<FileBody> {
    let kind = Kind::of(&opened.path);
    let varies = compress && kind.is_text;
    let mut on_the_way = on_the_way(&opened, ask, varies);
    let mut validators = Validators::new(opened.mtime, opened.size, on_the_way.is_some());
    let (verdict, size) = (validators.judge(ask.headers), opened.size);
    let mut encoder = None;
    if verdict == Verdict::Go && ask.method == Method::GET {
        encoder = on_the_way.and_then(Encoder::begin);
        if encoder.is_none() && on_the_way.take().is_some() {
            validators = Validators::new(opened.mtime, size, false);
        }
    }
    let coding = opened.coding.or(on_the_way);
    let mut response = match verdict {
        Verdict::NotModified => plain(StatusCode::NOT_MODIFIED, Bytes::new()),
        Verdict::Failed => return plain(StatusCode::PRECONDITION_FAILED, CHANGED.into()),
        Verdict::Go if ask.method == Method::HEAD => head(size, on_the_way.is_none()),
        Verdict::Go => match (encoder, range(ask.headers, &validators, size, on_the_way)) {
            (Some(encoder), _) => Response::new(FileBody::compressed(opened.file, size, encoder)),
            (None, Wanted::Unsatisfiable) => return unsatisfiable(size),
            (None, Wanted::Whole) => whole(opened),
            (None, Wanted::Parts(parts)) => partial(opened, &parts, &kind),
        },
    };
    let is_new = response.status() != StatusCode::NOT_MODIFIED;
    let is_part = response.status() == StatusCode::PARTIAL_CONTENT;
    let headers = response.headers_mut();
    describe(headers, &validators);
    if varies {
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    if is_new {
        headers.entry(CONTENT_TYPE).or_insert(kind.content_type);
        if let Some(coding) = coding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        if on_the_way.is_none() && !is_part {
            headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
    }
    response
}

const CHANGED: &str = "412 Precondition Failed: the file is not what it was\n";
const BEYOND: &str = "416 Range Not Satisfiable: the file has no such bytes\n";

/// What text is to be compressed with as it is sent.
fn on_the_way(opened: &Opened, ask: &Ask<'_>, varies: bool) -> Option<Coding> {
    let codings = if varies { accepted(ask.headers) } else { Vec::new() };
    let first = codings.first().copied();
    first.filter(|_| is_compressed_on_the_way(opened, &codings))
}

fn describe(headers: &mut HeaderMap, validators: &Validators) {
    if let Ok(etag) = HeaderValue::try_from(&validators.etag) {
        headers.insert(ETAG, etag);
    }
    if let Some(date) = validators.last_modified() {
        headers.insert(LAST_MODIFIED, date);
    }
}

/// A HEAD has no range (RFC 9110 section 14.2).
fn head(size: u64, has_length: bool) -> Response<FileBody> {
    let mut response = Response::new(FileBody::empty());
    if has_length {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(size));
    }
    response
}

fn range(
    headers: &HeaderMap,
    validators: &Validators,
    size: u64,
    on_the_way: Option<Coding>,
) -> Wanted {
    match headers.get(RANGE).and_then(|it| it.to_str().ok()) {
        Some(value) if on_the_way.is_none() && validators.holds_range(headers) => {
            wanted(value, size)
        }
        _ => Wanted::Whole,
    }
}

fn whole(opened: Opened) -> Response<FileBody> {
    Response::new(match opened.content {
        Some(content) => FileBody::whole(content),
        None => FileBody::of(opened.file, vec![Part::Span(0..opened.size)]),
    })
}

fn partial(opened: Opened, ranges: &[Range<u64>], kind: &Kind) -> Response<FileBody> {
    let mut response = match ranges {
        [one] => {
            let body = FileBody::of(opened.file, vec![Part::Span(one.clone())]);
            let mut response = Response::new(body);
            if let Ok(value) = HeaderValue::try_from(content_range(one, opened.size)) {
                response.headers_mut().insert(CONTENT_RANGE, value);
            }
            response
        }
        several => multipart(opened, several, kind),
    };
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    response
}

/// RFC 9110 section 14.6. The boundary is drawn by lot: nobody can have put it into the file.
fn multipart(opened: Opened, ranges: &[Range<u64>], kind: &Kind) -> Response<FileBody> {
    let boundary = format!("{:032x}", rand::random::<u128>());
    let essence = kind.content_type.to_str().unwrap_or_default();
    let mut parts = Vec::with_capacity(ranges.len() * 2 + 1);
    for range in ranges {
        let place = content_range(range, opened.size);
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: {essence}\r\nContent-Range: {place}\r\n\r\n"
        );
        parts.push(Part::Text(head.into()));
        parts.push(Part::Span(range.clone()));
    }
    parts.push(Part::Text(format!("\r\n--{boundary}--\r\n").into()));
    let mut response = Response::new(FileBody::of(opened.file, parts));
    let content_type = format!("multipart/byteranges; boundary={boundary}");
    if let Ok(value) = HeaderValue::try_from(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))
}

fn unsatisfiable(size: u64) -> Response<FileBody> {
    let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE, BEYOND.into());
    if let Ok(value) = HeaderValue::try_from(format!("bytes */{size}")) {
        response.headers_mut().insert(CONTENT_RANGE, value);
    }
    response
}

fn plain(status: StatusCode, words: Bytes) -> Response<FileBody> {
    let has_words = !words.is_empty();
    let mut response = Response::new(FileBody::whole(words));
    *response.status_mut() = status;
    if has_words {
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, text);
    }
    response
}

#[cfg(test)]
#[path = "respond_tests.rs"]
mod tests;

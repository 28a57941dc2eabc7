//! Heads of answers by request, and bodies where they are of several pieces.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use http_body_util::BodyExt;

use super::*;

/// 1994-11-06 08:49:37, as in the examples of RFC 9110.
const MTIME: i64 = 784_111_777;

fn opened(path: &str, text: &str) -> Opened {
    let name = std::env::temp_dir().join(format!("wsgate-{:016x}", rand::random::<u64>()));
    File::create(&name).and_then(|mut it| it.write_all(text.as_bytes())).expect("a file");
    let file = Arc::new(File::open(&name).expect("it was written"));
    std::fs::remove_file(&name).expect("it was there");
    let size = text.len() as u64;
    Opened { path: path.to_owned(), file, coding: None, size, mtime: MTIME, content: None }
}

async fn asked(
    opened: Opened,
    method: Method,
    fields: &[(&'static str, &str)],
) -> (u16, HeaderMap, String) {
    let pair = |(name, value): &(&'static str, &str)| (*name, value.parse().expect("a value"));
    let mut headers = HeaderMap::new();
    for (name, value) in fields.iter().map(pair) {
        headers.append(name, value);
    }
    let ask = Ask { method: &method, headers: &headers, path: "" };
    let (parts, body) = respond(opened, &ask, true).into_parts();
    let body = body.collect().await.expect("it can be read").to_bytes();
    (parts.status.as_u16(), parts.headers, String::from_utf8_lossy(&body).into_owned())
}

fn field<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("-", |it| it.to_str().expect("text"))
}

#[tokio::test]
async fn a_file_says_what_it_is() {
    let (status, headers, body) = asked(opened("/a.html", "hello"), Method::GET, &[]).await;
    assert_eq!((status, body.as_str()), (200, "hello"));
    let table = [
        ("content-type", "text/html; charset=utf-8"),
        ("etag", "\"2ebc98a1-5\""),
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("accept-ranges", "bytes"),
        ("vary", "Accept-Encoding"),
        ("content-encoding", "-"),
    ];
    table.iter().for_each(|(name, value)| assert_eq!(field(&headers, name), *value, "{name}"));
    let (status, headers, body) = asked(opened("/a.png", "hello"), Method::HEAD, &[]).await;
    assert_eq!((status, body.as_str(), field(&headers, "content-length")), (200, "", "5"));
    assert_eq!(field(&headers, "vary"), "-", "an image is the same for everybody");
}

#[tokio::test]
async fn a_range_is_a_part_and_several_are_parts_of_their_own() {
    let get = async |value: &'static str| {
        asked(opened("/a.txt", "0123456789"), Method::GET, &[("range", value)]).await
    };
    let (status, headers, body) = get("bytes=2-4").await;
    assert_eq!(
        (status, field(&headers, "content-range"), body.as_str()),
        (206, "bytes 2-4/10", "234")
    );
    let (status, headers, body) = get("bytes=0-0,-2").await;
    let boundary = field(&headers, "content-type").rsplit_once('=').expect("a boundary").1;
    let head = |place| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {place}/10\r\n\r\n"
        )
    };
    assert_eq!(body, format!("{}0{}89\r\n--{boundary}--\r\n", head("0-0"), head("8-9")));
    assert_eq!(status, 206);
    let (status, headers, _) = get("bytes=10-").await;
    assert_eq!((status, field(&headers, "content-range")), (416, "bytes */10"));
    let ignored = [("range", "bytes=2-4"), ("if-range", "\"other\"")];
    let (status, _, body) = asked(opened("/a.txt", "0123456789"), Method::GET, &ignored).await;
    assert_eq!((status, body.as_str()), (200, "0123456789"));
    let (status, headers, _) =
        asked(opened("/a.txt", "0123456789"), Method::HEAD, &[("range", "bytes=2-4")]).await;
    assert_eq!((status, field(&headers, "content-length")), (200, "10"));
}

#[tokio::test]
async fn text_that_is_compressed_on_the_way_has_a_weak_tag_and_no_ranges() {
    let text = "all work and no play ".repeat(10_000);
    let gzip = [("accept-encoding", "gzip"), ("range", "bytes=0-9")];
    let (status, headers, body) = asked(opened("/a.txt", &text), Method::GET, &gzip).await;
    assert_eq!((status, field(&headers, "content-encoding")), (200, "gzip"));
    assert!(field(&headers, "etag").starts_with("W/\"") && body.len() < text.len() / 10);
    assert_eq!(field(&headers, "accept-ranges"), "-");
    assert_eq!(field(&headers, "content-length"), "-");
    let (_, headers, _) = asked(opened("/a.txt", "short"), Method::GET, &gzip).await;
    assert_eq!(field(&headers, "content-encoding"), "-");
    let (_, headers, _) = asked(opened("/a.jpg", &text), Method::GET, &gzip).await;
    assert_eq!((field(&headers, "content-encoding"), field(&headers, "vary")), ("-", "-"));
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let known = [("if-none-match", "\"2ebc98a1-5\"")];
    let (status, headers, body) = asked(opened("/a.html", "hello"), Method::GET, &known).await;
    assert_eq!((status, body.as_str()), (304, ""));
    assert_eq!(field(&headers, "etag"), "\"2ebc98a1-5\"");
    assert_eq!((field(&headers, "content-type"), field(&headers, "content-length")), ("-", "-"));
    let failed = [("if-match", "\"other\"")];
    let (status, headers, _) = asked(opened("/a.html", "hello"), Method::GET, &failed).await;
    assert_eq!((status, field(&headers, "etag")), (412, "-"));
}

#[tokio::test]
async fn a_long_file_comes_in_pieces_and_a_shrinking_one_breaks_off() {
    let text: String = (0..50_000).map(|it| format!("{it} ")).collect();
    let (_, _, body) = asked(opened("/a.bin", &text), Method::GET, &[]).await;
    assert!(body == text, "{} bytes of {}", body.len(), text.len());
    let longer = Opened { size: text.len() as u64 + 1, ..opened("/a.bin", &text) };
    let ask = Ask { method: &Method::GET, headers: &HeaderMap::new(), path: "" };
    let mut body = respond(longer, &ask, false).into_body();
    let mut got = 0;
    let fault = loop {
        match body.frame().await.expect("not the end yet") {
            Ok(frame) => got += frame.into_data().expect("data").len(),
            Err(fault) => break fault,
        }
    };
    assert!(got < text.len() && fault.to_string().contains("cannot be read to its end"), "{fault}");
    assert!(body.frame().await.is_none());
}

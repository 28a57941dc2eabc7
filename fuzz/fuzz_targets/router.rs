//! Whoever reads a path, in whichever order it decodes, merges slashes and removes dot segments, comes to
//! the route that the gateway took: nobody finds a way from a lax route to a strict one.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wsgate::config::model::PathRule;
use wsgate::http::path::normalise;
use wsgate::http::router::Router;

static ROUTER: LazyLock<Router<&'static str>> = LazyLock::new(|| {
    Router::new([
        (PathRule::Prefix("/a".to_owned()), "open"),
        (PathRule::Prefix("/a/b".to_owned()), "strict"),
        (PathRule::Exact("/b".to_owned()), "exact"),
        (PathRule::Prefix("/b/a".to_owned()), "strict too"),
    ])
});

fuzz_target!(|raw: &str| {
    let Ok(path) = normalise(raw) else { return };
    let taken = ROUTER.find(&path).map(|it| *it.target);
    let decoded = decode(raw);
    // Segments of what is decoded, as RFC 3986 has it; slashes merged before; merged behind.
    let readings = [resolve(&decoded), resolve(&merge(&decoded)), merge(&resolve(&decoded))];
    for reading in readings {
        let found = ROUTER.find(&merge(&reading)).map(|it| *it.target);
        assert_eq!(found, taken, "{raw:?} is {path:?}, and {reading:?} to others");
    }
    // To servers with parameters `..;x` is a dot segment: it may not be among the names.
    assert!(!path.split('/').any(|it| it.starts_with("..;") || it.starts_with(".;")), "{path:?}");
});

fn decode(raw: &str) -> String {
    let bytes = raw.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let escaped = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte =
            escaped.and_then(|it| u8::from_str_radix(std::str::from_utf8(it).ok()?, 16).ok());
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn merge(path: &str) -> String {
    let mut out = String::new();
    for c in path.chars() {
        if c != '/' || !out.ends_with('/') {
            out.push(c);
        }
    }
    out
}

/// RFC 3986 section 5.2.4, in its own words: empty segments are segments.
fn resolve(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            name => kept.push(name),
        }
        if last && matches!(segment, "." | "..") {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

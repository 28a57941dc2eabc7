//! Whoever reads a path that goes on, in whichever order it decodes, merges slashes and removes dot segments or
//! keeps them, with parameters or without, comes to the route that the gateway took: nobody finds a way from a
//! lax route to a strict one.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wsgate::config::model::PathRule;
use wsgate::http::path::{encode, normalise, other_readings};
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
    let Some(matched) = ROUTER.find(&path) else { return };
    let Ok(others) = other_readings(raw) else { return };
    let same = |it: &String| ROUTER.leads_to(&matched, it);
    if !others.bare.iter().all(same) {
        return;
    }
    let taken = Some(*matched.target);
    let sent = if others.raw.iter().all(same) { raw.to_owned() } else { encode(&path) };
    let decoded = decode(&sent);
    let bare = without_parameters(&decoded);
    // Segments of what is decoded, as RFC 3986 has it; slashes merged before; merged behind. And
    // as those who match before they resolve, or know parameters.
    let readings = [
        resolve(&decoded),
        resolve(&merge(&decoded)),
        merge(&resolve(&decoded)),
        merge(&decoded),
        merge(&bare),
        resolve(&merge(&bare)),
        resolve(&merge(behind_authority(&decoded))),
    ];
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

fn without_parameters(path: &str) -> String {
    path.split('/').map(|it| it.split(';').next().unwrap_or(it)).collect::<Vec<_>>().join("/")
}

/// As URL parsers do with what begins with two slashes.
fn behind_authority(path: &str) -> &str {
    let Some(rest) = path.strip_prefix("//") else { return path };
    let rest = rest.trim_start_matches('/');
    rest.find('/').map_or("/", |at| &rest[at..])
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

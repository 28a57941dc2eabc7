//! What a request costs before a backend is chosen: its path read, its route found, its sender
//! admitted. Knows no sockets.
//!
//! `cargo bench --bench request` measures, `cargo test --bench request` runs each once.

#![allow(missing_docs)] // criterion_group! makes a public function without one

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hyper::header::{HeaderMap, HeaderValue, ORIGIN, REFERER};
use regex::Regex;

use wsgate::config::model::{AppFamily, AppId, Clients, OriginRule, PathRule};
use wsgate::config::names::Names;
use wsgate::http::admission::{Asking, admit};
use wsgate::http::path::normalise;
use wsgate::http::router::Router;

fn paths(c: &mut Criterion) {
    let mut group = c.benchmark_group("normalise");
    for (name, path) in [
        ("as it is", "/applet/websocket/socket.io/"),
        ("double slash", "/applet/websocket/socket.io//"),
        ("escapes", "/applet/%E4%BD%A0/a%20b"),
        ("dot segments", "/applet/./a/../websocket/b/.."),
        ("refused", "/applet/..%2f..%2fetc/passwd"),
    ] {
        group.bench_function(name, |b| b.iter(|| normalise(black_box(path)).is_ok()));
    }
    group.finish();
}

fn routes(c: &mut Criterion) {
    let few = Router::new(rules(3));
    let many = Router::new(rules(100));
    let mut group = c.benchmark_group("route");
    for (name, router) in [("of 3", &few), ("of 100", &many)] {
        for (path, what) in
            [("/exact", "exact"), ("/service-1/a/b", "prefix"), ("/v17/rooms", "regex")]
        {
            assert!(router.find(path).is_some(), "{path} has a route");
            group.bench_function(format!("{what} {name}"), |b| {
                b.iter(|| router.find(black_box(path)).map(|it| *it.target));
            });
        }
    }
    group.finish();
}

/// One exact path, one regex, and `prefixes` prefixes.
fn rules(prefixes: usize) -> Vec<(PathRule, usize)> {
    let mut rules: Vec<_> =
        (0..prefixes).map(|it| (PathRule::Prefix(format!("/service-{it}")), it)).collect();
    rules.push((PathRule::Exact("/exact".to_owned()), prefixes));
    if let Ok(regex) = Regex::new(r"^/v[0-9]+/") {
        rules.push((PathRule::Regex(regex), prefixes + 1));
    }
    rules
}

fn hosts(c: &mut Criterion) {
    let mut hosts = Names::default();
    for it in 0..100 {
        hosts.insert(&format!("site-{it}.example.com"), it);
        hosts.insert(&format!("*.site-{it}.example.com"), it);
    }
    let mut group = c.benchmark_group("host of 200");
    for (what, name) in [
        ("exact", "site-42.example.com"),
        ("wildcard", "a.site-42.example.com"),
        ("unknown", "example.net"),
    ] {
        group.bench_function(what, |b| b.iter(|| hosts.find(black_box(name)).copied()));
    }
    group.finish();
}

fn admission(c: &mut Criterion) {
    let clients = Clients {
        selective: true,
        origins: (0..10).map(|it| wildcard(&format!("site-{it}.example.com"))).collect(),
        mini_programs: (0..10).map(|it| wechat(&format!("wx012345678{it}abcdef"))).collect(),
        deny: (0..10).filter_map(|it| format!("203.0.{it}.0/24").parse().ok()).collect(),
        ..Clients::default()
    };
    let listed = "https://servicewechat.com/wx0123456789abcdef/12/page-frame.html";
    let other = "https://servicewechat.com/wxffffffffffffffff/12/page-frame.html";
    let mut group = c.benchmark_group("admission");
    for (name, origin, referer, admitted) in [
        ("listed origin", Some("https://a.site-9.example.com"), None, true),
        ("listed mini program", Some("https://servicewechat.com"), Some(listed), true),
        ("foreign origin", Some("https://evil.example"), None, false),
        ("other mini program", None, Some(other), false),
        ("neither", None, None, false),
    ] {
        let mut headers = HeaderMap::new();
        for (field, value) in [(ORIGIN, origin), (REFERER, referer)] {
            value.map(|it| headers.insert(field, HeaderValue::from_static(it)));
        }
        let client = Some([192, 0, 2, 7].into());
        let asking = Asking { headers: &headers, host: "game.example.com", tls: true, client };
        assert_eq!(admit(&clients, &asking).is_ok(), admitted, "{name}");
        group.bench_function(name, |b| b.iter(|| admit(black_box(&clients), &asking).is_ok()));
    }
    group.finish();
}

fn wildcard(host: &str) -> OriginRule {
    OriginRule { scheme: "https".to_owned(), host: host.to_owned(), wildcard: true, port: None }
}

fn wechat(id: &str) -> AppId {
    AppId { family: AppFamily::WeChat, id: id.to_owned() }
}

criterion_group!(request, paths, routes, hosts, admission);
criterion_main!(request);

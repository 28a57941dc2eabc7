//! An Origin or a Referer that is let in is one that the list means, read here in another way: letter by
//! letter, without taking it apart.

#![no_main]

use hyper::header::{HeaderMap, HeaderValue, ORIGIN, REFERER};
use libfuzzer_sys::fuzz_target;
use wsgate::config::model::{AppFamily, AppId, Clients, OriginRule};
use wsgate::http::admission::{Asking, admit};

/// The one that is listed.
const APP: &str = "wx0123456789abcdef";

fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|it| *it == b'\n');
    let mut headers = HeaderMap::new();
    let origins: Vec<&[u8]> = lines.next().unwrap_or_default().split(|it| *it == 0).collect();
    for origin in origins.iter().filter(|it| !it.is_empty()) {
        let Ok(value) = HeaderValue::from_bytes(origin) else { return };
        headers.append(ORIGIN, value);
    }
    for referer in lines {
        let Ok(value) = HeaderValue::from_bytes(referer) else { return };
        headers.append(REFERER, value);
    }
    let asking = Asking { headers: &headers, host: "own.test", tls: true, client: None };
    if admit(&clients(), &asking).is_err() {
        return;
    }
    let origins: Vec<_> = headers.get_all(ORIGIN).iter().collect();
    let referers: Vec<_> = headers.get_all(REFERER).iter().collect();
    assert!(origins.len() <= 1, "two origins: {origins:?}");
    let Some(origin) = origins.first() else {
        assert!(is_the_app(&referers), "neither: {referers:?}");
        return;
    };
    let origin = origin.to_str().expect("an origin of other bytes").to_ascii_lowercase();
    let hosts = ["https://servicewechat.com", "weapp://wechat-game-runtime", "https://own.test"];
    let without_port = origin.strip_suffix(":443").unwrap_or(&origin);
    let by_app = is_the_app(&referers)
        && (hosts.contains(&without_port) || origin == "weapp://wechat-game-runtime");
    assert!(is_listed(without_port) || by_app, "{origin:?} {referers:?}");
});

fn clients() -> Clients {
    let rule = |host: &str, wildcard| OriginRule {
        scheme: "https".to_owned(),
        host: host.to_owned(),
        wildcard,
        port: None,
    };
    Clients {
        selective: true,
        origins: vec![rule("a.test", false), rule("w.test", true)],
        mini_programs: vec![AppId { family: AppFamily::WeChat, id: APP.to_owned() }],
        missing_origin_allowed: false,
        allow: Vec::new(),
        deny: Vec::new(),
    }
}

fn is_listed(origin: &str) -> bool {
    let label = origin.strip_prefix("https://").and_then(|it| it.strip_suffix(".w.test"));
    let is_label = |it: &str| {
        !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
    };
    origin == "https://a.test" || label.is_some_and(is_label)
}

/// `https://servicewechat.com/wx0123456789abcdef/VERSION/page-frame.html`, once.
fn is_the_app(referers: &[&HeaderValue]) -> bool {
    let [referer] = referers else { return false };
    let middle = referer.to_str().ok().and_then(|it| {
        it.strip_prefix("https://servicewechat.com/wx0123456789abcdef/")?
            .strip_suffix("/page-frame.html")
    });
    middle.is_some_and(|it| {
        it == "devtools" || (!it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()))
    })
}

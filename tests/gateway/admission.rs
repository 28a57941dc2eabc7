//! Who may come, end to end: refused before a backend sees a byte, with a reason and a counter.

use wsgate::life::{Cause, End, Refusal, Stage};

use crate::house::client::upgrade_fields;
use crate::house::{Backend, House, route};

const LISTED: &str = "https://servicewechat.com/wx0123456789abcdef/42/page-frame.html";
const OTHER: &str = "https://servicewechat.com/wxffffffffffffffff/42/page-frame.html";

fn clients(keys: &str) -> String {
    format!("[sites.routes.clients]\n{keys}\n")
}

fn fields(origin: Option<&str>, referer: Option<&str>) -> String {
    let line = |name: &str, value: Option<&str>| {
        value.map_or_else(String::new, |it| format!("{name}: {it}\r\n"))
    };
    upgrade_fields() + &line("Origin", origin) + &line("Referer", referer)
}

#[tokio::test]
async fn origins_and_mini_programs_decide_before_any_backend_is_dialled() {
    let backend = Backend::echo().await;
    let rules = clients(
        "origins = [\"https://game.example.test\", \"https://*.example.test\", \
         \"weapp://wechat-game-runtime\"]\nmini_programs = [\"wx0123456789abcdef\"]",
    );
    let house = House::with_routes(&(route("/", &backend) + &rules)).await;
    let wechat = Some("https://servicewechat.com");
    let cases = [
        (Some("https://game.example.test"), None, None),
        (Some("https://any.example.test"), None, None),
        (Some("weapp://wechat-game-runtime"), None, None),
        (None, Some(LISTED), None),
        (wechat, Some(LISTED), None),
        (None, None, Some(Refusal::MissingOrigin)),
        (None, Some("https://example.org/"), Some(Refusal::MissingOrigin)),
        (None, Some(OTHER), Some(Refusal::AppId)),
        (wechat, Some(OTHER), Some(Refusal::AppId)),
        (wechat, None, Some(Refusal::Origin)),
        (Some("https://evil.test"), Some(LISTED), Some(Refusal::Origin)),
        (Some("https://a.b.example.test"), None, Some(Refusal::Origin)),
        (Some("https://game.example.test.evil.org"), None, Some(Refusal::Origin)),
        (Some("http://game.example.test"), None, Some(Refusal::Origin)),
        (Some("https://game.example.test:8443"), None, Some(Refusal::Origin)),
        (Some("null"), None, Some(Refusal::Origin)),
    ];
    let mut admitted = 0;
    for (origin, referer, refusal) in cases {
        let mut client = house.client().await;
        let head = client.get("/", &fields(origin, referer)).await;
        let line = match refusal {
            None => {
                assert!(head.starts_with("HTTP/1.1 101 "), "{origin:?} {referer:?}: {head}");
                admitted += 1;
                drop(client);
                house.line().await
            }
            Some(refusal) => {
                assert!(head.starts_with("HTTP/1.1 403 "), "{origin:?} {referer:?}: {head}");
                let line = house.line().await;
                assert_eq!(line.end.stage, Stage::Admission, "{origin:?} {referer:?}");
                assert_eq!(line.end.cause, Cause::Refusal(refusal), "{origin:?} {referer:?}");
                line
            }
        };
        assert_eq!(line.origin, origin.unwrap_or_default());
        let app = referer.filter(|it| it.contains("/wx")).map_or("", |it| &it[26..44]);
        assert_eq!(line.app, app);
        assert_eq!(backend.accepted(), admitted, "{origin:?} {referer:?}");
    }
    assert_eq!(house.metrics().ends(Cause::Refusal(Refusal::Origin)), 7);
    house.finish().await;
}

#[tokio::test]
async fn two_origins_are_no_origin_on_the_list() {
    let backend = Backend::echo().await;
    let rules = clients("origins = [\"https://game.example.test\"]");
    let house = House::with_routes(&(route("/", &backend) + &rules)).await;
    let mut client = house.client().await;
    let twice = "Origin: https://game.example.test\r\n".repeat(2);
    assert!(client.upgrade("/", &twice).await.starts_with("HTTP/1.1 403 "));
    assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::Origin));
    assert_eq!(backend.accepted(), 0);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_missing_origin_may_be_allowed() {
    let backend = Backend::echo().await;
    let rules = clients("origins = [\"https://a.test\"]\nmissing_origin = \"allow\"");
    let house = House::with_routes(&(route("/", &backend) + &rules)).await;
    let mut client = house.client().await;
    assert!(client.upgrade("/", "").await.starts_with("HTTP/1.1 101 "));
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_list_without_entries_admits_no_origin_and_no_list_admits_any() {
    let backend = Backend::echo().await;
    let foreign = Some("https://evil.test");
    let cases = [
        ("origins = []", foreign, Some(Refusal::Origin)),
        ("origins = []", None, Some(Refusal::MissingOrigin)),
        ("mini_programs = []", foreign, Some(Refusal::Origin)),
        ("missing_origin = \"deny\"", foreign, Some(Refusal::Origin)),
        ("missing_origin = \"deny\"", None, Some(Refusal::MissingOrigin)),
        ("missing_origin = \"allow\"", foreign, Some(Refusal::Origin)),
        ("missing_origin = \"allow\"", None, None),
        ("addresses = { deny = [\"203.0.113.0/24\"] }", foreign, None),
        ("", foreign, None),
    ];
    for (keys, origin, refusal) in cases {
        let house = House::with_routes(&(route("/", &backend) + &clients(keys))).await;
        let mut client = house.client().await;
        let head = client.get("/", &fields(origin, None)).await;
        let status = if refusal.is_some() { 403 } else { 101 };
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{keys} {origin:?}: {head}");
        drop(client);
        let cause = house.end().await.cause;
        let refused = if let Cause::Refusal(it) = cause { Some(it) } else { None };
        assert_eq!(refused, refusal, "{keys} {origin:?}");
        house.finish().await;
    }
}

#[tokio::test]
async fn addresses_are_looked_at_behind_trusted_proxies_only() {
    let backend = Backend::echo().await;
    let deny = "addresses = { allow = [], deny = [\"203.0.113.0/24\"] }";
    let trusting = "trusted_proxies = [\"127.0.0.0/8\"]\n";
    let routes = format!(
        "{}{}{}{trusting}{}{}{}",
        route("/plain", &backend),
        clients(deny),
        route("/behind", &backend),
        clients(deny),
        route("/only", &backend),
        clients("addresses = { allow = [\"10.0.0.0/8\"], deny = [] }")
    );
    let house = House::with_routes(&routes).await;
    let forged = "X-Forwarded-For: 203.0.113.9\r\n";
    for (path, status) in [("/plain", 101), ("/behind", 403), ("/only", 403)] {
        let mut client = house.client().await;
        let head = client.upgrade(path, forged).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {head}");
        drop(client);
        let line = house.line().await;
        let seen = if path == "/behind" { "203.0.113.9" } else { "127.0.0.1" };
        assert_eq!(line.client, seen, "{path}");
        if status == 403 {
            let expected = Cause::Refusal(Refusal::Address);
            assert_eq!(line.end, End::new(line.end.by, Stage::Admission, expected));
        }
    }
    house.finish().await;
}

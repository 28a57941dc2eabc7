//! Every trick with origins, Referers and addresses that must not pass.

use ipnet::IpNet;

use super::*;
use crate::config::model::{AppId, OriginRule};

const HOST: &str = "game.example.com";
const LISTED: &str = "https://servicewechat.com/wx0123456789abcdef/12/page-frame.html";
const UNLISTED: &str = "https://servicewechat.com/wxffffffffffffffff/12/page-frame.html";
const ORDINARY: &str = "https://game.example.com/lobby";

/// One list of everything: an origin and one app id of each family.
fn clients() -> Clients {
    let apps = [
        (AppFamily::WeChat, "wx0123456789abcdef"),
        (AppFamily::Qq, "1109"),
        (AppFamily::Tcmpp, "mp1"),
        (AppFamily::Douyin, "tt0123"),
        (AppFamily::Alipay, "2021"),
        (AppFamily::Baidu, "aB1"),
    ];
    Clients {
        selective: true,
        origins: vec![OriginRule {
            scheme: "https".to_owned(),
            host: "shop.example.com".to_owned(),
            wildcard: false,
            port: None,
        }],
        mini_programs: apps
            .map(|(family, id)| AppId { family, id: id.to_owned() })
            .into_iter()
            .collect(),
        ..Clients::default()
    }
}

fn fields(origins: &[&str], referers: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for it in origins {
        headers.append(ORIGIN, HeaderValue::from_str(it).expect("a field value"));
    }
    for it in referers {
        headers.append(REFERER, HeaderValue::from_str(it).expect("a field value"));
    }
    headers
}

fn ask(clients: &Clients, origins: &[&str], referers: &[&str]) -> Option<Refusal> {
    let headers = fields(origins, referers);
    admit(clients, &Asking { headers: &headers, host: HOST, tls: true, client: None }).err()
}

#[test]
fn a_listed_origin_comes_with_any_referer_and_an_unlisted_one_with_none() {
    for referers in [&[][..], &[ORDINARY], &[UNLISTED], &[LISTED]] {
        assert_eq!(ask(&clients(), &["https://shop.example.com"], referers), None);
        assert_eq!(ask(&clients(), &["https://evil.com"], referers), Some(Refusal::Origin));
    }
    for origin in ["", "null", "https://game.example.com", "https://servicewechat.com"] {
        assert_eq!(ask(&clients(), &[origin], &[]), Some(Refusal::Origin), "{origin}");
        assert_eq!(ask(&clients(), &[origin], &[ORDINARY]), Some(Refusal::Origin), "{origin}");
    }
}

#[test]
fn an_origin_that_is_not_ascii_or_not_alone_is_refused() {
    let mut headers = HeaderMap::new();
    headers.append(ORIGIN, HeaderValue::from_bytes(b"https://\xe4.com").expect("obs-text"));
    let asking = Asking { headers: &headers, host: HOST, tls: true, client: None };
    assert_eq!(admit(&clients(), &asking), Err(Refusal::Origin));
    let listed = "https://shop.example.com";
    assert_eq!(ask(&clients(), &[listed, listed], &[]), Some(Refusal::Origin));
    assert_eq!(ask(&clients(), &[listed, listed], &[LISTED]), Some(Refusal::Origin));
}

#[test]
fn a_listed_app_comes_without_an_origin_or_with_one_that_is_not_foreign() {
    let table = [
        (LISTED, "https://servicewechat.com weapp://wechat-game-runtime"),
        ("https://appservice.qq.com/1109/0/page-frame.html", "https://appservice.qq.com"),
        ("https://appservice.wx.com/mp1/0/page-frame.html", "https://appservice.wx.com"),
        ("https://smartapps.cn/aB1/0/page-frame.html", "https://smartapps.cn"),
        (
            "https://tmaservice.developer.toutiao.com?appid=tt0123&version=1",
            "https://tmaservice.developer.toutiao.com",
        ),
        ("https://2021.hybrid.alipay-eco.com/index.html", "https://2021.hybrid.alipay-eco.com"),
    ];
    for (referer, own) in table {
        assert_eq!(ask(&clients(), &[], &[referer]), None, "{referer}");
        for origin in own.split(' ').chain(["https://game.example.com:443"]) {
            assert_eq!(ask(&clients(), &[origin], &[referer]), None, "{referer} {origin}");
        }
        for origin in [
            "https://evil.com",
            "http://game.example.com",
            "https://game.example.com:8443",
            "wss://game.example.com",
            "null",
            "",
            "https://servicewechat.com:8443",
            "http://servicewechat.com",
            "https://servicewechat.com.evil.com",
            "https://x.servicewechat.com",
            "https://1.hybrid.alipay-eco.com",
        ] {
            let refusal = ask(&clients(), &[origin], &[referer]);
            assert_eq!(refusal, Some(Refusal::Origin), "{referer} {origin}");
        }
    }
}

#[test]
fn one_familys_origin_is_foreign_to_another() {
    let qq = "https://appservice.qq.com/1109/0/page-frame.html";
    for origin in ["https://servicewechat.com", "weapp://wechat-game-runtime"] {
        assert_eq!(ask(&clients(), &[origin], &[qq]), Some(Refusal::Origin));
    }
    assert_eq!(ask(&clients(), &["https://smartapps.cn"], &[LISTED]), Some(Refusal::Origin));
}

#[test]
fn an_unlisted_app_is_refused_by_its_id() {
    let wrong_family = "https://appservice.qq.com/mp1/0/page-frame.html";
    for referer in [UNLISTED, wrong_family] {
        assert_eq!(ask(&clients(), &[], &[referer]), Some(Refusal::AppId), "{referer}");
    }
    let own = "https://servicewechat.com";
    assert_eq!(ask(&clients(), &[own], &[UNLISTED]), Some(Refusal::AppId));
    assert_eq!(ask(&clients(), &["https://evil.com"], &[UNLISTED]), Some(Refusal::Origin));
    let allowing = Clients { missing_origin_allowed: true, ..clients() };
    assert_eq!(ask(&allowing, &[], &[UNLISTED]), Some(Refusal::AppId));
}

#[test]
fn neither_origin_nor_mini_program_is_what_missing_origin_decides() {
    let allowing = Clients { missing_origin_allowed: true, ..clients() };
    let forged = "https://servicewechat.com@evil.com/wx0123456789abcdef/1/page-frame.html";
    for referers in [&[][..], &[ORDINARY], &[forged], &[LISTED, LISTED]] {
        assert_eq!(ask(&clients(), &[], referers), Some(Refusal::MissingOrigin));
        assert_eq!(ask(&allowing, &[], referers), None);
    }
}

#[test]
fn the_requests_own_host_counts_with_its_scheme_and_port() {
    let table = [
        ("game.example.com", true, "https://game.example.com", true),
        ("Game.example.com:443", true, "https://game.example.com", true),
        ("game.example.com:8443", true, "https://game.example.com:8443", true),
        ("game.example.com:8443", true, "https://game.example.com", false),
        ("game.example.com", true, "http://game.example.com", false),
        ("game.example.com", false, "http://game.example.com:80", true),
        ("game.example.com", false, "https://game.example.com", false),
        ("game.example.com:80", true, "https://game.example.com", false),
        ("x@game.example.com", true, "https://game.example.com", false),
    ];
    for (host, tls, origin, admitted) in table {
        let headers = fields(&[origin], &[LISTED]);
        let asking = Asking { headers: &headers, host, tls, client: None };
        assert_eq!(admit(&clients(), &asking).is_ok(), admitted, "{host} {tls} {origin}");
    }
}

#[test]
fn without_lists_anyone_comes_and_the_app_is_still_named() {
    assert_eq!(ask(&Clients::default(), &["null", "null"], &[]), None);
    let headers = fields(&["https://evil.com"], &[UNLISTED]);
    let asking = Asking { headers: &headers, host: HOST, tls: true, client: None };
    let app = admit(&Clients::default(), &asking).expect("anyone").app;
    assert_eq!(app, app_of(UNLISTED));
    assert!(app.is_some());
}

#[test]
fn addresses_are_denied_first_then_allowed() {
    let nets = |text: &str| -> Vec<IpNet> {
        text.split_whitespace().map(|it| it.parse().expect(it)).collect()
    };
    let table = [
        ("", "", "203.0.113.7", true),
        ("", "203.0.113.0/24", "203.0.113.7", false),
        ("", "203.0.113.0/24", "203.0.114.7", true),
        ("", "203.0.113.0/24", "::ffff:203.0.113.7", false),
        ("", "::ffff:203.0.113.0/120", "203.0.113.7", false),
        ("", "::/0", "203.0.113.7", true),
        ("", "0.0.0.0/0", "2001:db8::1", true),
        ("", "2001:db8::/32", "2001:db8::1", false),
        ("10.0.0.0/8", "", "10.1.2.3", true),
        ("10.0.0.0/8", "", "::ffff:10.1.2.3", true),
        ("10.0.0.0/8", "", "11.1.2.3", false),
        ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", false),
        ("10.0.0.0/8", "", "unix", false),
        ("", "0.0.0.0/0 ::/0", "unix", true),
    ];
    for (allow, deny, client, admitted) in table {
        let clients = Clients { allow: nets(allow), deny: nets(deny), ..Clients::default() };
        let headers = HeaderMap::new();
        let asking =
            Asking { headers: &headers, host: HOST, tls: true, client: client.parse().ok() };
        let expected = if admitted { Ok(Admitted { app: None }) } else { Err(Refusal::Address) };
        assert_eq!(admit(&clients, &asking), expected, "{allow} {deny} {client}");
    }
}

#[test]
fn an_address_is_refused_before_its_origin_is_looked_at() {
    let clients = Clients { deny: vec!["::/0".parse().expect("a network")], ..clients() };
    let headers = fields(&["https://shop.example.com"], &[LISTED]);
    let client = "2001:db8::1".parse().ok();
    let asking = Asking { headers: &headers, host: HOST, tls: true, client };
    assert_eq!(admit(&clients, &asking), Err(Refusal::Address));
}

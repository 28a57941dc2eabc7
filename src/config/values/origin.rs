//! Who may come: origins and app ids. The requests they are compared with are read elsewhere.

use crate::config::model::{AppFamily, AppId, OriginRule};
use crate::config::values::Wrong;

/// One of `clients.origins`: `scheme://host`, with a port or a leading `*.` where wanted.
pub fn origin(text: &str) -> Result<OriginRule, Wrong> {
    let wrong = |why: &str| Wrong::new(format!("`{text}` is not an origin: {why}"));
    if text == "*" {
        let hint =
            "to admit every origin leave `origins`, `mini_programs` and `missing_origin` out";
        return Err(wrong("it has no scheme").hint(hint));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(wrong("it has no scheme").hint(format!("write \"https://{text}\"")));
    };
    let scheme = scheme.to_ascii_lowercase();
    if !is_scheme(&scheme) {
        return Err(wrong("its scheme is not one"));
    }
    if let Some((host, _)) = rest.split_once(['/', '?', '#']) {
        let hint = format!("an origin ends with the host: write \"{scheme}://{host}\"");
        return Err(wrong("it has a path").hint(hint));
    }
    let (host, port) = split_port(rest).ok_or_else(|| wrong("its port is not a number"))?;
    let (wildcard, host) = match host.strip_prefix("*.") {
        Some(host) => (true, host),
        None => (false, host),
    };
    // Some web views send `file://` alone; a web page always has a host.
    let web = matches!(scheme.as_str(), "http" | "https" | "ws" | "wss");
    let letters = |it: u8| it.is_ascii_alphanumeric() || b"-._~[]:".contains(&it);
    if !host.bytes().all(letters) || (host.is_empty() && (web || wildcard)) {
        let hint = "a wildcard is the whole leftmost label, as in \"https://*.example.com\"";
        return Err(wrong("its host is not one").hint(hint));
    }
    let host = host.to_ascii_lowercase();
    let port = port.filter(|it| Some(*it) != default_port(&scheme));
    Ok(OriginRule { scheme, host, wildcard, port })
}

/// One of `clients.mini_programs`: `wx…`, or a family and an id.
pub fn app_id(text: &str) -> Result<AppId, Wrong> {
    let (family, id) = match text.split_once(':') {
        None => (AppFamily::WeChat, text),
        Some((name, id)) => {
            let families = [
                ("qq", AppFamily::Qq),
                ("tcmpp", AppFamily::Tcmpp),
                ("douyin", AppFamily::Douyin),
                ("alipay", AppFamily::Alipay),
                ("baidu", AppFamily::Baidu),
            ];
            (super::choice(name, &families)?, id)
        }
    };
    let wrong = Wrong::new(format!("`{text}` is not an app id"));
    if id.is_empty() || !id.bytes().all(|it| it.is_ascii_alphanumeric()) {
        return Err(
            wrong.hint("an app id is letters and digits, as the platform's console shows it")
        );
    }
    if family == AppFamily::WeChat && !id.starts_with("wx") {
        let hint = format!("WeChat's begin with wx; else name the app: \"douyin:{id}\"");
        return Err(wrong.hint(hint));
    }
    Ok(AppId { family, id: id.to_owned() })
}

/// RFC 3986 section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|it: char| it.is_ascii_alphabetic())
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"+-.".contains(&it))
}

fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => port.parse().ok().map(|it| (host, Some(it))),
        _ => Some((text, None)),
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(
        scheme: &str,
        host: &str,
        wildcard: bool,
        port: Option<u16>,
    ) -> Result<OriginRule, Wrong> {
        Ok(OriginRule { scheme: scheme.to_owned(), host: host.to_owned(), wildcard, port })
    }

    #[test]
    fn origins_have_any_scheme_and_lose_their_default_port() {
        assert_eq!(
            origin("https://Game.example.com"),
            rule("https", "game.example.com", false, None)
        );
        assert_eq!(origin("https://*.example.com"), rule("https", "example.com", true, None));
        assert_eq!(origin("https://a.com:443"), rule("https", "a.com", false, None));
        assert_eq!(origin("http://localhost:5173"), rule("http", "localhost", false, Some(5173)));
        assert_eq!(origin("http://[::1]:80"), rule("http", "[::1]", false, None));
        assert_eq!(
            origin("weapp://wechat-game-runtime"),
            rule("weapp", "wechat-game-runtime", false, None)
        );
        assert_eq!(origin("file://"), rule("file", "", false, None));
    }

    #[test]
    fn what_is_not_an_origin_is_refused() {
        for text in
            ["*", "a.com", "https://a.com/", "https://", "https://a*.com", "https://a:x", "null"]
        {
            assert!(origin(text).is_err(), "{text}");
        }
        let hint = origin("https://a.com/x").err().and_then(|it| it.hint);
        assert!(hint.is_some_and(|it| it.contains("\"https://a.com\"")));
    }

    #[test]
    fn app_ids_know_their_family() {
        let app = |family, id: &str| Ok(AppId { family, id: id.to_owned() });
        assert_eq!(app_id("wx0123456789abcdef"), app(AppFamily::WeChat, "wx0123456789abcdef"));
        assert_eq!(app_id("douyin:tt0123"), app(AppFamily::Douyin, "tt0123"));
        assert_eq!(app_id("qq:1234"), app(AppFamily::Qq, "1234"));
        for text in ["", "tt0123", "douyin:", "weibo:1", "wx/1", "douyin:tt 1"] {
            assert!(app_id(text).is_err(), "{text}");
        }
    }
}

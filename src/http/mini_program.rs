//! Which mini program a request comes from, read from the Referer that the host app fixes.
//! Knows nothing of rules and routes.
//!
//! No host app lets a mini program set this field, but anything that is no host app can: the id
//! says who a client claims to be. What is not exactly a known form is an ordinary Referer.

use std::fmt;

use crate::config::model::AppFamily;

/// A mini program, borrowed from a Referer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct App<'a> {
    /// Which app hosts it.
    pub family: AppFamily,
    /// Its id, without the family's prefix.
    pub id: &'a str,
    /// `devtools`, `0` (development, trial and review builds) or the release's number, when the
    /// Referer has one.
    pub build: Option<&'a str>,
}

/// As an entry of `clients.mini_programs` is written: `wx…`, `douyin:tt…`.
impl fmt::Display for App<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.family {
            AppFamily::WeChat => "",
            AppFamily::Qq => "qq:",
            AppFamily::Tcmpp => "tcmpp:",
            AppFamily::Douyin => "douyin:",
            AppFamily::Alipay => "alipay:",
            AppFamily::Baidu => "baidu:",
        };
        write!(f, "{prefix}{}", self.id)
    }
}

/// Reads the mini program from a Referer; `None` when it is an ordinary one.
///
/// Host apps write the field themselves, always alike, so nothing is made equal: not the case of
/// scheme and host, not a default port, not user information.
pub fn app_of(referer: &str) -> Option<App<'_>> {
    let url = referer.strip_prefix("https://")?;
    let (host, path) = url.split_at(url.find(['/', '?']).unwrap_or(url.len()));
    match host {
        "servicewechat.com" => {
            page_frame(AppFamily::WeChat, path).filter(|it| is_wechat_id(it.id) && has_build(it))
        }
        "appservice.qq.com" => page_frame(AppFamily::Qq, path),
        "appservice.wx.com" => page_frame(AppFamily::Tcmpp, path),
        "smartapps.cn" => page_frame(AppFamily::Baidu, path),
        "tmaservice.developer.toutiao.com" => douyin(path),
        _ => alipay(host, path),
    }
}

/// `/{appid}/{version}/page-frame.html`
fn page_frame(family: AppFamily, path: &str) -> Option<App<'_>> {
    let (id, rest) = path.strip_prefix('/')?.split_once('/')?;
    let build = rest.strip_suffix("/page-frame.html")?;
    let well_formed = is_word(id) && is_word(build);
    well_formed.then_some(App { family, id, build: Some(build) })
}

/// `/?appid={appid}&version={version}`, also without the slash, which is the same URL.
fn douyin(path: &str) -> Option<App<'_>> {
    let query = path.strip_prefix('/').unwrap_or(path).strip_prefix('?')?;
    let id = only(query, "appid")?;
    is_word(id).then(|| App {
        family: AppFamily::Douyin,
        id,
        build: only(query, "version").filter(|it| is_word(it)),
    })
}

/// `{appid}.hybrid.alipay-eco.com`, with `/{appid}/{version}/index.html…` or another path.
fn alipay<'a>(host: &'a str, path: &'a str) -> Option<App<'a>> {
    let id = host.strip_suffix(".hybrid.alipay-eco.com")?;
    let build = || {
        let rest = path.strip_prefix('/')?.strip_prefix(id)?.strip_prefix('/')?;
        let (build, _) = rest.split_once("/index.html")?;
        is_word(build).then_some(build)
    };
    is_number(id).then(|| App { family: AppFamily::Alipay, id, build: build() })
}

/// The value of a parameter that stands in the query once.
fn only<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let value = |it: &'a str| it.strip_prefix(name)?.strip_prefix('=');
    let mut values = query.split('&').filter_map(value);
    let first = values.next()?;
    if values.next().is_some() { None } else { Some(first) }
}

/// `wx` and 16 lower-case hex digits.
fn is_wechat_id(id: &str) -> bool {
    let is_digit = |it: u8| matches!(it, b'0'..=b'9' | b'a'..=b'f');
    id.strip_prefix("wx").is_some_and(|it| it.len() == 16 && it.bytes().all(is_digit))
}

/// WeChat documents its builds; those of the other families are only known from examples.
fn has_build(app: &App<'_>) -> bool {
    app.build.is_some_and(|it| it == "devtools" || is_number(it))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_WORD && text.bytes().all(|it| it.is_ascii_digit())
}

fn is_word(text: &str) -> bool {
    let is_word_byte = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'.' | b'_' | b'-');
    !text.is_empty() && text.len() <= LONGEST_WORD && text.bytes().all(is_word_byte)
}

/// Ids in use have up to 24 characters; the bound keeps nonsense out of the access line.
const LONGEST_WORD: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const WX: &str = "wx0123456789abcdef";

    #[test]
    fn the_fixed_referer_of_every_host_app_is_read() {
        use AppFamily::{Alipay, Baidu, Douyin, Qq, Tcmpp, WeChat};
        let table = [
            (
                "https://servicewechat.com/wx0123456789abcdef/devtools/page-frame.html",
                WeChat,
                WX,
                Some("devtools"),
            ),
            (
                "https://servicewechat.com/wx0123456789abcdef/0/page-frame.html",
                WeChat,
                WX,
                Some("0"),
            ),
            (
                "https://servicewechat.com/wx0123456789abcdef/127/page-frame.html",
                WeChat,
                WX,
                Some("127"),
            ),
            ("https://appservice.qq.com/1109000000/0/page-frame.html", Qq, "1109000000", Some("0")),
            (
                "https://appservice.wx.com/mp1a2b3c/1.0.3/page-frame.html",
                Tcmpp,
                "mp1a2b3c",
                Some("1.0.3"),
            ),
            (
                "https://smartapps.cn/aBcD01/devtools/page-frame.html",
                Baidu,
                "aBcD01",
                Some("devtools"),
            ),
            (
                "https://tmaservice.developer.toutiao.com/?appid=tt0123&version=1.2",
                Douyin,
                "tt0123",
                Some("1.2"),
            ),
            (
                "https://tmaservice.developer.toutiao.com?version=0&appid=tt0123",
                Douyin,
                "tt0123",
                Some("0"),
            ),
            ("https://tmaservice.developer.toutiao.com/?appid=tt0123", Douyin, "tt0123", None),
            (
                "https://2021001.hybrid.alipay-eco.com/2021001/0.2.3/index.html#pages/a/b?c=d",
                Alipay,
                "2021001",
                Some("0.2.3"),
            ),
            ("https://2021001.hybrid.alipay-eco.com/index.html", Alipay, "2021001", None),
            ("https://2021001.hybrid.alipay-eco.com/999/0.2.3/index.html", Alipay, "2021001", None),
            ("https://2021001.hybrid.alipay-eco.com", Alipay, "2021001", None),
        ];
        for (referer, family, id, build) in table {
            assert_eq!(app_of(referer), Some(App { family, id, build }), "{referer}");
        }
    }

    #[test]
    fn what_only_resembles_a_fixed_referer_is_an_ordinary_one() {
        let page = "wx0123456789abcdef/12/page-frame.html";
        let wechat = [
            "http://servicewechat.com/",
            "HTTPS://servicewechat.com/",
            "https://ServiceWeChat.com/",
            "https://servicewechat.com:443/",
            "https://servicewechat.com:8443/",
            "https://servicewechat.com./",
            "https://servicewechat.com.evil.com/",
            "https://evilservicewechat.com/",
            "https://a.servicewechat.com/",
            "https://servicewechat.com@evil.com/",
            "https://u@servicewechat.com/",
            "https://u:p@servicewechat.com/",
            "https://evil.com/https://servicewechat.com/",
            "https://evil.com/?servicewechat.com/",
            "https://evil.com#servicewechat.com/",
            "https://servicewechat.com\\evil.com/",
            "https://servicewechat.com#/",
            "https://servicewechat.com//",
            "https://servicewechat.com/a/",
            "https://servicewechat.com/?/",
            " https://servicewechat.com/",
            "https:/servicewechat.com/",
            "//servicewechat.com/",
        ];
        for start in wechat {
            let referer = format!("{start}{page}");
            assert_eq!(app_of(&referer), None, "{referer}");
        }
        let paths = "|/|wx0123456789abcdef|wx0123456789abcdef/12|wx0123456789abcdef/12/\
            |wx0123456789abcdef/12/page-frame.html/|wx0123456789abcdef/12/page-frame.html?a\
            |wx0123456789abcdef/12/page-frame.html#a|wx0123456789abcdef//page-frame.html\
            |wx0123456789abcdef/page-frame.html|wx0123456789abcdef/1a/page-frame.html\
            |wx0123456789abcdef/Devtools/page-frame.html|wx0123456789abcdef/1/2/page-frame.html\
            |wx0123456789abcde/1/page-frame.html|wx0123456789abcdef0/1/page-frame.html\
            |wx0123456789ABCDEF/1/page-frame.html|WX0123456789abcdef/1/page-frame.html\
            |wx0123456789abcdeg/1/page-frame.html|0123456789abcdefwx/1/page-frame.html\
            |wx0123456789abcdef/1/PAGE-FRAME.html|wx0123456789abcdef/1/page-frame.html.evil\
            |wx0123456789abcdef/1/xpage-frame.html|wx%30123456789abcdef/1/page-frame.html";
        for path in paths.split('|') {
            let referer = format!("https://servicewechat.com/{path}");
            assert_eq!(app_of(&referer), None, "{referer}");
        }
    }

    #[test]
    fn the_other_families_are_no_easier_to_imitate() {
        for referer in [
            "",
            "https://game.example.com/page",
            "https://appservice.qq.com.evil.com/1/0/page-frame.html",
            "https://appservice.qq.com:443/1/0/page-frame.html",
            "https://appservice.qq.com/1/0/page-frame.html#",
            "https://appservice.wx.com@evil.com/mp1/0/page-frame.html",
            "https://appservice.wx.com/mp 1/0/page-frame.html",
            "https://smartapps.cn//0/page-frame.html",
            "https://SmartApps.cn/a/0/page-frame.html",
            "https://tmaservice.developer.toutiao.com/?appid=tt1&appid=tt2",
            "https://tmaservice.developer.toutiao.com/?appid=",
            "https://tmaservice.developer.toutiao.com/?xappid=tt1",
            "https://tmaservice.developer.toutiao.com/?appid=tt1#",
            "https://tmaservice.developer.toutiao.com/x?appid=tt1",
            "https://tmaservice.developer.toutiao.com/#?appid=tt1",
            "https://tmaservice.developer.toutiao.com:443/?appid=tt1",
            "https://tmaservice.developer.toutiao.com.evil.com/?appid=tt1",
            "https://x.tmaservice.developer.toutiao.com/?appid=tt1",
            "https://hybrid.alipay-eco.com/2021/1/index.html",
            "https://.hybrid.alipay-eco.com/index.html",
            "https://a.2021.hybrid.alipay-eco.com/index.html",
            "https://2021a.hybrid.alipay-eco.com/index.html",
            "https://2021.hybrid.alipay-eco.com:443/index.html",
            "https://2021.hybrid.alipay-eco.com./index.html",
            "https://2021.hybrid.alipay-eco.com.evil.com/index.html",
            "https://2021.hybrid.alipay-eco.com@evil.com/index.html",
            "https://u@2021.hybrid.alipay-eco.com/index.html",
            "https://evil.com?2021.hybrid.alipay-eco.com/index.html",
            "https://evil.com#2021.hybrid.alipay-eco.com/index.html",
            "https://2021.Hybrid.alipay-eco.com/index.html",
            "http://2021.hybrid.alipay-eco.com/index.html",
        ] {
            assert_eq!(app_of(referer), None, "{referer}");
        }
    }

    #[test]
    fn an_app_is_written_as_in_the_configuration() {
        let id = "0123";
        let written = |family| App { family, id, build: None }.to_string();
        assert_eq!(written(AppFamily::WeChat), "0123");
        assert_eq!(written(AppFamily::Qq), "qq:0123");
        assert_eq!(written(AppFamily::Tcmpp), "tcmpp:0123");
        assert_eq!(written(AppFamily::Douyin), "douyin:0123");
        assert_eq!(written(AppFamily::Alipay), "alipay:0123");
        assert_eq!(written(AppFamily::Baidu), "baidu:0123");
    }
}

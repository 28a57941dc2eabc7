//! As whom to probe: the headers of a mini program, valid by construction. Opens nothing.

use hyper::header::{HeaderName, HeaderValue};

use super::clean;
use super::plan::Unusable;

/// What mini programs on real phones send as Origin more often than not.
pub const ORIGIN: &str = "https://servicewechat.com";

/// How the probe looks to the server.
#[derive(Clone, Debug)]
pub struct Face {
    /// The Origin; `None` sends none, as iOS mini games and native clients may.
    pub origin: Option<HeaderValue>,
    /// The Referer that a host app fixes for each mini program.
    pub referer: Option<HeaderValue>,
    /// Offered in this order.
    pub subprotocols: Vec<String>,
    /// The mini program's own headers, spelled as it does.
    pub headers: Vec<(String, HeaderValue)>,
}

impl Default for Face {
    fn default() -> Self {
        Self {
            origin: Some(HeaderValue::from_static(ORIGIN)),
            referer: None,
            subprotocols: Vec::new(),
            headers: Vec::new(),
        }
    }
}

/// Reads `Name: value`.
///
/// # Errors
/// [`Unusable`] when it is no header, or one that a mini program cannot set.
pub fn header(text: &str) -> Result<(String, HeaderValue), Unusable> {
    let wrong = || Unusable::Header(clean::header(text));
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let written = name.trim();
    let name: HeaderName = written.parse().map_err(|_| wrong())?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| wrong())?;
    let instead = match name.as_str() {
        "referer" => "mini programs cannot; use --appid or --referer",
        "origin" => "use --origin",
        "sec-websocket-protocol" => {
            "phones ignore it there (connectSocket has `protocols`); use --subprotocol"
        }
        "host" => "it is the URL's; use --connect-to to reach another server",
        "connection" | "upgrade" => "the handshake has its own",
        it if it.starts_with("sec-websocket-") => "the handshake has its own",
        _ => return Ok((written.to_owned(), value)),
    };
    Err(Unusable::Reserved { name: written.to_owned(), instead })
}

/// Reads the value of Origin or Referer.
///
/// # Errors
/// [`Unusable::Header`] when it cannot be sent.
pub fn value(url: &str) -> Result<HeaderValue, Unusable> {
    HeaderValue::from_str(url).map_err(|_| Unusable::Header(clean::url(url)))
}

/// The Referer that the host app of `appid` sends, for a build under development or trial.
///
/// # Errors
/// [`Unusable::AppId`].
pub fn referer_of(appid: &str) -> Result<HeaderValue, Unusable> {
    let (family, id) = appid.split_once(':').unwrap_or(("", appid));
    let is_word = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'.' | b'_' | b'-');
    let referer = match family {
        "" if is_wechat(id) => format!("https://servicewechat.com/{id}/0/page-frame.html"),
        "qq" => format!("https://appservice.qq.com/{id}/0/page-frame.html"),
        "tcmpp" => format!("https://appservice.wx.com/{id}/0/page-frame.html"),
        "douyin" => {
            format!("https://tmaservice.developer.toutiao.com/?appid={id}&version=0")
        }
        "alipay" => format!("https://{id}.hybrid.alipay-eco.com/{id}/0/index.html"),
        "baidu" => format!("https://smartapps.cn/{id}/0/page-frame.html"),
        _ => return Err(Unusable::AppId(appid.to_owned())),
    };
    let well_formed = !id.is_empty() && id.bytes().all(is_word);
    let value = HeaderValue::from_str(&referer).ok().filter(|_| well_formed);
    value.ok_or_else(|| Unusable::AppId(appid.to_owned()))
}

fn is_wechat(id: &str) -> bool {
    let is_digit = |it: u8| matches!(it, b'0'..=b'9' | b'a'..=b'f');
    id.strip_prefix("wx").is_some_and(|it| it.len() == 16 && it.bytes().all(is_digit))
}

/// Reads a subprotocol's name: a token (RFC 9110 section 5.6.2).
///
/// # Errors
/// [`Unusable::Subprotocol`].
pub fn subprotocol(text: &str) -> Result<String, Unusable> {
    // Field names are tokens too.
    let token = HeaderName::from_bytes(text.as_bytes());
    token.map(|_| text.to_owned()).map_err(|_| Unusable::Subprotocol(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_a_mini_program_cannot_set_are_refused_with_what_to_do() {
        let (name, value) = header("X-WX-Code:  a:b ").expect("a header");
        assert_eq!((name.as_str(), value.as_bytes()), ("X-WX-Code", &b"a:b"[..]));
        for text in ["Referer: x", "Host: x", "Upgrade: h2c", "Sec-WebSocket-Key: x"] {
            assert!(matches!(header(text), Err(Unusable::Reserved { .. })), "{text}");
        }
        for text in ["no colon", "bad name: x", "X: a\r\nY: b"] {
            assert_eq!(header(text), Err(Unusable::Header(clean::header(text))));
        }
    }

    #[test]
    fn an_app_id_becomes_the_referer_of_its_host_app() {
        let referer = referer_of("wx0123456789abcdef").expect("an app id");
        assert_eq!(referer, "https://servicewechat.com/wx0123456789abcdef/0/page-frame.html");
        let referer = referer_of("douyin:tt01").expect("an app id");
        assert_eq!(referer, "https://tmaservice.developer.toutiao.com/?appid=tt01&version=0");
        for wrong in ["wx0123", "WX0123456789abcdef", "line:x", "qq:", "qq:a/b", ""] {
            assert_eq!(referer_of(wrong), Err(Unusable::AppId(wrong.to_owned())));
        }
    }

    #[test]
    fn a_subprotocol_is_a_token() {
        assert!(subprotocol("graphql-ws").is_ok());
        assert!(subprotocol("a b").is_err() && subprotocol("").is_err());
    }
}

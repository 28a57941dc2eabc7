//! Origins: taken apart and compared as a whole.
//! Knows what an entry of `clients.origins` is, and nothing of requests.

use crate::config::model::OriginRule;
use crate::http::host::Authority;

/// A serialised origin (RFC 6454 section 6.2): scheme, host, and a port unless it is the scheme's.
#[derive(Debug)]
pub struct Origin<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Origin<'a> {
    /// Takes only what a browser or a host app would serialise: no path, user information, root
    /// dot, empty port or leading zeros, and not `null`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let Authority { host, port } = Authority::parse(rest)?;
        let digits = rest.strip_prefix(host)?;
        if host.ends_with('.') || digits == ":" || digits.starts_with(":0") {
            return None;
        }
        Some(Self { scheme, host, port: port.filter(|it| Some(*it) != default_port(scheme)) })
    }

    /// Whether an entry of `clients.origins` means this one.
    pub fn matches(&self, rule: &OriginRule) -> bool {
        let host = match (rule.wildcard, self.host.split_once('.')) {
            (false, _) => self.host,
            (true, Some((label, parent))) if !label.is_empty() => parent,
            (true, _) => return false,
        };
        self.scheme.eq_ignore_ascii_case(&rule.scheme)
            && without_brackets(host).eq_ignore_ascii_case(without_brackets(&rule.host))
            && self.port == rule.port
    }

    /// Whether it is `scheme://authority`. `authority` is the value of a Host field, or the host of
    /// a URL; the scheme's own port in it is none.
    pub fn is(&self, scheme: &str, authority: &str) -> bool {
        Authority::parse(authority).is_some_and(|it| {
            self.scheme.eq_ignore_ascii_case(scheme)
                && self.host.eq_ignore_ascii_case(it.host)
                && self.port == it.port.filter(|port| Some(*port) != default_port(scheme))
        })
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    if is("https") || is("wss") {
        Some(443)
    } else if is("http") || is("ws") {
        Some(80)
    } else {
        None
    }
}

fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_listed(origin: &str) -> bool {
        let rule = |scheme: &str, host: &str, wildcard, port| OriginRule {
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            wildcard,
            port,
        };
        let rules = [
            rule("https", "shop.example.com", false, None),
            rule("https", "play.example.com", true, None),
            rule("https", "dev.example.com", false, Some(8443)),
            rule("tauri", "localhost", false, None),
            rule("http", "::1", false, None),
        ];
        Origin::parse(origin).is_some_and(|it| rules.iter().any(|rule| it.matches(rule)))
    }

    #[test]
    fn a_listed_origin_is_compared_as_a_whole() {
        let admitted = "https://shop.example.com HTTPS://Shop.Example.COM https://shop.example.com:443 \
            https://a.play.example.com https://A.play.example.com:443 https://dev.example.com:8443 \
            tauri://localhost http://[::1] http://[::1]:80";
        for origin in admitted.split(' ') {
            assert!(is_listed(origin), "{origin}");
        }
        let refused = "|null|https://|shop.example.com|//shop.example.com|http://shop.example.com\
            |wss://shop.example.com|https:/shop.example.com|https://shop.example.com/\
            |https://shop.example.com/a|https://shop.example.com?a|https://shop.example.com#a\
            |https://shop.example.com.|https://shop.example.com:|https://shop.example.com:80\
            |https://shop.example.com:0443|https://shop.example.com:+443|https://shop.example.com:x\
            |https://shop.example.com.evil.com|https://evilshop.example.com|https://x.shop.example.com\
            |https://u@shop.example.com|https://shop.example.com@evil.com|https://shop.example.com\\evil\
            |https://shop.example.com https://evil.com|https://play.example.com\
            |https://a.b.play.example.com|https://.play.example.com|https://aplay.example.com\
            |https://a.play.example.com:8443|https://a.play.example.com.evil.com\
            |https://evil.com/.play.example.com|https://*.play.example.com:1|https://dev.example.com\
            |https://dev.example.com:443|tauri://localhost:443|http://::1|https://game.example.com\
            |https://servicewechat.com|https://shop.example.com,https://evil.com";
        for origin in refused.split('|') {
            assert!(!is_listed(origin), "{origin:?}");
        }
    }
}

//! What to probe: a URL and how to go about it, valid by construction. Opens nothing.

use std::net::IpAddr;
use std::time::Duration;

use hyper::Uri;

use super::clean;
use super::face::Face;
use super::wait::Waits;
use crate::tls::inspect::Roots;

/// Everything a probe has to know.
#[derive(Debug)]
pub struct Plan {
    /// Where to.
    pub target: Target,
    /// As whom.
    pub face: Face,
    /// Connect there, whatever the URL's host resolves to.
    pub connect_to: Option<(String, u16)>,
    /// Go on behind a certificate that phones refuse.
    pub insecure: bool,
    /// Whom to trust.
    pub roots: Roots,
    /// A text message to send once the socket is open.
    pub send: Option<String>,
    /// How long to stay silent afterwards.
    pub silence: Option<Duration>,
    /// The limit of every other wait.
    pub waits: Waits,
}

/// Why a command line makes no plan.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The URL.
    #[error("`{url}` is not the URL of a WebSocket: {why}")]
    Url {
        /// As written, but for what is secret.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A header, without its value.
    #[error("`{0}` is not a header: write 'Name: value'")]
    Header(String),
    /// A header that is not the mini program's to set.
    #[error("`{name}` cannot be set with --header: {instead}")]
    Reserved {
        /// Its name.
        name: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// An app id that no host app has.
    #[error("`{0}` is not an app id: write wx…, or qq:…, tcmpp:…, douyin:…, alipay:…, baidu:…")]
    AppId(String),
    /// A subprotocol that is no token.
    #[error("`{0}` cannot be a subprotocol: letters, digits and - . _ only, no spaces")]
    Subprotocol(String),
    /// An address for --connect-to.
    #[error("`{0}` is not HOST:PORT")]
    Address(String),
}

/// A WebSocket's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `wss` rather than `ws`.
    pub secure: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// 443 or 80 unless written.
    pub port: u16,
    /// Path and query as sent, ASCII only.
    pub path: String,
    /// As on the command line.
    pub written: String,
}

impl Target {
    /// Reads a URL. What only phones object to is kept, for the report to say.
    ///
    /// # Errors
    /// [`Unusable::Url`] when nothing could be connected to.
    pub fn parse(url: &str) -> Result<Self, Unusable> {
        let wrong = |why: &str| Unusable::Url { url: clean::url(url), why: why.to_owned() };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("write wss://host/path"))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "wss" => true,
            "ws" => false,
            _ => {
                return Err(wrong("the scheme must be wss (or ws, for servers under development)"));
            }
        };
        if rest.contains('#') {
            return Err(wrong("a WebSocket's URL has no fragment (#…)"));
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(wrong("user names in URLs are not sent by anybody: use --header"));
        }
        if !authority.is_ascii() {
            return Err(wrong("write the host in its ASCII form (xn--…)"));
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let path = format!("{slash}{}", ascii(path));
        let uri: Uri = format!("{scheme}://{authority}{path}")
            .parse()
            .map_err(|error: hyper::http::uri::InvalidUri| wrong(&error.to_string()))?;
        let host = uri.host().filter(|it| !it.is_empty()).ok_or_else(|| wrong("it has no host"))?;
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        if port == 0 || (uri.port().is_none() && authority_port(authority).is_some()) {
            return Err(wrong("its port must be 1 to 65535"));
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { secure, host, port, path, written: url.to_owned() })
    }

    /// The value of the Host header: the port only when it is not the scheme's own.
    pub fn host_header(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// The Origin of a page on this very host.
    pub fn own_origin(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.host_header())
    }

    /// Whether the host is an address rather than a name.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// The port as written, when there is a colon and something behind it.
fn authority_port(authority: &str) -> Option<&str> {
    let behind = authority.rsplit_once(']').map_or(authority, |(_, it)| it);
    behind.split_once(':').map(|(_, port)| port).filter(|it| !it.is_empty())
}

/// Percent-encodes what a request line cannot carry.
fn ascii(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic();
    path.bytes()
        .map(|it| if plain(it) { char::from(it).to_string() } else { format!("%{it:02X}") })
        .collect()
}

/// Reads `host:port`, `[::1]:port` included.
///
/// # Errors
/// [`Unusable::Address`].
pub fn host_and_port(text: &str) -> Result<(String, u16), Unusable> {
    let wrong = || Unusable::Address(text.to_owned());
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().ok().filter(|it| *it != 0).ok_or_else(wrong)?;
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    let is_host = !host.is_empty() && (bare.is_some() || !host.contains(':'));
    if is_host { Ok((host.to_owned(), port)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_host_port_path_and_the_host_header() {
        for (url, host, port, path, header) in [
            ("wss://a.example", "a.example", 443, "/", "a.example"),
            ("wss://a.example?x=1", "a.example", 443, "/?x=1", "a.example"),
            ("wss://a.example:8443/ws?x=1", "a.example", 8443, "/ws?x=1", "a.example:8443"),
            ("WSS://a.example:443/ws", "a.example", 443, "/ws", "a.example"),
            ("ws://a.example/ws", "a.example", 80, "/ws", "a.example"),
            ("wss://[::1]:9/ws", "::1", 9, "/ws", "[::1]:9"),
            ("wss://a.example/聊天", "a.example", 443, "/%E8%81%8A%E5%A4%A9", "a.example"),
            ("wss://a.example:/ws", "a.example", 443, "/ws", "a.example"),
        ] {
            let target = Target::parse(url).expect(url);
            assert_eq!((target.host.as_str(), target.port), (host, port), "{url}");
            assert_eq!((target.path.as_str(), target.host_header().as_str()), (path, header));
        }
    }

    #[test]
    fn what_cannot_be_connected_to_is_no_target() {
        for url in [
            "a.example/ws",
            "https://a.example/ws",
            "wss:///ws",
            "wss://a.example/ws#top",
            "wss://me@a.example/ws",
            "wss://a.example:0/ws",
            "wss://a.example:70000/ws",
            "wss://聊天.example/ws",
            "wss://a b/ws",
        ] {
            assert!(matches!(Target::parse(url), Err(Unusable::Url { .. })), "{url}");
        }
    }

    #[test]
    fn an_address_to_connect_to_is_a_host_and_a_port() {
        assert_eq!(host_and_port("[::1]:443"), Ok(("::1".to_owned(), 443)));
        assert_eq!(host_and_port("b.example:1"), Ok(("b.example".to_owned(), 1)));
        for wrong in ["", ":443", "a", "a:", "a:0", "::1:443", "a:x"] {
            assert!(host_and_port(wrong).is_err(), "{wrong}");
        }
    }
}

//! Where to listen, where to connect, domain names, CIDRs. Nothing is looked up here.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

use crate::config::model::{ListenAddress, ServerAddress};
use crate::config::values::Wrong;

/// `listeners.address`: `ip:port`, `[ip]:port`, `unix:/path` or `systemd:NAME`.
pub fn listen(text: &str) -> Result<ListenAddress, Wrong> {
    if let Some(path) = text.strip_prefix("unix:") {
        return unix_path(path).map(ListenAddress::Unix);
    }
    if let Some(name) = text.strip_prefix("systemd:") {
        return systemd_name(name).map(ListenAddress::Systemd);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(ListenAddress::Tcp(address));
    }
    let wrong = Wrong::new(format!("`{text}` is not an address to listen on"));
    let port = text.trim_start_matches('*').trim_start_matches(':');
    if port.parse::<u16>().is_ok() {
        return Err(wrong.hint(format!("for every address write \"[::]:{port}\"")));
    }
    if text.parse::<IpAddr>().is_ok() {
        return Err(wrong.hint("the port is missing: write e.g. \"0.0.0.0:443\" or \"[::]:443\""));
    }
    Err(wrong.hint(
        "write an IP address and a port such as \"[::]:443\", \"unix:/path\" or \"systemd:NAME\"",
    ))
}

/// `admin.listen`: an address as of a listener, or `"off"`.
pub fn admin(text: &str) -> Result<Option<ListenAddress>, Wrong> {
    if text == "off" { Ok(None) } else { listen(text).map(Some) }
}

/// Whether the second of two listeners would find its address taken by the first.
pub fn overlap(one: &ListenAddress, other: &ListenAddress) -> bool {
    let (one, other) = match (one, other) {
        (ListenAddress::Tcp(one), ListenAddress::Tcp(other)) => (one, other),
        // A socket unit may have several sockets of one name: each entry takes the next.
        (ListenAddress::Systemd(_), _) => return false,
        _ => return one == other,
    };
    // Port 0 is any free one, `[::]` takes IPv4 too, and an unspecified address takes them all.
    let covers = |a: IpAddr, b: IpAddr| {
        a == b
            || a == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
            || (a.is_unspecified() && a.is_ipv4() == b.is_ipv4())
    };
    one.port() == other.port()
        && one.port() != 0
        && (covers(one.ip(), other.ip()) || covers(other.ip(), one.ip()))
}

/// A backend's server, and whether it speaks TLS: `host:port`, `https://host:port` or `unix:/path`.
pub fn server(text: &str) -> Result<(ServerAddress, bool), Wrong> {
    if let Some(path) = text.strip_prefix("unix:") {
        return unix_path(path).map(|path| (ServerAddress::Unix(path), false));
    }
    let wrong = || Wrong::new(format!("`{text}` is not the address of a server"));
    let (address, tls) = match text.strip_prefix("https://") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    if let Some((scheme, rest)) = address.split_once("://") {
        let rest = rest.split('/').next().unwrap_or(rest);
        let meant = if scheme == "wss" { format!("https://{rest}") } else { rest.to_owned() };
        return Err(wrong().hint(format!("write \"{meant}\"")));
    }
    if let Some((address, _)) = address.split_once('/') {
        let scheme = if tls { "https://" } else { "" };
        return Err(wrong().hint(format!("leave the path out: \"{scheme}{address}\"")));
    }
    let example = "write a host and a port such as \"127.0.0.1:9595\", or \"unix:/path\"";
    let Some((host, port)) = address.rsplit_once(':') else {
        return Err(wrong().hint(example));
    };
    let Ok(port @ 1..) = port.parse::<u16>() else {
        return Err(wrong().hint("the port is a number from 1 to 65535"));
    };
    match bare_host(host) {
        Some(host) => Ok((ServerAddress::Tcp { host, port }, tls)),
        None if host.contains(':') => {
            Err(wrong().hint(format!("an IPv6 address stands in brackets: \"[{host}]:{port}\"")))
        }
        None => Err(wrong().hint(example)),
    }
}

/// Whether a route's `backend` is a server named inline and not a pool's name.
pub fn is_inline_server(text: &str) -> bool {
    text.contains(':')
}

/// One of `sites.domains`, lower-cased.
pub fn domain(text: &str) -> Result<String, Wrong> {
    let wrong = |why: &str| Wrong::new(format!("`{text}` is not a domain name: {why}"));
    if let Some((_, rest)) = text.split_once("://") {
        let name = rest.split(['/', ':']).next().unwrap_or(rest);
        return Err(wrong("it is a URL").hint(format!("write \"{name}\"")));
    }
    if text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        let hint = "TLS clients send no server name for an IP address: a site needs a name";
        return Err(wrong("it is an IP address").hint(hint));
    }
    if let Some((name, _)) = text.split_once(':') {
        return Err(wrong("it has a port").hint(format!("write \"{name}\"")));
    }
    if let Some((name, _)) = text.split_once('/') {
        return Err(wrong("it has a path").hint(format!("write \"{name}\"")));
    }
    let name = text.strip_prefix("*.").unwrap_or(text);
    if name.contains('*') {
        return Err(wrong("a wildcard is one whole label and the leftmost")
            .hint("write e.g. \"*.example.com\""));
    }
    if !text.is_ascii() {
        return Err(wrong("it is not ASCII").hint("write its form that begins with xn--"));
    }
    if let Some(name) = text.strip_suffix('.') {
        return Err(wrong("it ends with a dot").hint(format!("write \"{name}\"")));
    }
    if !is_dns_name(name) {
        return Err(wrong("labels have 1 to 63 letters, digits and inner hyphens"));
    }
    Ok(text.to_ascii_lowercase())
}

/// A CIDR; a single address is a network of its own.
pub fn network(text: &str) -> Result<IpNet, Wrong> {
    if let Ok(network) = text.parse::<IpNet>() {
        return Ok(network.trunc());
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let wrong = Wrong::new(format!("`{text}` is not a network"));
    Err(wrong.hint("write e.g. \"10.0.0.0/8\", \"2001:db8::/32\" or one address"))
}

/// A name or an IP address, an IPv6 address in brackets; given back without them.
fn bare_host(text: &str) -> Option<String> {
    if let Some(inner) = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().ok().map(|it| it.to_string());
    }
    // A name whose last label is a number can only be a misspelt IPv4 address.
    let numeric_end = text.rsplit('.').next().is_some_and(|it| it.parse::<u64>().is_ok());
    let is_host = if numeric_end {
        text.parse::<IpAddr>().is_ok()
    } else {
        is_dns_name(text.strip_suffix('.').unwrap_or(text))
    };
    is_host.then(|| text.to_ascii_lowercase())
}

/// Letters, digits, hyphens inside; underscores too, since internal names have them.
fn is_dns_name(text: &str) -> bool {
    let letter = |it: u8| it.is_ascii_alphanumeric() || it == b'-' || it == b'_';
    let label = |it: &str| {
        (1..=63).contains(&it.len())
            && it.bytes().all(letter)
            && !it.starts_with('-')
            && !it.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// What `FileDescriptorName=` allows: no colon and no control character (systemd.socket(5)).
fn systemd_name(name: &str) -> Result<String, Wrong> {
    let letter = |it: u8| it.is_ascii_alphanumeric() || b"._-@".contains(&it);
    if name.is_empty() || name.len() > 255 || !name.bytes().all(letter) {
        let wrong = Wrong::new(format!("`{name}` is not the name of a socket"));
        return Err(wrong.hint("it is FileDescriptorName= in the socket unit, e.g. \"https\""));
    }
    Ok(name.to_owned())
}

fn unix_path(path: &str) -> Result<PathBuf, Wrong> {
    // sockaddr_un: 108 bytes with the closing zero.
    const LONGEST: usize = 107;
    match path.len() {
        0 => Err(Wrong::new("the path after `unix:` is missing")),
        length if length > LONGEST => Err(Wrong::new(format!(
            "a socket's path has at most {LONGEST} bytes, this has {length}"
        ))),
        _ => Ok(PathBuf::from(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint<T: std::fmt::Debug>(result: Result<T, Wrong>) -> String {
        result.expect_err("it is wrong").hint.unwrap_or_default()
    }

    #[test]
    fn a_listener_has_an_ip_address_and_a_port_or_a_path() {
        let tcp = |it: &str| Ok(ListenAddress::Tcp(it.parse().expect("an address")));
        assert_eq!(listen("[::]:443"), tcp("[::]:443"));
        assert_eq!(listen("127.0.0.1:0"), tcp("127.0.0.1:0"));
        assert_eq!(listen("unix:/run/a.sock"), Ok(ListenAddress::Unix("/run/a.sock".into())));
        assert!(hint(listen(":443")).contains("[::]:443"));
        assert!(hint(listen("*:80")).contains("[::]:80"));
        assert!(hint(listen("443")).contains("[::]:443"));
        assert!(hint(listen("0.0.0.0")).contains("port"));
        assert_eq!(listen("systemd:web"), Ok(ListenAddress::Systemd("web".into())));
        assert!(listen("localhost:443").is_err() && listen("systemd:").is_err());
        assert!(listen("unix:").is_err() && listen("127.0.0.1:70000").is_err());
    }

    #[test]
    fn two_listeners_on_one_address_overlap() {
        let overlap = |a: &str, b: &str| {
            overlap(&listen(a).expect("an address"), &listen(b).expect("an address"))
        };
        assert!(overlap("127.0.0.1:443", "127.0.0.1:443"));
        assert!(overlap("[::]:443", "0.0.0.0:443"));
        assert!(overlap("10.0.0.1:443", "[::]:443"));
        assert!(overlap("0.0.0.0:443", "10.0.0.1:443"));
        assert!(overlap("unix:/a", "unix:/a"));
        assert!(!overlap("systemd:web", "systemd:web"), "each takes the next of that name");
        assert!(!overlap("0.0.0.0:443", "[::1]:443"));
        assert!(!overlap("[::]:443", "[::]:80"));
        assert!(!overlap("127.0.0.1:0", "127.0.0.1:0"));
    }

    #[test]
    fn a_server_has_a_host_and_a_port_or_a_path() {
        let tcp =
            |host: &str, port, tls| Ok((ServerAddress::Tcp { host: host.to_owned(), port }, tls));
        assert_eq!(server("127.0.0.1:9595"), tcp("127.0.0.1", 9595, false));
        assert_eq!(server("[::1]:80"), tcp("::1", 80, false));
        assert_eq!(server("Game_1.internal:80"), tcp("game_1.internal", 80, false));
        assert_eq!(server("https://a.internal:443"), tcp("a.internal", 443, true));
        assert_eq!(server("unix:a.sock"), Ok((ServerAddress::Unix("a.sock".into()), false)));
        assert!(hint(server("http://127.0.0.1:80/x")).contains("\"127.0.0.1:80\""));
        assert!(hint(server("https://a:443/x")).contains("\"https://a:443\""));
        assert!(hint(server("wss://a:443/x")).contains("\"https://a:443\""));
        assert!(hint(server("::1:80")).contains("[::1]:80"));
        for text in ["game", "a:0", "a:65536", "127.0.0.300:80", ":80", "a b:80", "", "a:"] {
            assert!(server(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_domain_is_a_name_or_a_leftmost_wildcard() {
        assert_eq!(domain("Game.Example.com").as_deref(), Ok("game.example.com"));
        assert_eq!(domain("*.play.example.com").as_deref(), Ok("*.play.example.com"));
        assert_eq!(domain("localhost").as_deref(), Ok("localhost"));
        assert!(hint(domain("https://a.com/x")).contains("\"a.com\""));
        assert!(hint(domain("a.com:443")).contains("\"a.com\""));
        assert!(hint(domain("a.com.")).contains("\"a.com\""));
        for text in ["10.0.0.1", "[::1]", "::1", "a.*.com", "*", "*a.com", "例子.com", "", "-a.com"]
        {
            assert!(domain(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_single_address_is_a_network() {
        assert_eq!(network("10.1.2.3/8").map(|it| it.to_string()).as_deref(), Ok("10.0.0.0/8"));
        assert_eq!(network("::1").map(|it| it.to_string()).as_deref(), Ok("::1/128"));
        assert!(network("10.0.0.0/33").is_err() && network("lan").is_err());
    }
}

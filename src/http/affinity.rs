//! What a request is hashed by when its pool hashes, and the cookie that gives a client something
//! to be hashed by. Knows fields and addresses, not servers.

use std::net::IpAddr;

use hyper::header::{COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};

use crate::config::model::{Balance, HashOn};
use crate::config::networks::household;
use crate::upstream::hash;

/// What ties a request to a server.
#[derive(Debug, Default)]
pub struct Affinity {
    /// What it is hashed by; `None` when the pool does not hash, or when it is not there.
    pub key: Option<u64>,
    /// The name and the value of the cookie that the client is given.
    gift: Option<(String, String)>,
}

/// What can be hashed of a request.
pub struct Traits<'a> {
    /// Its fields, as the client sent them.
    pub headers: &'a HeaderMap,
    /// Its query, without the question mark.
    pub query: Option<&'a str>,
    /// Its normalised path.
    pub path: &'a str,
    /// Whom it is from.
    pub client_ip: Option<IpAddr>,
}

impl Affinity {
    /// Looks for what `balance` hashes by. Who comes without the cookie is given one and hashed by
    /// it already now, so that the first request goes where all others will.
    pub fn of(balance: &Balance, traits: &Traits<'_>) -> Self {
        let Balance::Hash(on) = balance else { return Self::default() };
        let key = match on {
            HashOn::ClientIp => traits.client_ip.map(|ip| hash(&network(ip))),
            HashOn::Path => Some(hash(traits.path.as_bytes())),
            HashOn::Header(name) => {
                let name = HeaderName::try_from(name.as_str()).ok();
                name.and_then(|it| traits.headers.get(it)).map(|it| hash(it.as_bytes()))
            }
            HashOn::Query(name) => parameter(traits.query, name).map(hash),
            HashOn::Cookie(name) => match cookie(traits.headers, name) {
                Some(value) => Some(hash(value)),
                None => return Self::given(name),
            },
        };
        Self { key, gift: None }
    }

    fn given(name: &str) -> Self {
        let value = format!("{:016x}", rand::random::<u64>());
        Self { key: Some(hash(value.as_bytes())), gift: Some((name.to_owned(), value)) }
    }

    /// Gives the client its cookie, unless the backend has just set one of that name. Pages of
    /// other sites may connect, so it is sent from there too: browsers want it `Secure` for that.
    pub fn mark(&self, headers: &mut HeaderMap, tls: bool) {
        let Some((name, value)) = &self.gift else { return };
        let sets = |it: &HeaderValue| it.as_bytes().starts_with(format!("{name}=").as_bytes());
        if headers.get_all(SET_COOKIE).iter().any(sets) {
            return;
        }
        let rest = if tls { "; Secure; SameSite=None" } else { "; SameSite=Lax" };
        let cookie = format!("{name}={value}; Path=/; HttpOnly{rest}");
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            headers.append(SET_COOKIE, cookie);
        }
    }
}

fn network(ip: IpAddr) -> Vec<u8> {
    match household(ip) {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets()[..8].to_vec(),
    }
}

/// The value of the first parameter of this name, as it stands in the query.
fn parameter<'a>(query: Option<&'a str>, name: &str) -> Option<&'a [u8]> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(its, value)| *its == name && !value.is_empty());
    values.next().map(|(_, value)| value.as_bytes())
}

/// The value of the first cookie of this name (RFC 6265 section 4.2.1).
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines.flat_map(|it| it.as_bytes().split(|byte| *byte == b';'));
    pairs
        .filter_map(|pair| {
            let pair = pair.trim_ascii();
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            (&pair[..equals] == name.as_bytes()).then_some(&pair[equals + 1..])
        })
        .find(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits<'a>(headers: &'a HeaderMap, query: &'a str, ip: &str) -> Traits<'a> {
        Traits { headers, query: Some(query), path: "/a", client_ip: ip.parse().ok() }
    }

    fn key(on: HashOn, headers: &HeaderMap, query: &str, ip: &str) -> Option<u64> {
        Affinity::of(&Balance::Hash(on), &traits(headers, query, ip)).key
    }

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |it: &(&'static str, &'static str)| {
            (HeaderName::from_static(it.0), HeaderValue::from_static(it.1))
        };
        lines.iter().map(pair).collect()
    }

    #[test]
    fn each_kind_of_key_is_found_or_missing() {
        let headers = fields(&[("x-user", "ann"), ("cookie", "a=1; io=abc; io=other")]);
        let ip = "203.0.113.9";
        assert_eq!(key(HashOn::ClientIp, &headers, "", ip), Some(hash(&[203, 0, 113, 9])));
        assert_eq!(key(HashOn::ClientIp, &headers, "", "unix"), None);
        assert_eq!(key(HashOn::Path, &headers, "", ip), Some(hash(b"/a")));
        assert_eq!(key(HashOn::Header("x-user".into()), &headers, "", ip), Some(hash(b"ann")));
        assert_eq!(key(HashOn::Header("x-room".into()), &headers, "", ip), None);
        assert_eq!(key(HashOn::Cookie("io".into()), &headers, "", ip), Some(hash(b"abc")));
        let query = |it| key(HashOn::Query("sid".into()), &headers, it, ip);
        assert_eq!(query("EIO=4&sid=x1&t=2"), Some(hash(b"x1")));
        assert_eq!(query("EIO=4&asid=x1&sid="), None);
        let plain = Affinity::of(&Balance::RoundRobin, &traits(&headers, "", ip));
        assert_eq!(plain.key, None);
    }

    #[test]
    fn an_ipv6_client_keeps_its_server_within_its_network() {
        let none = HeaderMap::new();
        let at = |ip| key(HashOn::ClientIp, &none, "", ip);
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_eq!(at("::ffff:203.0.113.9"), at("203.0.113.9"));
    }

    #[test]
    fn who_has_no_cookie_is_given_one_that_leads_to_the_same_server() {
        let on = Balance::Hash(HashOn::Cookie("wsgate".into()));
        let nothing = HeaderMap::new();
        let first = Affinity::of(&on, &traits(&nothing, "", "10.0.0.1"));
        let mut answer = fields(&[("set-cookie", "other=1; Path=/")]);
        first.mark(&mut answer, true);
        let line = answer.get_all(SET_COOKIE).iter().nth(1).and_then(|it| it.to_str().ok());
        let line = line.expect("a second cookie");
        assert!(line.ends_with("; Path=/; HttpOnly; Secure; SameSite=None"), "{line}");
        let pair = line.split(';').next().expect("a pair");
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(pair).expect("visible"));
        let second = Affinity::of(&on, &traits(&headers, "", "10.9.9.9"));
        assert_eq!(first.key, second.key);
        assert!(first.key.is_some());
        let mut answer = HeaderMap::new();
        second.mark(&mut answer, true);
        assert!(answer.is_empty(), "it has one already");
    }

    #[test]
    fn a_cookie_of_that_name_from_the_backend_stands() {
        let on = Balance::Hash(HashOn::Cookie("io".into()));
        let given = Affinity::of(&on, &traits(&HeaderMap::new(), "", "10.0.0.1"));
        let mut answer = fields(&[("set-cookie", "io=abc")]);
        given.mark(&mut answer, false);
        assert_eq!(answer.len(), 1);
    }
}

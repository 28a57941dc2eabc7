//! Who may ask. A page that somebody opens in a browser on this machine reaches loopback too: its
//! requests are told by the name they are for (DNS rebinding) and by what the browser says of where
//! they come from. Pure.

use std::net::{IpAddr, Ipv6Addr};

use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::http::uri::Authority;
use hyper::{Method, StatusCode, Uri, Version};

use super::Reach;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why an answer is refused: the status, and words for people.
pub type Refused = (StatusCode, &'static str);

/// Whether the request may be answered at all.
///
/// # Errors
/// [`Refused`], with 400, 403 or 421.
pub fn admit(
    reach: Reach,
    method: &Method,
    version: Version,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(), Refused> {
    let host = host(version, uri, headers)?;
    let known = host.as_ref().is_none_or(|it| is_ours(reach, it.host()));
    if !known {
        return Err((
            StatusCode::MISDIRECTED_REQUEST,
            "the Host of this request is not a name of this listener: call it by its address or localhost",
        ));
    }
    if !matches!(*method, Method::GET | Method::HEAD) && is_foreign(headers, host.as_ref()) {
        let words = "a page of another site must not change anything here";
        return Err((StatusCode::FORBIDDEN, words));
    }
    Ok(())
}

/// The one name that the request is for. HTTP/1.0 may have none; no browser speaks it.
fn host(version: Version, uri: &Uri, headers: &HeaderMap) -> Result<Option<Authority>, Refused> {
    let mut fields = headers.get_all(HOST).iter();
    let (first, second) = (fields.next(), fields.next());
    if second.is_some() {
        return Err((StatusCode::BAD_REQUEST, "there are several Host fields"));
    }
    let Some(first) = first else {
        return match version {
            Version::HTTP_10 => Ok(None),
            _ => Err((StatusCode::BAD_REQUEST, "there is no Host field")),
        };
    };
    let written: Option<Authority> =
        first.to_str().ok().and_then(|it| it.parse().ok()).filter(|it: &Authority| {
            // An authority may also have a user.
            !it.as_str().contains('@')
        });
    match (written, uri.authority()) {
        (Some(written), Some(other)) if *other != written => {
            Err((StatusCode::BAD_REQUEST, "the Host is not the one of the request target"))
        }
        (Some(written), _) => Ok(Some(written)),
        (None, _) => Err((StatusCode::BAD_REQUEST, "the Host cannot be read")),
    }
}

fn is_ours(reach: Reach, host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let is_local = host.trim_end_matches('.').eq_ignore_ascii_case("localhost");
    match reach {
        Reach::File => true,
        Reach::Loopback => is_local || address.is_some_and(is_loopback),
        // What a foreign site can make its name stand for has a dot.
        Reach::Network => is_local || address.is_some() || !host.contains('.'),
    }
}

fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => it.is_loopback(),
        IpAddr::V6(it) => {
            it == Ipv6Addr::LOCALHOST || it.to_ipv4_mapped().is_some_and(|it| it.is_loopback())
        }
    }
}

/// Whether a browser says that another site asks. What is no browser says nothing of the kind.
fn is_foreign(headers: &HeaderMap, host: Option<&Authority>) -> bool {
    let text = |name: &HeaderName| headers.get(name).map(|it| it.to_str().unwrap_or_default());
    if let Some(site) = text(&FETCH_SITE) {
        return !matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(&ORIGIN) else { return false };
    let same = host.is_some_and(|it| origin.strip_prefix("http://") == Some(it.as_str()));
    !same
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn asked(reach: Reach, method: Method, fields: &[(&str, &str)]) -> u16 {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name: HeaderName = name.parse().expect("a name");
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        let uri = Uri::from_static("/api/status");
        match admit(reach, &method, Version::HTTP_11, &uri, &headers) {
            Ok(()) => 200,
            Err((status, _)) => status.as_u16(),
        }
    }

    #[test]
    fn a_name_that_anybody_can_point_here_is_refused() {
        for host in ["localhost", "LOCALHOST:9901", "127.0.0.1:9901", "127.9.9.9", "[::1]:80"] {
            assert_eq!(asked(Reach::Loopback, Method::GET, &[("host", host)]), 200, "{host}");
        }
        for host in ["evil.test", "127.0.0.1.evil.test:9901", "10.0.0.1", "gateway", "[::2]", "0"] {
            assert_eq!(asked(Reach::Loopback, Method::GET, &[("host", host)]), 421, "{host}");
        }
        for (host, status) in [("10.0.0.1:9901", 200), ("gateway:9901", 200), ("evil.test", 421)] {
            assert_eq!(asked(Reach::Network, Method::GET, &[("host", host)]), status, "{host}");
        }
        assert_eq!(asked(Reach::File, Method::GET, &[("host", "evil.test")]), 200);
        assert_eq!(asked(Reach::Loopback, Method::GET, &[]), 400);
        let two = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(asked(Reach::Loopback, Method::GET, &two), 400);
        assert_eq!(asked(Reach::Loopback, Method::GET, &[("host", "a@localhost")]), 400);
    }

    #[test]
    fn another_site_may_change_nothing() {
        let here = ("host", "localhost:9901");
        for (field, value, status) in [
            ("sec-fetch-site", "cross-site", 403),
            ("sec-fetch-site", "same-site", 403),
            ("sec-fetch-site", "same-origin", 200),
            ("origin", "https://evil.test", 403),
            ("origin", "null", 403),
            ("origin", "http://localhost:9902", 403),
            ("origin", "http://localhost:9901", 200),
            ("accept", "*/*", 200),
        ] {
            let fields = [here, (field, value)];
            assert_eq!(asked(Reach::Loopback, Method::POST, &fields), status, "{field}: {value}");
            assert_eq!(asked(Reach::Loopback, Method::DELETE, &fields), status, "{field}: {value}");
            assert_eq!(asked(Reach::Loopback, Method::GET, &fields), 200, "only looks");
        }
    }
}

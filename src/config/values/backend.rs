//! What may stand in the keys of a backend beside its addresses.

use crate::config::model::{HashOn, ProxyVersion};
use crate::config::values::{Wrong, address, closest, http};

/// `hash_on`
pub fn hash_on(text: &str) -> Result<HashOn, Wrong> {
    const WORDS: [&str; 5] = ["client_ip", "path", "header", "cookie", "query"];
    let (kind, name) = text.split_once(':').map_or((text, None), |(a, b)| (a, Some(b)));
    match (kind, name) {
        ("client_ip", None) => Ok(HashOn::ClientIp),
        ("path", None) => Ok(HashOn::Path),
        ("header", Some(name)) => http::token(name).map(|it| HashOn::Header(it.to_lowercase())),
        ("cookie", Some(name)) => http::token(name).map(HashOn::Cookie),
        ("query", Some(name)) => query_name(name).map(HashOn::Query),
        ("header" | "cookie" | "query", None) => {
            let wrong = Wrong::new(format!("`{kind}` needs a name"));
            Err(wrong.hint(format!("write e.g. \"{kind}:{}\"", example(kind))))
        }
        _ => {
            let wrong = Wrong::new(format!(
                "`{text}` is not one of `client_ip`, `header:NAME`, `cookie:NAME`, `query:NAME`, `path`"
            ));
            Err(match closest(kind, WORDS.into_iter()) {
                Some(word) => wrong.hint(format!("did you mean `{word}`?")),
                None => wrong,
            })
        }
    }
}

fn example(kind: &str) -> &'static str {
    match kind {
        "header" => "X-User",
        "cookie" => "wsgate",
        _ => "room",
    }
}

fn query_name(text: &str) -> Result<String, Wrong> {
    let letter = |it: u8| it.is_ascii_alphanumeric() || b"-_.~".contains(&it);
    if text.is_empty() || !text.bytes().all(letter) {
        return Err(Wrong::new(format!("`{text}` is not the name of a query parameter"))
            .hint("letters, digits and -_.~ as they stand in the URL"));
    }
    Ok(text.to_owned())
}

/// `proxy_protocol`
pub fn proxy_protocol(text: &str) -> Result<Option<ProxyVersion>, Wrong> {
    let choices = [("off", None), ("v1", Some(ProxyVersion::V1)), ("v2", Some(ProxyVersion::V2))];
    super::choice(text, &choices)
}

/// `health.path`: a path with or without a query, as a request line has it.
pub fn health_path(text: &str) -> Result<String, Wrong> {
    let graphic = text.bytes().all(|it| it.is_ascii_graphic());
    if !text.starts_with('/') || !graphic || text.contains('#') {
        let wrong = Wrong::new(format!("`{text}` is not the path of a request"));
        return Err(wrong.hint("write e.g. \"/healthz\""));
    }
    Ok(text.to_owned())
}

/// `tls.server_name`
pub fn server_name(text: &str) -> Result<String, Wrong> {
    let name = address::domain(text)?;
    if name.starts_with("*.") {
        return Err(Wrong::new("a certificate is checked for one name, not for a wildcard"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_key_has_a_kind_and_where_needed_a_name() {
        assert_eq!(hash_on("client_ip"), Ok(HashOn::ClientIp));
        assert_eq!(hash_on("path"), Ok(HashOn::Path));
        assert_eq!(hash_on("header:X-User"), Ok(HashOn::Header("x-user".to_owned())));
        assert_eq!(hash_on("cookie:wsgate"), Ok(HashOn::Cookie("wsgate".to_owned())));
        assert_eq!(hash_on("query:room"), Ok(HashOn::Query("room".to_owned())));
        let wrong = hash_on("cookie").expect_err("no name");
        assert_eq!(wrong.hint.as_deref(), Some("write e.g. \"cookie:wsgate\""));
        let wrong = hash_on("cookies:io").expect_err("no such kind");
        assert_eq!(wrong.hint.as_deref(), Some("did you mean `cookie`?"));
        for text in ["", "client_ip:x", "path:/", "cookie:", "cookie:a b", "query:a=b", "header:"] {
            assert!(hash_on(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_health_path_is_that_of_a_request() {
        assert_eq!(health_path("/healthz?full=1").as_deref(), Ok("/healthz?full=1"));
        for text in ["", "healthz", "/a b", "/a#b", "http://a/", "/ä"] {
            assert!(health_path(text).is_err(), "{text}");
        }
    }
}

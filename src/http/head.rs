//! A request head has one meaning or it is refused: what hyper lets pass and we do not.

use hyper::header::{HOST, HeaderMap};
use hyper::{Method, Request, Version};

use super::host::host_of;
use crate::life::Refusal;

/// The one Host that a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// As sent: with a port where it has one.
    pub text: String,
    /// Without the port; for an IPv6 address with its brackets.
    pub host: String,
}

/// Finds the one authority that `request` is for (RFC 9112 section 3.2).
///
/// # Errors
/// [`Refusal::BadHost`] when there is none, more than one, or one that disagrees with the target;
/// [`Refusal::BadRequest`] for versions and targets that are not served.
pub fn authority<B>(request: &Request<B>) -> Result<Authority, Refusal> {
    if !matches!(request.version(), Version::HTTP_10 | Version::HTTP_11) {
        return Err(Refusal::BadRequest);
    }
    let text = single_host(request.headers())?;
    let host = host_of(text).ok_or(Refusal::BadHost)?;
    let target = request.uri();
    if let Some(asked) = target.authority() {
        // Absolute form: a proxy would take the target's word, a server the field's.
        if !asked.as_str().eq_ignore_ascii_case(text) {
            return Err(Refusal::BadHost);
        }
    }
    // `OPTIONS *` asks the server, not a resource: there is no backend to ask.
    if request.method() != Method::CONNECT && !target.path().starts_with('/') {
        return Err(Refusal::BadRequest);
    }
    Ok(Authority { text: text.to_owned(), host: host.to_owned() })
}

fn single_host(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut hosts = headers.get_all(HOST).into_iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Refusal::BadHost);
    };
    host.to_str().map_err(|_| Refusal::BadHost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(uri: &str, hosts: &[&str]) -> Result<Authority, Refusal> {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        authority(&request.body(()).expect("valid"))
    }

    #[test]
    fn one_host_that_agrees_with_the_target() {
        let found = ask("/a", &["Game.example.com:8443"]).expect("one host");
        assert_eq!(found.host, "Game.example.com");
        assert_eq!(found.text, "Game.example.com:8443");
        assert!(ask("https://game.example.com/a", &["game.example.com"]).is_ok());
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(ask("/a", &[]), Err(Refusal::BadHost));
        assert_eq!(ask("/a", &["a.com", "a.com"]), Err(Refusal::BadHost));
        assert_eq!(ask("/a", &[""]), Err(Refusal::BadHost));
        assert_eq!(ask("/a", &["user@a.com"]), Err(Refusal::BadHost));
        assert_eq!(ask("https://b.com/a", &["a.com"]), Err(Refusal::BadHost));
        assert_eq!(ask("*", &["a.com"]), Err(Refusal::BadRequest));
    }
}

//! `response_headers` and `remove_response_headers`: what is changed in an answer's head on its way
//! to the client. Knows neither where answers come from nor requests.

use hyper::header::{HeaderMap, HeaderName, HeaderValue, LINK, SET_COOKIE, VARY};

use super::words::Words;
use crate::config::model::{ResponseHeaders, Template};

/// The two lists, ready to be applied.
#[derive(Debug, Default)]
pub struct Dress {
    set: Vec<(HeaderName, Template)>,
    remove: Vec<HeaderName>,
}

impl Dress {
    /// Of a route, or of a site for what belongs to no route.
    pub fn new(headers: &ResponseHeaders) -> Self {
        // A valid configuration has no other names.
        let name = |it: &String| HeaderName::from_bytes(it.as_bytes()).ok();
        let set = headers.set.iter().filter_map(|(it, value)| Some((name(it)?, value.clone())));
        Self { set: set.collect(), remove: headers.remove.iter().filter_map(name).collect() }
    }

    /// Changes what a backend answered, a 101 too: what is set takes the place of its own.
    pub fn backend(&self, headers: &mut HeaderMap, words: &Words<'_>) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, template) in &self.set {
            put(headers, name, template, words);
        }
    }

    /// Adds to what the gateway answers itself, whose own fields (Content-Type, Cache-Control,
    /// Location) are right as they are.
    pub fn own(&self, headers: &mut HeaderMap, words: &Words<'_>) {
        for (name, template) in &self.set {
            if is_list(name) || !headers.contains_key(name) {
                put(headers, name, template, words);
            }
        }
    }
}

fn put(headers: &mut HeaderMap, name: &HeaderName, template: &Template, words: &Words<'_>) {
    // A Host may have letters that a field may not: then there is no value to tell.
    let Ok(value) = HeaderValue::from_str(&words.fill(template)) else { return };
    if is_list(name) {
        headers.append(name.clone(), value);
    } else {
        headers.insert(name.clone(), value);
    }
}

/// Fields of which an answer may have several: another one takes nothing away.
fn is_list(name: &HeaderName) -> bool {
    [SET_COOKIE, VARY, LINK].contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::TemplatePart;

    fn dress() -> Dress {
        let set = |name: &str, value: &str| {
            (name.to_owned(), Template(vec![TemplatePart::Text(value.to_owned())]))
        };
        let id = ("X-Request-Id".to_owned(), Template(vec![TemplatePart::RequestId]));
        Dress::new(&ResponseHeaders {
            set: vec![set("Cache-Control", "max-age=60"), set("Set-Cookie", "a=b"), id],
            remove: vec!["server".to_owned(), "set-cookie".to_owned()],
        })
    }

    const WORDS: Words<'_> =
        Words { client_ip: &"192.0.2.1", host: "a", tls: true, request_id: "7" };

    fn answer() -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [("server", "x"), ("set-cookie", "c=d"), ("cache-control", "no-store")]
        {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_backends_answer_loses_what_is_removed_and_gets_what_is_set() {
        let mut headers = answer();
        dress().backend(&mut headers, &WORDS);
        assert!(!headers.contains_key("server"));
        assert_eq!(headers["cache-control"], "max-age=60");
        assert_eq!(headers["x-request-id"], "7");
        assert_eq!(headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=b"]);
    }

    #[test]
    fn an_answer_of_the_gateway_keeps_its_own_fields() {
        let mut headers = answer();
        dress().own(&mut headers, &WORDS);
        assert_eq!(headers["server"], "x");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
        assert_eq!(headers["x-request-id"], "7");
    }
}

//! URLs to which nginx sends people, with the usual variables, as `redirect` writes them. Knows what
//! the variables stand for; not which directive it is.

use super::draft::Route;
use super::locations::{Location, Matcher};
use super::parser::Directive;
use super::scope::{Scope, Work};
use super::target::prefix_and_rest;
use crate::config::accepts;

const RELATIVE: &str = "the Location is as written; nginx puts scheme, host and port before it";
const MADE_A_PREFIX: &str = "made a prefix, which is tried after all regular expressions";

/// A URL of nginx as a `redirect`.
///
/// # Errors
/// Why it cannot be one, in one line.
pub fn url_of<'a>(
    url: &str,
    directive: &'a Directive,
    scope: &Scope<'a>,
    location: Option<&Location<'a>>,
    route: &mut Route,
    work: &mut Work<'a>,
) -> Result<String, String> {
    let (url, sets) = scope.resolved(url);
    let mut to = with_names(&url, scope)?;
    if url.contains("$uri") || url.contains("$document_uri") {
        work.ledger.differs(directive, "the path is sent as it came, not normalised");
    }
    if url.contains("$http_host") {
        work.ledger.differs(directive, "the host is told without its port");
    }
    if to.contains("$1") {
        let pattern = match location.map(|it| &it.matcher) {
            Some(Matcher::Regex(pattern)) => pattern,
            _ => return Err("`$1` stands for nothing here".to_owned()),
        };
        let prefix = prefix_and_rest(pattern).filter(|it| accepts::route_path(it).is_ok());
        route.path = prefix.ok_or_else(|| format!("`$1` of `{pattern}` is no whole rest"))?;
        to = to.replace("$1", "${rest}");
        if let Some(location) = location {
            work.ledger.differs(location.directive, MADE_A_PREFIX);
        }
    }
    accepts::redirect(&to).map_err(|why| format!("`{url}` leads nowhere: {why}"))?;
    sets.into_iter().for_each(|it| work.ledger.carried(it));
    let relative = to.starts_with('/') || to.starts_with("${");
    let absolute = scope.last("absolute_redirect", work.ledger);
    match absolute.filter(|it| it.arg(0) == "off") {
        Some(off) => work.ledger.carried(off),
        None if relative => work.ledger.differs(directive, RELATIVE),
        None => {}
    }
    Ok(to)
}

/// The text with the names that `redirect` knows; `$1` stays.
///
/// # Errors
/// Which name is not known, in one line.
pub fn with_names(url: &str, scope: &Scope<'_>) -> Result<String, String> {
    let tls = scope.everything().any(|it| it.name == "ssl_certificate");
    let name = scope.everything().find(|it| it.name == "server_name").map(|it| it.arg(0));
    let name = name.filter(|it| accepts::domain(it) && !it.starts_with('*'));
    let scheme = if tls { "https" } else { "http" };
    let known = [
        ("is_args$args", "?${query}"),
        ("is_args$query_string", "?${query}"),
        ("request_uri", "${uri}"),
        ("document_uri", "${path}"),
        ("uri", "${path}"),
        ("query_string", "${query}"),
        ("args", "${query}"),
        ("http_host", "${host}"),
        ("host", "${host}"),
        ("scheme", scheme),
        ("server_name", name.unwrap_or("${host}")),
        ("rest", "${rest}"),
        ("1", "$1"),
    ];
    let mut result = String::new();
    // `${host}` and `$host` are the same.
    let url = unbraced(url);
    let mut rest = url.as_str();
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let letters = |it: char| it.is_ascii_alphanumeric() || it == '_';
        let fits =
            |it: &&(&str, &str)| rest.strip_prefix(it.0).is_some_and(|it| !it.starts_with(letters));
        let Some((name, ours)) = known.iter().find(fits) else {
            let name: String = rest.chars().take_while(|it| letters(*it)).collect();
            return Err(format!("`${name}` is not known in a redirect"));
        };
        result.push_str(ours);
        rest = &rest[name.len()..];
    }
    result.push_str(rest);
    Ok(result)
}

/// `${name}` as `$name`, where no letter follows.
fn unbraced(url: &str) -> String {
    let mut result = String::new();
    let mut rest = url;
    while let Some((before, behind)) = rest.split_once("${") {
        result.push_str(before);
        match behind.split_once('}') {
            Some((name, after)) if !after.starts_with(|it: char| it.is_ascii_alphanumeric()) => {
                result.push('$');
                result.push_str(name);
                rest = after;
            }
            _ => {
                result.push_str("${");
                rest = behind;
            }
        }
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_variables_have_names_here() {
        let scope = Scope::default();
        let with = |it: &str| with_names(it, &scope);
        assert_eq!(with("https://$host$request_uri").as_deref(), Ok("https://${host}${uri}"));
        assert_eq!(with("https://${host}/x").as_deref(), Ok("https://${host}/x"));
        assert_eq!(with("/new$is_args$args").as_deref(), Ok("/new?${query}"));
        assert_eq!(with("$scheme://a$uri").as_deref(), Ok("http://a${path}"));
        assert_eq!(with("/$1").as_deref(), Ok("/$1"));
        assert_eq!(with("/a/${rest}").as_deref(), Ok("/a/${rest}"));
        assert!(with("/$arg_x").is_err() && with("/$hostname").is_err() && with("/$").is_err());
    }
}

//! Where a location sends its requests: `proxy_pass` and the `rewrite` before it, as a backend and
//! what becomes of the path. Knows those directives and `set`; not who may come.

use super::draft::Route;
use super::locations::{Location, Matcher};
use super::parser::Directive;
use super::pools::{self, Reach};
use super::scope::{Scope, Work};
use super::values;
use crate::config::accepts;

/// `proxy_pass`, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    tls: bool,
    /// An upstream's name or a server.
    host: String,
    /// What stands behind the host.
    uri: Option<String>,
}

const NO_QUERY: &str = "the query is passed on, too; nginx drops it where the path is made anew";

/// Fills in `backend`, `path` and `strip_prefix`; gives the Host that nginx would send.
///
/// # Errors
/// Why the location leads nowhere, in one line.
pub fn target<'a>(
    proxy_pass: &'a Directive,
    location: &Location<'a>,
    scope: &Scope<'a>,
    route: &mut Route,
    work: &mut Work<'a>,
) -> Result<String, String> {
    let (text, sets) = scope.resolved(proxy_pass.arg(0));
    let mut target =
        parsed(&text).ok_or_else(|| "not an http:// or https:// address".to_owned())?;
    if let Some(variable) = target.host.split('$').nth(1) {
        return Err(format!("the server is found anew for each request, from `${variable}`"));
    }
    if text.contains('$') || !sets.is_empty() {
        with_variables(&mut target, proxy_pass, location, route, work)?;
    }
    let reach = reach(target.tls, proxy_pass, scope, work);
    route.backend = pools::backend(&target.host, &reach, &proxy_pass.place.to_string(), work)?;
    for set in sets {
        work.ledger.carried(set);
    }
    work.ledger.carried(proxy_pass);
    if let Some(uri) = &target.uri {
        strip(uri, proxy_pass, location, route, work)?;
    }
    rewrites(location, route, work);
    if target.host.starts_with("unix:") { Ok("localhost".to_owned()) } else { Ok(target.host) }
}

fn parsed(text: &str) -> Option<Target> {
    let (tls, rest) = match text.strip_prefix("https://") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix("http://")?),
    };
    if let Some(path) = rest.strip_prefix("unix:") {
        let (path, uri) = match path.split_once(':') {
            Some((path, uri)) => (path, Some(uri.to_owned()).filter(|it| !it.is_empty())),
            None => (path, None),
        };
        return Some(Target { tls, host: format!("unix:{path}"), uri });
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    // A variable right behind the port, as in `http://app:3000$request_uri`.
    let end = rest.find("$request_uri").or(rest.find("$uri")).map_or(end, |at| at.min(end));
    let (host, uri) = rest.split_at(end);
    let uri = (!uri.is_empty()).then(|| uri.to_owned());
    (!host.is_empty()).then(|| Target { tls, host: host.to_owned(), uri })
}

/// With a variable nginx puts the URI in the place of the whole path.
fn with_variables(
    target: &mut Target,
    proxy_pass: &Directive,
    location: &Location<'_>,
    route: &mut Route,
    work: &mut Work<'_>,
) -> Result<(), String> {
    let Some(uri) = target.uri.take() else { return Ok(()) };
    let bare = uri
        .trim_end_matches("$is_args$args")
        .trim_end_matches("?$args")
        .trim_end_matches("?$query_string");
    let drops_query = bare == uri;
    match bare {
        "$request_uri" => return Ok(()),
        "$uri" | "$document_uri" => {
            work.ledger.differs(proxy_pass, "the path is passed on as it came, not normalised");
            if drops_query {
                work.ledger.differs(proxy_pass, NO_QUERY);
            }
            return Ok(());
        }
        _ => {}
    }
    // `~ ^/api/(.*)$` with `/$1` is a prefix that is replaced.
    if let (Some(replacement), Matcher::Regex(pattern)) =
        (bare.strip_suffix("$1"), &location.matcher)
        && let Some(prefix) = prefix_and_rest(pattern)
        && accepts::replacement(replacement)
        && accepts::route_path(&prefix).is_ok()
    {
        route.path = prefix;
        route.strip_prefix = Some(replacement.to_owned());
        work.ledger.differs(
            location.directive,
            "made a prefix, which is tried after all regular expressions",
        );
        if drops_query {
            work.ledger.differs(proxy_pass, NO_QUERY);
        }
        return Ok(());
    }
    Err(format!("the path `{uri}` is made anew for each request"))
}

/// `^/api/(.*)$` as `/api/`.
pub fn prefix_and_rest(pattern: &str) -> Option<String> {
    let pattern = pattern.strip_prefix("(?i)").unwrap_or(pattern);
    let body = pattern.strip_suffix('$').unwrap_or(pattern);
    let body = body.strip_suffix("(.*)").or(body.strip_suffix("(.+)"))?;
    let body = body.strip_suffix("/?").unwrap_or(body);
    let body = body.strip_prefix('^').unwrap_or(body);
    let literal = body.replace("\\/", "/").replace("\\.", ".").replace("\\-", "-");
    let plain = |it: char| it.is_ascii_alphanumeric() || "/._-~".contains(it);
    (literal.starts_with('/') && literal.chars().all(plain)).then_some(literal)
}

/// The URI of `proxy_pass` stands for the path of the location.
fn strip(
    uri: &str,
    proxy_pass: &Directive,
    location: &Location<'_>,
    route: &mut Route,
    work: &mut Work<'_>,
) -> Result<(), String> {
    let Some(path) = location.literal() else {
        return Err("a regular expression has no prefix that could be replaced".to_owned());
    };
    if !accepts::replacement(uri) || uri.contains("${") {
        return Err(format!("`{uri}` cannot replace a prefix"));
    }
    route.strip_prefix = Some(uri.to_owned());
    let exact = matches!(location.matcher, Matcher::Exact(_));
    if !exact && path.ends_with('/') != uri.ends_with('/') {
        work.ledger.differs(
            proxy_pass,
            "there is exactly one `/` where the new prefix meets the rest of the path",
        );
    }
    if path != uri {
        work.ledger.differs(proxy_pass, "a Location of the backend keeps the backend's path");
    }
    Ok(())
}

/// `rewrite ^/api/(.*)$ /$1 break;` replaces a prefix, too.
fn rewrites(location: &Location<'_>, route: &mut Route, work: &mut Work<'_>) {
    for rewrite in location.scope.own("rewrite") {
        let replacement = rewrite.arg(1).strip_suffix("$1").filter(|it| accepts::replacement(it));
        let prefix = prefix_and_rest(rewrite.arg(0));
        // What the location has beyond the prefix of the rewrite stays behind the new one.
        let beyond = prefix.as_deref().and_then(|prefix| {
            let path = location.literal()?;
            if prefix.trim_end_matches('/') == path.trim_end_matches('/') {
                return Some("");
            }
            path.strip_prefix(prefix).filter(|_| prefix.ends_with('/'))
        });
        match (replacement, beyond) {
            (Some(new), Some(beyond))
                if rewrite.arg(2) == "break" && route.strip_prefix.is_none() =>
            {
                let new = if new.is_empty() { "/" } else { new };
                route.strip_prefix = Some(format!("{new}{beyond}"));
                work.ledger.carried(rewrite);
            }
            _ => work.ledger.not(rewrite, "paths are only changed by replacing a prefix"),
        }
    }
}

/// What is said of the connection to the backend.
fn reach(tls: bool, proxy_pass: &Directive, scope: &Scope<'_>, work: &mut Work<'_>) -> Reach {
    let mut reach = Reach { tls, ..Reach::default() };
    if let Some(directive) = scope.last("proxy_connect_timeout", work.ledger) {
        reach.connect_timeout = values::duration(directive.arg(0));
        match reach.connect_timeout {
            Some(_) => work.ledger.carried(directive),
            None => work.ledger.not(directive, "not a time that is understood"),
        }
    }
    let pair = ["proxy_ssl_certificate", "proxy_ssl_certificate_key"];
    let halves = pair.map(|name| scope.last(name, work.ledger)).into_iter().flatten();
    let is_pair = halves.filter(|it| is_plain(it.arg(0))).count() == pair.len();
    let keys = [
        ("proxy_ssl_trusted_certificate", "ca"),
        ("proxy_ssl_name", "server_name"),
        ("proxy_ssl_certificate", "client_certificate"),
        ("proxy_ssl_certificate_key", "client_key"),
    ];
    for (name, key) in keys {
        let Some(directive) = scope.last(name, work.ledger) else { continue };
        let value = directive.arg(0);
        if !tls || !is_plain(value) {
            work.ledger.not(
                directive,
                if tls { "variables have no value here" } else { "these servers speak no TLS" },
            );
            continue;
        }
        if key == "server_name" && !accepts::server_name(value) {
            work.ledger.not(directive, "not a name that a certificate could have");
            continue;
        }
        if pair.contains(&name) && !is_pair {
            work.ledger.not(directive, "certificate and key belong together");
            continue;
        }
        let value = if key == "server_name" { value.to_owned() } else { work.path(value) };
        reach.tls_keys.push((key, value));
        work.ledger.carried(directive);
    }
    verification(tls, proxy_pass, scope, work);
    reach
}

/// A value that is there, and always the same.
fn is_plain(value: &str) -> bool {
    !value.is_empty() && !value.contains('$')
}

fn verification(tls: bool, proxy_pass: &Directive, scope: &Scope<'_>, work: &mut Work<'_>) {
    if let Some(directive) = scope.last("proxy_ssl_server_name", work.ledger) {
        work.ledger.carried_as(directive, "the name of a server is always sent to it");
    }
    let verify = scope.last("proxy_ssl_verify", work.ledger);
    let verified = verify.is_some_and(|it| it.arg(0) == "on");
    if tls && !verified {
        let reason = "the certificate of the server is verified, by the system's roots or `tls.ca`";
        work.ledger.differs(verify.unwrap_or(proxy_pass), reason);
    } else if let Some(verify) = verify {
        work.ledger.carried(verify);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_scheme_host_and_what_stands_behind() {
        let target = |tls, host: &str, uri: Option<&str>| {
            Some(Target { tls, host: host.to_owned(), uri: uri.map(str::to_owned) })
        };
        assert_eq!(parsed("http://app"), target(false, "app", None));
        assert_eq!(parsed("https://app:8443/"), target(true, "app:8443", Some("/")));
        assert_eq!(parsed("http://unix:/run/a.sock"), target(false, "unix:/run/a.sock", None));
        assert_eq!(
            parsed("http://unix:/run/a.sock:/x"),
            target(false, "unix:/run/a.sock", Some("/x"))
        );
        assert_eq!(parsed("http://a:1$request_uri"), target(false, "a:1", Some("$request_uri")));
        assert_eq!(parsed("$backend"), None);
    }

    #[test]
    fn a_prefix_before_everything_else_is_read_out_of_a_regex() {
        assert_eq!(prefix_and_rest("^/api/(.*)$").as_deref(), Some("/api/"));
        assert_eq!(prefix_and_rest("/api/?(.*)").as_deref(), Some("/api"));
        assert_eq!(prefix_and_rest("^/v[0-9]/(.*)"), None);
        assert_eq!(prefix_and_rest("^/api"), None);
    }
}

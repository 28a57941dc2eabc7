//! What nginx answers itself, as `redirect` and `reply`: `return`, `rewrite` to elsewhere, `deny all`.
//! Knows those directives; not who may come to what else is there.

use super::access;
use super::draft::{Own, Route};
use super::ledger::Fate;
use super::locations::Location;
use super::parser::Directive;
use super::scope::{Scope, Work};
use super::target::prefix_and_rest;
use super::urls::{url_of, with_names};
use crate::config::accepts;

/// Makes the route one that answers itself, where nginx does whatever a request says. Gives whether
/// it did.
///
/// # Errors
/// Why what nginx answers there has no counterpart, in one line.
pub fn own<'a>(
    location: &Location<'a>,
    route: &mut Route,
    work: &mut Work<'a>,
) -> Result<bool, String> {
    let scope = &location.scope;
    if let Some(internal) = scope.own("internal").first().filter(|_| !has_pass(scope)) {
        route.own = Some(Own::Reply { status: 404, body: None, content_type: None });
        work.ledger.carried(internal);
    } else if let Some(returned) = scope.own("return").first() {
        route.own = Some(returns(returned, scope, Some(location), route, work)?);
    } else if let Some((rewrite, own)) = away(scope, Some(location)) {
        route.own = Some(own);
        work.ledger.carried(rewrite);
    } else if !has_pass(scope) && access::denies_everybody(scope) {
        route.own = Some(Own::Reply { status: 403, body: None, content_type: None });
        access::access(scope, &mut Route::default(), work);
        work.ledger.carried(location.directive);
        return Ok(true);
    } else {
        return Ok(false);
    }
    for rule in scope.own("allow").into_iter().chain(scope.own("deny")) {
        work.ledger.carried_as(rule, "nginx answers before it asks who may come");
    }
    work.ledger.carried(location.directive);
    Ok(true)
}

/// The route of a server that answers everything itself.
///
/// # Errors
/// As [`own`].
pub fn whole_server<'a>(server: &Scope<'a>, work: &mut Work<'a>) -> Result<Option<Route>, String> {
    let mut route = Route { path: "/".to_owned(), ..Route::default() };
    let directive = if let Some(returned) = server.own("return").first() {
        route.own = Some(returns(returned, server, None, &mut Route::default(), work)?);
        *returned
    } else if let Some((rewrite, own)) = away(server, None) {
        route.own = Some(own);
        work.ledger.carried(rewrite);
        rewrite
    } else {
        return Ok(None);
    };
    route.remarks.push(directive.place.to_string());
    for location in server.own("location") {
        let reason = "nginx comes to no location of this server";
        work.ledger.whole(location, Fate::Carried, reason);
    }
    Ok(Some(route))
}

/// Whether the server sends everybody elsewhere by a `rewrite`.
pub fn rewrites_away(server: &Scope<'_>) -> bool {
    away(server, None).is_some()
}

fn has_pass(scope: &Scope<'_>) -> bool {
    scope.innermost().iter().any(|it| it.name.ends_with("_pass"))
}

/// `return CODE`, `return CODE TEXT`, `return CODE URL`, `return URL`.
fn returns<'a>(
    directive: &'a Directive,
    scope: &Scope<'a>,
    location: Option<&Location<'a>>,
    route: &mut Route,
    work: &mut Work<'a>,
) -> Result<Own, String> {
    let (status, text) = match directive.arg(0).parse::<u16>() {
        Ok(status) => (status, directive.args.get(1)),
        Err(_) => (302, directive.args.first()),
    };
    let own = match (status, text) {
        (301 | 302 | 303 | 307 | 308, Some(url)) => {
            let to = url_of(url, directive, scope, location, route, work)?;
            Own::Redirect { status, to }
        }
        (444, _) => {
            let reason = "444 closes the connection without a word; here it is 403";
            work.ledger.differs(directive, reason);
            Own::Reply { status: 403, body: None, content_type: None }
        }
        (200..=299 | 400..=599, text) => reply(status, text, scope, location, work)?,
        _ => return Err(format!("`{}` is no answer that can be fixed", directive.text())),
    };
    work.ledger.carried(directive);
    Ok(own)
}

fn reply<'a>(
    status: u16,
    text: Option<&String>,
    scope: &Scope<'a>,
    location: Option<&Location<'a>>,
    work: &mut Work<'a>,
) -> Result<Own, String> {
    let text = text.map(|it| scope.resolved(it)).filter(|(it, _)| !it.is_empty());
    let Some((body, sets)) = text.filter(|_| status != 204 && status != 205) else {
        return Ok(Own::Reply { status, body: None, content_type: None });
    };
    if body.contains('$') {
        return Err("a fixed body has no variables".to_owned());
    }
    if !accepts::reply_body(&body) {
        return Err("a fixed body has at most 64KiB".to_owned());
    }
    sets.into_iter().for_each(|it| work.ledger.carried(it));
    let content_type = content_type(scope, location, work);
    Ok(Own::Reply { status, body: Some(body), content_type: Some(content_type) })
}

/// By the extension of the path, else `default_type`; a field that is added to it takes its place.
fn content_type<'a>(
    scope: &Scope<'a>,
    location: Option<&Location<'a>>,
    work: &mut Work<'a>,
) -> String {
    let added = scope.all("add_header", work.ledger);
    let added = added.iter().find(|it| it.arg(0).eq_ignore_ascii_case("content-type"));
    if let Some(added) = added.filter(|it| accepts::content_type(it.arg(1))) {
        work.ledger.differs(added, "one Content-Type is sent, where nginx sends two");
        return added.arg(1).to_owned();
    }
    let extension = location
        .and_then(Location::literal)
        .and_then(|it| it.rsplit('/').next()?.rsplit_once('.'))
        .map(|(_, extension)| extension.to_ascii_lowercase());
    let types = scope.last("types", work.ledger);
    let by_extension = types.and_then(|types| {
        let has = |it: &&Directive| it.args.iter().any(|it| Some(it) == extension.as_ref());
        Some(types.children().iter().find(has)?.name.clone())
    });
    let default = scope.last("default_type", work.ledger);
    by_extension
        .or_else(|| default.map(|it| it.arg(0).to_owned()))
        .filter(|it| accepts::content_type(it))
        .unwrap_or_else(|| "text/plain".to_owned())
}

/// `rewrite ^ https://elsewhere$request_uri? permanent;` and its kin: for every path of the place.
fn away<'a>(scope: &Scope<'a>, location: Option<&Location<'a>>) -> Option<(&'a Directive, Own)> {
    let rewrite = scope.own("rewrite").first().copied()?;
    let to = rewrite.arg(1);
    let status = match rewrite.arg(2) {
        "permanent" => 301,
        "redirect" => 302,
        _ if ["http://", "https://", "$scheme"].iter().any(|it| to.starts_with(it)) => 302,
        _ => return None,
    };
    let (to, query) = match to.strip_suffix('?') {
        Some(to) => (to, ""),
        None => (to, "?${query}"),
    };
    let query = if to.contains("$request_uri") { "" } else { query };
    let rest = captured(rewrite.arg(0), location)?;
    if to.contains('?') {
        return None;
    }
    let to = match rest {
        "" => to.to_owned(),
        // What is captured begins with a slash, or has one in front.
        "/" => to.replace("/$1", "$uri"),
        _ => to.replace("$1", rest),
    };
    if to.contains("$1") {
        return None;
    }
    let to = format!("{}{query}", with_names(&to, scope).ok()?);
    accepts::redirect(&to).ok()?;
    Some((rewrite, Own::Redirect { status, to }))
}

/// What `$1` stands for in a regular expression that takes every path of the place.
fn captured(pattern: &str, location: Option<&Location<'_>>) -> Option<&'static str> {
    match pattern {
        "^" | ".*" | "^.*" | "^.*$" | "^/" | "^/.*" | "^/.*$" | "/" => return Some(""),
        "^(.*)$" | "^(.*)" | "(.*)" | "^(/.*)$" | "^(/.*)" => return Some("$uri"),
        "^/(.*)$" | "^/(.*)" | "/(.*)" => return Some("/"),
        _ => {}
    }
    let prefix = prefix_and_rest(pattern)?;
    let literal = location.and_then(Location::literal)?;
    (prefix.trim_end_matches('/') == literal.trim_end_matches('/')).then_some("${rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rewrite_captures_is_the_path_or_nothing() {
        assert_eq!(captured("^", None), Some(""));
        assert_eq!(captured("^(.*)$", None), Some("$uri"));
        assert_eq!(captured("^/(.*)$", None), Some("/"));
        assert_eq!(captured("^/a/(.*)$", None), None);
    }
}

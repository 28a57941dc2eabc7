//! One location as one of `[[sites.routes]]`. Knows how its parts are put together; each part is
//! understood in a file of its own.

use super::access;
use super::answers;
use super::conditions::conditions;
use super::cover::Lost;
use super::draft::{Own, Route};
use super::fields;
use super::files;
use super::headers::headers;
use super::ledger::Fate;
use super::limits;
use super::locations::{Location, Matcher};
use super::parser::Directive;
use super::scope::{Scope, Work};
use super::target::target;
use super::values;

const FILES_FIRST: &str = "files are not looked for: every request goes to the backend";
const SEGMENTS: &str = "a prefix takes whole segments: in nginx `/chat` takes `/chatter`, too";
const CLOSING_SLASH: &str =
    "a path that lacks only the closing slash is not redirected to the one that has it";

/// The route of a location.
///
/// # Errors
/// Why there is none, in one line.
pub fn route<'a>(
    location: &Location<'a>,
    all: &[Location<'a>],
    domains: &[String],
    work: &mut Work<'a>,
) -> Result<Route, String> {
    let path = location.path()?;
    let mut route = Route { path, ..Route::default() };
    route.remarks.push(location.directive.place.to_string());
    if answers::own(location, &mut route, work)? {
        if !route.own.as_ref().is_some_and(Own::refuses) {
            differences(location, &route, all, work);
        }
        fields::fields(&location.scope, &mut route, work);
        conditions(&location.scope, domains, &mut route, work);
        return Ok(route);
    }
    let Some((proxy_pass, scope)) = destination(location, all, work) else {
        if sends_files(location) {
            return of_files(location, all, domains, route, work);
        }
        return Err(why_not(&location.scope).to_owned());
    };
    let host = target(proxy_pass, location, &scope, &mut route, work)?;
    work.ledger.carried(location.directive);
    differences(location, &route, all, work);
    headers(proxy_pass, &host, &scope, &mut route, work);
    fields::fields(&scope, &mut route, work);
    limits(&scope, &mut route, work);
    conditions(&location.scope, domains, &mut route, work);
    access::access(&scope, &mut route, work);
    Ok(route)
}

/// Whether nginx would look for a file here, as far as can be seen.
fn sends_files(location: &Location<'_>) -> bool {
    let scope = &location.scope;
    let returns = !scope.own("return").is_empty() || access::denies_everybody(scope);
    let passes = scope.innermost().iter().any(|it| passes_on(&it.name));
    !returns && !passes && files::names_a_folder(scope)
}

fn passes_on(name: &str) -> bool {
    name.ends_with("_pass") || name.contains("_by_lua") || name.starts_with("push_stream")
}

fn of_files<'a>(
    location: &Location<'a>,
    all: &[Location<'a>],
    domains: &[String],
    mut route: Route,
    work: &mut Work<'a>,
) -> Result<Route, String> {
    files::files(location, &mut route, work)?;
    fields::fields(&location.scope, &mut route, work);
    work.ledger.carried(location.directive);
    differences(location, &route, all, work);
    conditions(&location.scope, domains, &mut route, work);
    access::access(&location.scope, &mut route, work);
    // The gateway answers here itself: no WebSocket comes as far.
    route.upgrade = None;
    Ok(route)
}

/// The `proxy_pass` of a location, its own or that of the one to which it falls back.
fn destination<'a>(
    location: &Location<'a>,
    all: &[Location<'a>],
    work: &mut Work<'a>,
) -> Option<(&'a Directive, Scope<'a>)> {
    if let Some(own) = location.scope.own("proxy_pass").first() {
        return Some((own, location.scope.clone()));
    }
    let fallbacks =
        location.scope.own("try_files").into_iter().chain(location.scope.own("error_page"));
    for fallback in fallbacks {
        let Some(name) = fallback.args.last().and_then(|it| it.strip_prefix('@')) else { continue };
        let named = all.iter().find(|it| it.matcher == Matcher::Named(name.to_owned()))?;
        if let Some(proxy_pass) = named.scope.own("proxy_pass").first() {
            work.ledger.differs(location.directive, FILES_FIRST);
            work.ledger.carried(named.directive);
            return Some((proxy_pass, named.scope.clone()));
        }
    }
    None
}

/// Why a location has no counterpart.
fn why_not(scope: &Scope<'_>) -> &'static str {
    let has = |names: &[&str]| scope.innermost().iter().any(|it| names.contains(&it.name.as_str()));
    if scope.innermost().iter().any(|it| it.name.ends_with("_pass")) {
        return "backends speak HTTP/1.1 or WebSocket";
    }
    if has(&["stub_status", "push_stream_publisher"]) {
        return "nginx answers here itself";
    }
    if scope.innermost().iter().any(|it| it.name.contains("_by_lua")) {
        return "there is no scripting";
    }
    if has(&["if"])
        && scope.own("if").iter().any(|it| it.children().iter().any(|it| it.name == "proxy_pass"))
    {
        return "the backend of a path is always the same";
    }
    "it names no folder of files"
}

fn differences(location: &Location<'_>, route: &Route, all: &[Location<'_>], work: &mut Work<'_>) {
    let exact = |path: &str| all.iter().any(|it| it.matcher == Matcher::Exact(path.to_owned()));
    match &location.matcher {
        Matcher::Prefix(path) | Matcher::Caret(path) if path != "/" => {
            let bare = path.trim_end_matches('/');
            if !path.ends_with('/') {
                work.ledger.differs(location.directive, SEGMENTS);
            } else if route.files.is_none() && !exact(bare) && !route.path.starts_with('~') {
                work.ledger.differs(location.directive, CLOSING_SLASH);
            }
        }
        _ => {}
    }
}

fn limits<'a>(scope: &Scope<'a>, route: &mut Route, work: &mut Work<'a>) {
    let websocket = route.upgrade.is_none();
    let body = scope.last("client_max_body_size", work.ledger);
    let size = body.and_then(|it| values::size(it.arg(0)));
    match (body, &size) {
        (Some(directive), None) => work.ledger.not(directive, "not a size that is understood"),
        (Some(directive), Some(_)) => work.ledger.carried(directive),
        _ => {}
    }
    // Without the directive nginx takes 1 MiB, and wsgate ten.
    route.limits.push(("request_body", size.unwrap_or_else(|| "1MiB".to_owned())));
    limits::of_route(scope, route, work);
    if let Some(directive) = scope.last("proxy_send_timeout", work.ledger) {
        match values::duration(directive.arg(0)) {
            Some(wait) => {
                route.limits.push(("stalled_writer", wait));
                let reason = "counts for a client that takes nothing, too";
                work.ledger.differs(directive, reason);
            }
            None => work.ledger.not(directive, "not a time that is understood"),
        }
    }
    if let Some(directive) = scope.last("proxy_read_timeout", work.ledger) {
        read_timeout(directive, websocket, route, work);
    }
}

fn read_timeout(directive: &Directive, websocket: bool, route: &mut Route, work: &mut Work<'_>) {
    let Some(wait) = values::duration(directive.arg(0)) else {
        return work.ledger.not(directive, "not a time that is understood");
    };
    route.timeouts.push(("response", wait));
    if websocket {
        let reason = "for plain requests; a handshake has 10 s (upgrade_response), and an open WebSocket is not cut for silence";
        return work.ledger.differs(directive, reason);
    }
    work.ledger.carried(directive);
}

/// Says of a location that it is lost, and where its requests go now.
pub fn lost(location: &Location<'_>, lost: &Lost, routes: &[Route], work: &mut Work<'_>) {
    let Lost { reason, closed } = lost;
    if let Matcher::Named(_) = location.matcher {
        if !work.ledger.knows(location.directive) {
            work.ledger.say(
                location.directive,
                Fate::Not,
                "no location that is carried leads to it",
            );
        }
        return;
    }
    if let Some(closed) = closed {
        return work.ledger.not(location.directive, &format!("{reason}; {closed}"));
    }
    let goes_to = match location.literal() {
        Some(path) => covering(path, routes).map_or_else(
            || "its requests get 404".to_owned(),
            |route| format!("its requests go to the route `{}`", route.path),
        ),
        None if routes.iter().any(|it| it.path == "/") => {
            "its requests go to the other routes".to_owned()
        }
        None => "its requests go to the other routes, or get 404".to_owned(),
    };
    work.ledger.not(location.directive, &format!("{reason}; {goes_to}"));
}

/// The route that takes a path, by prefix.
fn covering<'r>(path: &str, routes: &'r [Route]) -> Option<&'r Route> {
    let covers = |prefix: &str| {
        prefix.starts_with('/')
            && path
                .strip_prefix(prefix)
                .is_some_and(|it| it.is_empty() || it.starts_with('/') || prefix.ends_with('/'))
    };
    routes.iter().filter(|it| covers(&it.path)).max_by_key(|it| it.path.len())
}

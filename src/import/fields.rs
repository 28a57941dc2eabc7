//! Fields of answers: `add_header`, `proxy_hide_header` and `proxy_pass_header` as `response_headers`
//! and `remove_response_headers`. Knows how nginx inherits them: a block with its own has no others.

use super::draft::{Own, Route, Site};
use super::headers::template;
use super::parser::Directive;
use super::scope::{Scope, Work};
use super::values;
use crate::config::accepts;

const EVERY_STATUS: &str = "on answers of every status";
const IN_ITS_PLACE: &str = "in the place of the backend's own field of this name";

/// Fills in what the answers of a route are changed by.
pub fn fields<'a>(scope: &Scope<'a>, route: &mut Route, work: &mut Work<'a>) {
    let hidden = scope.all("proxy_hide_header", work.ledger);
    if route.own.is_none() {
        for directive in &hidden {
            hide(directive, route, work);
        }
        for directive in scope.all("proxy_pass_header", work.ledger) {
            work.ledger.carried_as(directive, "passed on as it came");
        }
    }
    for directive in scope.all("add_header", work.ledger) {
        let name = directive.arg(0);
        if name.eq_ignore_ascii_case("strict-transport-security") {
            strict(directive, route, work);
        } else {
            let taken = hidden.iter().any(|it| it.arg(0).eq_ignore_ascii_case(name));
            add(directive, taken, route, work);
        }
    }
    joined_cache_control(route);
}

/// What is right as it is when a file is sent.
const OF_FILES: [&str; 3] = ["content-type", "etag", "last-modified"];

fn hide(directive: &Directive, route: &mut Route, work: &mut Work<'_>) {
    let name = directive.arg(0);
    if !accepts::remove_response_header(name) {
        return work.ledger.not(directive, "this field cannot be removed");
    }
    if !route.remove_response_headers.iter().any(|it| it.eq_ignore_ascii_case(name)) {
        route.remove_response_headers.push(name.to_owned());
    }
    work.ledger.carried(directive);
}

fn add(directive: &Directive, hidden: bool, route: &mut Route, work: &mut Work<'_>) {
    let (name, value) = (directive.arg(0), directive.arg(1));
    if value.is_empty() {
        return work.ledger.carried_as(directive, "nginx sends no field without a value");
    }
    if let Some(Own::Reply { content_type: Some(_), .. }) = route.own
        && name.eq_ignore_ascii_case("content-type")
    {
        return;
    }
    let is_cache_control = name.eq_ignore_ascii_case("cache-control");
    let same = |(it, _): &&mut (String, String)| it.eq_ignore_ascii_case(name);
    let before = route.response_headers.iter_mut().find(same);
    if before.is_some() && !is_cache_control {
        return work.ledger.not(directive, "a field is set once");
    }
    if route.files.is_some() && OF_FILES.iter().any(|it| name.eq_ignore_ascii_case(it)) {
        return work.ledger.not(directive, "a file has its own field of this name, which stays");
    }
    let Some((template, _)) = template(value) else {
        let reason = format!("`{value}` has a variable that is not known here");
        return work.ledger.not(directive, &reason);
    };
    if let Err(why) = accepts::response_header(name, &template) {
        return work.ledger.not(directive, &why);
    }
    // Two lines of a list are one (RFC 9110 section 5.3).
    match before {
        Some((_, value)) => *value = format!("{value}, {template}"),
        None => route.response_headers.push((name.to_owned(), template)),
    }
    work.ledger.carried(directive);
    let list = ["set-cookie", "vary", "link"].contains(&name.to_ascii_lowercase().as_str());
    if route.own.is_none() && route.files.is_none() && !hidden && !list {
        work.ledger.differs(directive, IN_ITS_PLACE);
    }
    if directive.arg(2) != "always" {
        work.ledger.differs(directive, EVERY_STATUS);
    }
}

/// Joins the age of `expires` and the Cache-Control that is added beside it: a file's own field would stay
/// alone.
fn joined_cache_control(route: &mut Route) {
    let Some(files) = &mut route.files else { return };
    let is_it = |(name, _): &&mut (String, String)| name.eq_ignore_ascii_case("cache-control");
    let age = files.cache.as_deref().and_then(values::seconds);
    if let (Some((_, value)), Some(age)) = (route.response_headers.iter_mut().find(is_it), age) {
        *value = format!("max-age={age}, {value}");
        files.cache = None;
    }
}

/// A site says it once for all of its routes.
fn strict(directive: &Directive, route: &mut Route, work: &mut Work<'_>) {
    if !accepts::strict_transport_security(directive.arg(1)) {
        return work.ledger.not(directive, "not a value that RFC 6797 knows");
    }
    route.strict_transport_security = Some(directive.arg(1).to_owned());
    let reason = "on every answer of the site over TLS, in the place of a backend's own";
    work.ledger.differs(directive, reason);
}

/// What all routes of a site have is said in the site.
pub fn hoist(site: &mut Site) {
    site.strict_transport_security =
        site.routes.iter().find_map(|it| it.strict_transport_security.clone());
    let Some(first) = site.routes.first() else { return };
    let (set, remove) = (first.response_headers.clone(), first.remove_response_headers.clone());
    if site.routes.iter().all(|it| it.response_headers == set) && site.routes.len() > 1 {
        site.response_headers = set;
        site.routes.iter_mut().for_each(|it| it.response_headers.clear());
    }
    if site.routes.iter().all(|it| it.remove_response_headers == remove) && site.routes.len() > 1 {
        site.remove_response_headers = remove;
        site.routes.iter_mut().for_each(|it| it.remove_response_headers.clear());
    }
}

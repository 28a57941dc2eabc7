//! What routes answer themselves, and what is changed in the answers of others: `redirect`, `reply`,
//! `response_headers`, `error_pages`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::backends::Backends;
use super::route::{headers, values};
use crate::config::defaults;
use crate::config::model::{
    Action, ErrorPage, Errors, Located, LocationPart, PathRule, Redirect, Reply, ResponseHeaders,
    Spot,
};
use crate::config::raw::{self, Text, Texts};
use crate::config::reader::{Reader, Table};
use crate::config::values::{Wrong, answer};

/// The one thing that a route does; `None` when that is missing or wrong.
pub fn action(
    raw: &raw::Route,
    rule: Option<&PathRule>,
    table: Table<'_>,
    backends: &mut Backends,
    reader: &mut Reader<'_>,
) -> Option<Action> {
    let written = [
        ("backend", raw.backend.as_ref().map(toml::Spanned::span)),
        ("redirect", raw.redirect.as_ref().map(toml::Spanned::span)),
        ("reply", raw.reply.as_ref().map(toml::Spanned::span)),
    ];
    one_only(&written, table, reader);
    if let (Some(status), None) = (&raw.status, &raw.redirect) {
        let wrong = Wrong::new("`status` goes with `redirect`");
        reader.error(status.span(), wrong.hint("that of a fixed answer stands in `reply`"));
    }
    let forward = raw.backend.as_ref().and_then(|it| backends.find(it, reader));
    let redirect = redirect(raw, rule, reader).map(Action::Redirect);
    let reply = raw.reply.as_ref().and_then(|it| reply(it, reader)).map(Action::Reply);
    if raw.backend.is_none() && (raw.redirect.is_some() || raw.reply.is_some()) {
        without_backend(raw, reader);
    }
    forward.map(Action::Forward).or(redirect).or(reply)
}

fn one_only(written: &[(&str, Option<Spot>)], table: Table<'_>, reader: &mut Reader<'_>) {
    let mut there = written.iter().filter_map(|(key, spot)| Some((*key, spot.clone()?)));
    let Some((first, _)) = there.next() else {
        let faulty = written.iter().any(|(key, _)| reader.is_faulty(table.spot, key));
        if !faulty {
            let hint = "write e.g. backend = \"127.0.0.1:9595\"; or `redirect`, or `reply`";
            reader.missing(table, "backend", hint);
        }
        return;
    };
    for (key, spot) in there {
        let wrong = Wrong::new(format!("a route does one thing: `{first}` or `{key}`"));
        reader.error(spot, wrong.hint("leave one of them out, or make two routes"));
    }
}

fn redirect(
    raw: &raw::Route,
    rule: Option<&PathRule>,
    reader: &mut Reader<'_>,
) -> Option<Redirect> {
    let written = raw.redirect.as_ref()?;
    let status = match &raw.status {
        None => Some(defaults::REDIRECT_STATUS),
        Some(raw) => {
            let status = answer::redirect_status(*raw.get_ref());
            reader.checked(raw.span(), status).map(|it| it.value)
        }
    };
    let text = reader.expanded(written, answer::LOCATION_NAMES)?;
    let location = reader.checked(written.span(), answer::location(&text))?.value;
    let has_rest = location.0.contains(&LocationPart::Rest);
    if has_rest && matches!(rule, Some(PathRule::Exact(_) | PathRule::Regex(_))) {
        let wrong = Wrong::new("only a prefix has something behind it: `${rest}` has no meaning");
        reader.error(written.span(), wrong.hint("use `${path}` or `${uri}`, or a prefix route"));
    }
    Some(Redirect { status: status?, location })
}

fn reply(raw: &toml::Spanned<raw::Reply>, reader: &mut Reader<'_>) -> Option<Reply> {
    let (spot, raw) = (raw.span(), raw.get_ref());
    let status = match &raw.status {
        None => Some(defaults::REPLY_STATUS),
        Some(raw) => {
            let status = answer::reply_status(*raw.get_ref());
            reader.checked(raw.span(), status).map(|it| it.value)
        }
    };
    let body = reader.value(raw.body.as_ref(), answer::body);
    let default_type = defaults::REPLY_CONTENT_TYPE.to_owned();
    let content_type =
        reader.value_or(raw.content_type.as_ref(), default_type, answer::content_type);
    let status = status?;
    if let (Some(body), 204 | 205) = (body.as_ref().filter(|it| !it.value.is_empty()), status) {
        let wrong = Wrong::new(format!("an answer {status} has no body (RFC 9110 section 15.3)"));
        reader.error(body.spot.clone(), wrong.hint("leave `body` out, or write status = 200"));
    }
    if let (Some(written), None) = (&raw.content_type, &raw.body) {
        let wrong = Wrong::new("without `body` this has no effect");
        reader.warning(written.span(), wrong);
    }
    // Of an error the gateway has words of its own; of anything else there is nothing to say.
    let body = match body {
        None if raw.body.is_some() => return None,
        None if status >= 400 => None,
        None => Some(Arc::from("")),
        Some(body) => Some(Arc::from(body.value)),
    };
    let empty = raw.status.is_none() && raw.body.is_none();
    if empty && !reader.is_faulty(&spot, "body") && !reader.is_faulty(&spot, "status") {
        let wrong = Wrong::new("this answers 200 with an empty body");
        reader.warning(spot, wrong.hint("write `status`, or `body`"));
    }
    Some(Reply { status, body, content_type })
}

/// Keys that have a meaning only on the way to a backend.
fn without_backend(raw: &raw::Route, reader: &mut Reader<'_>) {
    let texts = [&raw.upgrade, &raw.subprotocol, &raw.compression, &raw.forwarded];
    let mut spots: Vec<Spot> = texts.into_iter().flatten().map(toml::Spanned::span).collect();
    spots.extend(raw.strip_prefix.as_ref().map(toml::Spanned::span));
    spots.extend(raw.remove_headers.as_ref().map(toml::Spanned::span));
    let first = raw
        .set_headers
        .as_ref()
        .and_then(|it| it.keys().map(toml::Spanned::span).min_by_key(|it| it.start));
    spots.extend(first);
    for spot in spots {
        let wrong = Wrong::new("on a route without a backend this has no effect");
        reader.warning(spot, wrong.hint("leave it out"));
    }
}

/// `response_headers` and `remove_response_headers` of one table.
pub fn response_headers(
    set: Option<BTreeMap<Text, Text>>,
    remove: Option<&Texts>,
    reader: &mut Reader<'_>,
) -> ResponseHeaders {
    let set = headers(set.unwrap_or_default(), answer::settable, reader);
    ResponseHeaders { set, remove: values(reader.list(remove, answer::removable)) }
}

/// What a route says, and of what its site says the rest: the route's word counts for each name.
pub fn inherit(route: &mut ResponseHeaders, site: &ResponseHeaders) {
    let said = |name: &str| {
        let set = route.set.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
        set || route.remove.iter().any(|it| it.eq_ignore_ascii_case(name))
    };
    let set: Vec<_> = site.set.iter().filter(|(name, _)| !said(name)).cloned().collect();
    let remove: Vec<_> = site.remove.iter().filter(|it| !said(it)).cloned().collect();
    route.set.extend(set);
    route.remove.extend(remove);
}

/// `error_page` and `error_pages`, the narrowest first.
pub fn error_pages(raw: &raw::Site, reader: &mut Reader<'_>) -> Vec<ErrorPage> {
    let mut pages: Vec<ErrorPage> = Vec::new();
    for (key, file) in raw.error_pages.iter().flatten() {
        let errors = answer::errors(key.get_ref());
        let errors = reader.checked(key.span(), errors).map(|it| it.value);
        let page = super::site::optional_file(Some(file), reader);
        if let (Some(errors), Some(file)) = (errors, page) {
            pages.push(ErrorPage { errors, file });
        }
    }
    let all: Option<Located<_>> = super::site::optional_file(raw.error_page.as_ref(), reader);
    pages.extend(all.map(|file| ErrorPage { errors: Errors::All, file }));
    pages.sort_by_key(|it| it.errors);
    pages
}

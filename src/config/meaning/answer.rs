//! What routes answer themselves, and what is changed in the answers of others: `redirect`, `reply`,
//! `response_headers`, `error_pages`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::route::{headers, values};
use crate::config::defaults;
use crate::config::model::{
    ErrorPage, Errors, Located, LocationPart, PathRule, Redirect, Reply, ResponseHeaders,
};
use crate::config::raw::{self, Text, Texts, Whole};
use crate::config::reader::Reader;
use crate::config::values::{Wrong, answer};

/// `routes.redirect`, with `routes.status`.
pub fn redirect(
    written: &Text,
    status: Option<&Whole>,
    rule: Option<&PathRule>,
    reader: &mut Reader<'_>,
) -> Option<Redirect> {
    let status = match status {
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

/// `routes.reply`
pub fn reply(raw: &toml::Spanned<raw::Reply>, reader: &mut Reader<'_>) -> Option<Reply> {
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

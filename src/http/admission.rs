//! Who may come: `[sites.routes.clients]` applied to one request.
//! Knows the rules and the request's fields, and neither the route nor what happens to the request.

use std::net::IpAddr;

use hyper::header::{HeaderMap, HeaderValue, ORIGIN, REFERER};

use crate::config::model::{AppFamily, Clients};
use crate::config::networks::has_address;
use crate::http::mini_program::{App, app_of};
use crate::http::origin::Origin;
use crate::life::Refusal;

/// What a request shows of its sender.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Its fields; Origin and Referer are read.
    pub headers: &'a HeaderMap,
    /// The value of its Host field, port included.
    pub host: &'a str,
    /// Whether it came over TLS, to this process.
    pub tls: bool,
    /// Its address, proxies already looked through; `None` behind a unix socket.
    pub client: Option<IpAddr>,
}

/// What admission found out on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted<'a> {
    /// The mini program that the Referer names, for the access line; on a list only if the route
    /// has a list of mini programs and no listed Origin came with the request.
    pub app: Option<App<'a>>,
}

/// Decides whether the request may go on to the backend.
///
/// # Errors
/// The [`Refusal`] that says which list turned it away: `Address`, `Origin`, `AppId` or
/// `MissingOrigin`.
pub fn admit<'a>(clients: &Clients, asking: &Asking<'a>) -> Result<Admitted<'a>, Refusal> {
    if !address_may_come(clients, asking.client) {
        return Err(Refusal::Address);
    }
    let referer = referer(asking.headers);
    let app = referer.and_then(app_of);
    let admitted = Ok(Admitted { app });
    if !clients.selective {
        return admitted;
    }
    let app_listed = app.is_some_and(|it| is_listed_app(clients, &it));
    let Some(origin) = sole(asking.headers)? else {
        return match app {
            Some(_) if app_listed => admitted,
            Some(_) => Err(Refusal::AppId),
            None if clients.missing_origin_allowed => admitted,
            None => Err(Refusal::MissingOrigin),
        };
    };
    // One that cannot be read is present all the same: it equals nothing.
    let origin = origin.to_str().ok().and_then(Origin::parse).ok_or(Refusal::Origin)?;
    if clients.origins.iter().any(|rule| origin.matches(rule)) {
        return admitted;
    }
    let own = app.is_some_and(|it| {
        is_family_origin(&origin, it.family, referer) || is_own_origin(&origin, asking)
    });
    match own {
        true if app_listed => admitted,
        true => Err(Refusal::AppId),
        false => Err(Refusal::Origin),
    }
}

fn address_may_come(clients: &Clients, client: Option<IpAddr>) -> bool {
    match client {
        None => clients.allow.is_empty(),
        Some(address) => {
            !has_address(&clients.deny, address)
                && (clients.allow.is_empty() || has_address(&clients.allow, address))
        }
    }
}

fn is_listed_app(clients: &Clients, app: &App<'_>) -> bool {
    clients.mini_programs.iter().any(|it| it.family == app.family && it.id == app.id)
}

/// The one Referer; several say nothing, as none does.
fn referer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(REFERER).iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { first.to_str().ok() }
}

/// The one Origin, if any. Several have no single meaning (RFC 6454 section 7.3).
fn sole(headers: &HeaderMap) -> Result<Option<&HeaderValue>, Refusal> {
    let mut values = headers.get_all(ORIGIN).iter();
    let first = values.next();
    if values.next().is_some() { Err(Refusal::Origin) } else { Ok(first) }
}

/// Whether the host app itself sends this: WeChat's two, or the origin of the fixed Referer.
fn is_family_origin(origin: &Origin<'_>, family: AppFamily, referer: Option<&str>) -> bool {
    if family == AppFamily::WeChat {
        return origin.is("https", "servicewechat.com")
            || origin.is("weapp", "wechat-game-runtime");
    }
    let url = referer.and_then(|it| it.strip_prefix("https://"));
    let host = url.and_then(|it| it.split(['/', '?', '#']).next());
    host.is_some_and(|it| origin.is("https", it))
}

/// Whether this is the origin that was asked: some clients send the URL's own.
fn is_own_origin(origin: &Origin<'_>, asking: &Asking<'_>) -> bool {
    origin.is(if asking.tls { "https" } else { "http" }, asking.host)
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;

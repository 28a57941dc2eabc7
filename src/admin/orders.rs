//! Orders to live sockets: one is closed, or all of a backend, route or site are let go.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;

use super::Office;
use super::query::Query;
use super::sockets::{filter, id};
use super::status::{Ordered, Spread};
use crate::config;
use crate::config::model::Drain;
use crate::life::Cause;
use crate::observe::live::Farewell;
use crate::observe::sockets::Filter;
use crate::ws::close::{REASON_MAX, may_be_sent};

/// The longest spread that can be asked for.
const SPREAD_LONGEST: Duration = Duration::from_secs(60 * 60);

/// What is wrong with an order: a status, and words for people.
pub type Wrong = (StatusCode, String);

/// Closes the socket with this id, at its next border between frames.
///
/// # Errors
/// [`Wrong`]: 404 when no such socket is alive, 400 for the parameters.
pub fn close(office: &Office, id_text: &str, query: &Query) -> Result<Ordered, Wrong> {
    let bad = |words| (StatusCode::BAD_REQUEST, words);
    query.wrong(&["code", "reason"]).map_or(Ok(()), |words| Err(bad(words)))?;
    let nobody = || (StatusCode::NOT_FOUND, "no such socket is alive".to_owned());
    let id = id(id_text).ok_or_else(nobody)?;
    let drain = &office.snapshot.load().gateway.drain;
    let farewell = farewell(query, drain).map_err(bad)?;
    let filter = Filter { id: Some(id), ..Filter::default() };
    let sockets = &office.books.sockets;
    match sockets.order(|it| filter.has(it), &farewell, Duration::ZERO) {
        0 => Err(nobody()),
        ordered => {
            tracing::info!(id = id_text, code = farewell.code, "a socket is closed by order");
            Ok(Ordered { ordered })
        }
    }
}

/// Lets all sockets of a backend, route or site go, each at a moment of its own within the spread.
///
/// # Errors
/// [`Wrong`]: 400 for the parameters.
pub fn drain(office: &Office, query: &Query) -> Result<Spread, Wrong> {
    let bad = |words: String| (StatusCode::BAD_REQUEST, words);
    let known = ["backend", "route", "site", "spread", "code", "reason"];
    query.wrong(&known).map_or(Ok(()), |words| Err(bad(words)))?;
    let filter = filter(query).map_err(bad)?;
    if filter.backend.is_none() && filter.route.is_none() && filter.site.is_none() {
        return Err(bad("name a `backend`, a `route` or a `site`".to_owned()));
    }
    let rules = &office.snapshot.load().gateway.drain;
    let spread = match query.value("spread") {
        None => rules.spread,
        Some(text) => spread(text).map_err(bad)?,
    };
    let farewell = farewell(query, rules).map_err(bad)?;
    let ordered = office.books.sockets.order(|it| filter.has(it), &farewell, spread);
    tracing::info!(
        backend = filter.backend,
        route = filter.route,
        site = filter.site,
        sockets = ordered,
        spread_s = spread.as_secs_f64(),
        code = farewell.code,
        "sockets are let go by order"
    );
    Ok(Spread { ordered, spread_s: spread.as_secs_f64() })
}

fn spread(text: &str) -> Result<Duration, String> {
    let spread = config::duration(text).map_err(|words| format!("`spread`: {words}"))?;
    if spread > SPREAD_LONGEST {
        return Err("`spread` is an hour at most".to_owned());
    }
    Ok(spread)
}

/// What clients are told: as asked for, else as the drain is configured.
fn farewell(query: &Query, drain: &Drain) -> Result<Farewell, String> {
    let code = match query.value("code") {
        None => drain.close_code,
        Some(text) => {
            let code = text.parse().ok().filter(|it| may_be_sent(*it));
            code.ok_or("`code` is 1000 to 1014 but 1004 to 1006, or 3000 to 4999")?
        }
    };
    let reason: Arc<str> = match query.value("reason") {
        // A reason of the configuration's belongs to its code.
        None if query.value("code").is_some() => "".into(),
        None => drain.close_reason.as_str().into(),
        Some(reason) if reason.len() <= REASON_MAX => reason.into(),
        Some(_) => return Err(format!("`reason` is at most {REASON_MAX} bytes of UTF-8")),
    };
    Ok(Farewell { cause: Cause::Ordered, code, reason })
}

//! What a route does: the keys of which it has exactly one, and those that belong to one of them.

use super::answer;
use super::backends::Backends;
use crate::config::model::{Action, Located, PathRule, Spot, Upgrade};
use crate::config::raw;
use crate::config::reader::{Reader, Table};
use crate::config::values::Wrong;

/// What the route does; `None` when that is wrong.
pub fn action(
    raw: &raw::Route,
    rule: Option<&PathRule>,
    table: Table<'_>,
    backends: &mut Backends,
    reader: &mut Reader<'_>,
) -> Option<Action> {
    if let (Some(status), None) = (&raw.status, &raw.redirect) {
        let wrong = Wrong::new("`status` goes with `redirect`");
        reader.error(status.span(), wrong.hint("that of a fixed answer stands in `reply`"));
    }
    let mut kinds = kinds(raw).into_iter().filter_map(|(key, spot)| Some((key, spot?)));
    let Some((first, _)) = kinds.next() else {
        missing(table, reader);
        return None;
    };
    for (second, spot) in kinds {
        let wrong = Wrong::new(format!("this route has `{first}` already"));
        let hint = format!("`{second}` makes another route of it: leave one of the two out");
        reader.error(spot, wrong.hint(hint));
    }
    if first != "backend" {
        let words = format!("a route with `{first}` has no backend: this has no effect");
        without_effect(&of_backends(raw), &words, reader);
    }
    if raw.redirect.is_some() || raw.reply.is_some() {
        let spot = raw.strip_prefix.as_ref().map(toml::Spanned::span);
        let words = "this route answers itself: no prefix is stripped";
        without_effect(&[spot], words, reader);
    }
    match (&raw.backend, &raw.redirect, &raw.reply) {
        (Some(backend), ..) => backends.find(backend, reader).map(Action::Forward),
        (None, Some(redirect), _) => {
            answer::redirect(redirect, raw.status.as_ref(), rule, reader).map(Action::Redirect)
        }
        (None, None, Some(reply)) => answer::reply(reply, reader).map(Action::Reply),
        (None, None, None) => None,
    }
}

/// `routes.upgrade` of a route that the gateway answers itself: it takes no WebSockets.
pub fn no_upgrade(written: Option<Located<Upgrade>>, reader: &mut Reader<'_>) -> Upgrade {
    if let Some(Located { value: Upgrade::Allow | Upgrade::Only, spot }) = written {
        let wrong = Wrong::new("a route without a backend takes no WebSockets");
        reader.error(spot, wrong.hint("write \"never\", or leave it out"));
    }
    Upgrade::Never
}

/// The keys that say what a route does, and where they stand.
fn kinds(raw: &raw::Route) -> [(&'static str, Option<Spot>); 3] {
    let spot = |text: &Option<raw::Text>| text.as_ref().map(raw::Text::span);
    let reply = raw.reply.as_ref().map(toml::Spanned::span);
    [("backend", spot(&raw.backend)), ("redirect", spot(&raw.redirect)), ("reply", reply)]
}

fn missing(table: Table<'_>, reader: &mut Reader<'_>) {
    if !["redirect", "reply"].iter().any(|key| reader.is_faulty(table.spot, key)) {
        let hint = "write e.g. backend = \"127.0.0.1:9595\"; or `redirect`, or `reply`";
        reader.missing(table, "backend", hint);
    }
}

fn without_effect(spots: &[Option<Spot>], words: &str, reader: &mut Reader<'_>) {
    for spot in spots.iter().flatten() {
        reader.warning(spot.clone(), Wrong::new(words));
    }
}

fn of_backends(raw: &raw::Route) -> [Option<Spot>; 5] {
    [
        raw.set_headers.as_ref().and_then(|it| it.keys().map(raw::Text::span).next()),
        raw.remove_headers.as_ref().map(raw::Texts::span),
        raw.subprotocol.as_ref().map(raw::Text::span),
        raw.compression.as_ref().map(raw::Text::span),
        raw.forwarded.as_ref().map(raw::Text::span),
    ]
}

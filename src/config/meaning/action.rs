//! What a route does: the keys of which it has exactly one, and those that belong to one of them.

use std::path::PathBuf;

use super::answer;
use super::backends::Backends;
use super::route::values;
use crate::config::defaults;
use crate::config::model::{Action, Files, Located, PathRule, Spot, Upgrade};
use crate::config::raw;
use crate::config::reader::{Reader, Table};
use crate::config::values::{Wrong, path, quantity};

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
    if raw.root.is_none() {
        without_effect(&of_files(raw), "without `root` this has no effect", reader);
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
    if let Some(backend) = &raw.backend {
        backends.find(backend, reader).map(Action::Forward)
    } else if raw.root.is_some() {
        files(raw, reader).map(Action::Files)
    } else if let Some(redirect) = &raw.redirect {
        answer::redirect(redirect, raw.status.as_ref(), rule, reader).map(Action::Redirect)
    } else {
        answer::reply(raw.reply.as_ref()?, reader).map(Action::Reply)
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
fn kinds(raw: &raw::Route) -> [(&'static str, Option<Spot>); 4] {
    let spot = |text: &Option<raw::Text>| text.as_ref().map(raw::Text::span);
    let reply = raw.reply.as_ref().map(toml::Spanned::span);
    [
        ("backend", spot(&raw.backend)),
        ("root", spot(&raw.root)),
        ("redirect", spot(&raw.redirect)),
        ("reply", reply),
    ]
}

fn missing(table: Table<'_>, reader: &mut Reader<'_>) {
    if !["root", "redirect", "reply"].iter().any(|key| reader.is_faulty(table.spot, key)) {
        let hint =
            "write e.g. backend = \"127.0.0.1:9595\"; or `root` for files, `redirect` or `reply`";
        reader.missing(table, "backend", hint);
    }
}

fn without_effect(spots: &[Option<Spot>], words: &str, reader: &mut Reader<'_>) {
    for spot in spots.iter().flatten() {
        reader.warning(spot.clone(), Wrong::new(words));
    }
}

fn of_files(raw: &raw::Route) -> [Option<Spot>; 4] {
    [
        raw.index.as_ref().map(raw::Texts::span),
        raw.fallback.as_ref().map(raw::Text::span),
        raw.cache.as_ref().map(raw::Text::span),
        raw.compress.as_ref().map(toml::Spanned::span),
    ]
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

fn files(raw: &raw::Route, reader: &mut Reader<'_>) -> Option<Files> {
    let default_index = || defaults::INDEX.iter().map(|it| (*it).to_owned()).collect();
    let index = raw.index.as_ref().map(|it| values(reader.list(Some(it), path::index)));
    let max_age =
        |it: &str| quantity::or_off(it, |it| quantity::duration(it).and_then(whole_seconds));
    let fallback = reader.value_or(raw.fallback.as_ref(), None, path::fallback);
    let cache = reader.value_or(raw.cache.as_ref(), defaults::CACHE, max_age);
    let root = reader.value(raw.root.as_ref(), folder)?;
    Some(Files {
        root: Located { value: reader.path(&root.value), spot: root.spot },
        index: index.unwrap_or_else(default_index),
        fallback,
        max_age: cache,
        compress: raw.compress.as_ref().map_or(defaults::COMPRESS, |it| *it.get_ref()),
    })
}

fn whole_seconds(age: std::time::Duration) -> Result<std::time::Duration, Wrong> {
    match age.subsec_millis() {
        0 => Ok(age),
        _ => Err(Wrong::new("Cache-Control counts whole seconds").hint("write e.g. \"1h\"")),
    }
}

fn folder(text: &str) -> Result<PathBuf, Wrong> {
    match text {
        "" => Err(Wrong::new("the path of a folder is missing")),
        _ if text.contains('\0') => Err(Wrong::new("NUL cannot stand in a path")),
        _ => Ok(PathBuf::from(text)),
    }
}

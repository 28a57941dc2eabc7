//! What stands beside the routes: paths with which nginx does something that is not carried. Knows which
//! locations keep people out and which routes would take such a path, not how they answer.

use super::access;
use super::conditions;
use super::draft::{Own, Route};
use super::locations::{Location, Matcher, literal_start, may_collide};
use super::parser::Directive;
use super::scope::Work;

/// Locations, each with what was found out about it.
pub type Located<'l, 'a, T> = Vec<(&'l Location<'a>, T)>;

/// Why a location is not carried, and what became of its paths.
#[derive(Debug)]
pub struct Lost {
    /// Why, in one line.
    pub reason: String,
    /// How its paths were closed, if they had to be.
    pub closed: Option<&'static str>,
}

/// Why the paths of a location must not lead to what else would take them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Danger {
    /// It keeps people out.
    Guard,
    /// A file would be sent.
    File,
}

/// What nginx does otherwise with a path that is not carried must not come to mean something that nginx
/// keeps shut: a page behind a guard, and where files are sent, the source of a program. Such paths are
/// closed; where they cannot be told, the routes that would take them are.
pub fn covered<'l, 'a>(
    results: Located<'l, 'a, Result<Route, String>>,
    server: &Directive,
    work: &mut Work<'a>,
) -> (Located<'l, 'a, Route>, Located<'l, 'a, Lost>) {
    let (mut carried, mut lost, mut unclear) = (Vec::new(), Vec::new(), Vec::new());
    let sends = |route: &Result<Route, String>| route.as_ref().is_ok_and(|it| it.files.is_some());
    let senders: Vec<&Location<'a>> =
        results.iter().filter(|(_, route)| sends(route)).map(|(it, _)| *it).collect();
    for (location, result) in results {
        let reason = match result {
            Ok(route) => {
                carried.push((location, route));
                continue;
            }
            Err(_) if std::ptr::eq(location.directive, server) => continue,
            Err(reason) => reason,
        };
        let danger = danger(location, &senders, work);
        let route = danger.and_then(|it| closed(location, it));
        if let (Some(danger), None) = (danger, &route) {
            unclear.push((location, danger));
        }
        let words = danger.map(|it| words(it, route.as_ref(), location));
        carried.extend(route.map(|it| (location, it)));
        lost.push((location, Lost { reason, closed: words }));
    }
    for (location, danger) in unclear {
        close_around(location, danger, &mut carried, work);
    }
    (carried, lost)
}

fn danger<'a>(
    lost: &Location<'a>,
    senders: &[&Location<'a>],
    work: &mut Work<'a>,
) -> Option<Danger> {
    if let Matcher::Named(_) = lost.matcher {
        return None;
    }
    let refuses = |it: &&Directive| matches!(it.arg(0).parse(), Ok(400..=599_u16));
    let refused = lost.scope.own("return").iter().any(refuses);
    // All of them are asked: each says what becomes of its directives.
    let guarded = access::guarded(&lost.scope, work);
    if guarded || refused || conditions::guarded(&lost.scope) {
        return Some(Danger::Guard);
    }
    senders.iter().any(|it| would_take(it, lost)).then_some(Danger::File)
}

/// A route that closes the paths of a location, or a few more where it has to be said in other words.
fn closed(location: &Location<'_>, danger: Danger) -> Option<Route> {
    let place = location.directive.place.to_string();
    let words = match danger {
        Danger::Guard => {
            "CLOSED: nginx keeps people out here, and what it does is not carried. Decide."
        }
        Danger::File => "closed: nginx does something else here than to send a file",
    };
    let own = Some(Own::Reply { status: 403, body: None, content_type: None });
    let path = location.path().ok().or_else(|| wider(&location.matcher))?;
    Some(Route { path, own, remarks: vec![place, words.to_owned()], ..Route::default() })
}

/// A regular expression for paths that cannot be said as they are: of a regular expression that wsgate
/// does not know, what it begins with.
fn wider(matcher: &Matcher) -> Option<String> {
    match matcher {
        Matcher::Exact(path) => Some(format!("~ ^{}$", regex::escape(path))),
        Matcher::Prefix(path) | Matcher::Caret(path) => Some(format!("~ ^{}", regex::escape(path))),
        Matcher::Regex(pattern) => {
            let flags = if pattern.starts_with("(?i)") { "(?i)" } else { "" };
            let start = literal_start(pattern).filter(|it| it.len() > "/".len())?;
            Some(format!("~ {flags}^{}", regex::escape(&start)))
        }
        Matcher::Named(_) | Matcher::Unclear => None,
    }
}

fn words(danger: Danger, route: Option<&Route>, location: &Location<'_>) -> &'static str {
    let exact = route.is_some() && (location.path().is_ok() || location.literal().is_some());
    match (danger, route) {
        (_, None) => "the routes that could take its paths are closed (403) until you decide",
        (_, Some(_)) if !exact => "closed (403), with all that begins like it",
        (Danger::Guard, _) => "closed (403) until you decide",
        (Danger::File, _) => "closed (403), so that no file is sent instead",
    }
}

/// Closes whatever route could take paths of a location that cannot be told.
fn close_around<'a>(
    lost: &Location<'a>,
    danger: Danger,
    carried: &mut Located<'_, 'a, Route>,
    work: &mut Work<'a>,
) {
    for (location, route) in carried {
        let open = route.own.is_none() && (danger == Danger::Guard || route.files.is_some());
        if !open || !would_take(location, lost) {
            continue;
        }
        route.closed = true;
        let place = &lost.directive.place;
        let words = format!(
            "CLOSED: some of its paths are those of `{}` in nginx ({place}), and cannot be told. Decide.",
            lost.directive.text()
        );
        if !route.remarks.contains(&words) {
            route.remarks.push(words);
        }
        let reason = format!(
            "closed (403) until you decide: some of its paths are those of `{}` ({place}), and cannot be told",
            lost.directive.text()
        );
        // What is inside a block that is not carried would count as lost with it.
        if holds_others(location.directive) {
            work.ledger.differs(location.directive, &reason);
        } else {
            work.ledger.not(location.directive, &reason);
        }
    }
}

/// Whether routes come of what is in the block, too: a server, or locations in a location.
fn holds_others(block: &Directive) -> bool {
    block.name == "server" || block.children().iter().any(|it| it.name == "location")
}

/// Whether a route would take paths of `lost`, if nothing else took them.
fn would_take(route: &Location<'_>, lost: &Location<'_>) -> bool {
    match (&route.matcher, &lost.matcher) {
        (_, Matcher::Named(_)) | (Matcher::Exact(_), _) => false,
        (Matcher::Prefix(prefix) | Matcher::Caret(prefix), Matcher::Regex(pattern)) => {
            may_collide(prefix, pattern)
        }
        (Matcher::Prefix(prefix) | Matcher::Caret(prefix), _) => {
            lost.literal().is_none_or(|it| it.starts_with(prefix.trim_end_matches('/')))
        }
        // In nginx, too, a regular expression comes before a prefix.
        (_, Matcher::Prefix(_)) => false,
        _ => true,
    }
}

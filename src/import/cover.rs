//! What stands beside routes that send files: paths with which nginx does something that is not carried.
//! Knows which locations lead to files, not how.

use super::draft::{Own, Route};
use super::locations::{Location, Matcher, may_collide};
use super::parser::Directive;

/// Locations, each with what was found out about it.
pub type Located<'l, 'a, T> = Vec<(&'l Location<'a>, T)>;

/// Where files are sent, what nginx does otherwise with a path that is not carried must not come to
/// mean the file of that path: the source of a program, a page behind a guard. Such paths are closed.
pub fn covered<'l, 'a>(
    results: Located<'l, 'a, Result<Route, String>>,
    server: &Directive,
) -> (Located<'l, 'a, Route>, Located<'l, 'a, String>) {
    let (mut carried, mut lost) = (Vec::new(), Vec::new());
    let sends = |route: &Result<Route, String>| route.as_ref().is_ok_and(|it| it.files.is_some());
    let senders: Vec<&Location<'a>> =
        results.iter().filter(|(_, route)| sends(route)).map(|(it, _)| *it).collect();
    let mut unclear = false;
    for (location, result) in results {
        let reason = match result {
            Ok(route) => {
                carried.push((location, route));
                continue;
            }
            Err(_) if std::ptr::eq(location.directive, server) => continue,
            Err(reason) => reason,
        };
        if senders.iter().any(|it| would_send(it, location)) {
            match closed(location) {
                Some(route) => carried.push((location, route)),
                None => unclear = true,
            }
        }
        lost.push((location, reason));
    }
    if unclear {
        let words = "closed: some paths below it do not lead to files in nginx, and cannot be told";
        for (_, route) in carried.iter_mut().filter(|(_, it)| it.files.is_some()) {
            route.closed = true;
            route.remarks.push(words.to_owned());
        }
    }
    (carried, lost)
}

fn closed(location: &Location<'_>) -> Option<Route> {
    let place = location.directive.place.to_string();
    let words = "closed: nginx does something else here than to send a file".to_owned();
    let own = Some(Own::Reply { status: 403, body: None, content_type: None });
    Some(Route {
        path: location.path().ok()?,
        own,
        remarks: vec![place, words],
        ..Route::default()
    })
}

/// Whether files would be sent at paths of `lost`, if nothing else took them.
fn would_send(files: &Location<'_>, lost: &Location<'_>) -> bool {
    match (&files.matcher, &lost.matcher) {
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

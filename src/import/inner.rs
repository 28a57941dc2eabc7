//! Files that nginx finds by a path of its own making: an index, and what `try_files` falls back to. There it
//! looks for a location anew, and what that one adds is added. Knows locations and files, not how either
//! answers.

use regex::Regex;

use super::access;
use super::conditions;
use super::draft::{Files, Route};
use super::locations::{Location, Matcher};
use super::scope::Work;

/// Says where another location than the route's own has something to add to such a file: here it is sent as the
/// route says. Where that location keeps people out, the route is closed.
pub fn differences<'a>(
    carried: &mut [(&Location<'a>, Route)],
    all: &[Location<'a>],
    work: &mut Work<'a>,
) {
    for (location, route) in carried {
        let Some(files) = &route.files else { continue };
        for path in inner_paths(location, files) {
            let other = |it: &&Location<'a>| it.directive.id != location.directive.id && adds(it);
            let Some(taker) = taker(&path, all).filter(other) else { continue };
            let reason = format!(
                "what it says holds in nginx also of what leads to `{path}` from elsewhere; here for its own path alone"
            );
            work.ledger.differs(taker.directive, &reason);
            let open = !route.closed && route.allow.is_empty() && route.deny.is_empty();
            if open && guarded(taker, work) {
                let reason = format!(
                    "closed (403) until you decide: it leads to `{path}`, which is guarded"
                );
                work.ledger.not(location.directive, &reason);
                access::shut(route, taker.directive);
            }
        }
    }
}

/// Whether a file is kept from people who come to it by another path; `internal` is made for that.
fn guarded<'a>(taker: &Location<'a>, work: &mut Work<'a>) -> bool {
    let internal = !taker.scope.own("internal").is_empty();
    !internal && (access::guarded(&taker.scope, work) || conditions::guarded(&taker.scope))
}

/// The paths under which nginx goes on looking.
fn inner_paths(location: &Location<'_>, files: &Files) -> Vec<String> {
    let index = || vec!["index.html".to_owned()];
    let folder = location.literal().filter(|it| it.ends_with('/') && !is_exact(location));
    let names = files.index.clone().unwrap_or_else(index);
    let mut paths: Vec<String> = folder
        .iter()
        .flat_map(|folder| names.iter().map(move |it| format!("{folder}{it}")))
        .collect();
    let fallback = location.scope.own("try_files").first().and_then(|it| it.args.last());
    paths.extend(fallback.filter(|it| files.fallback.is_some() && it.starts_with('/')).cloned());
    paths.sort();
    paths.dedup();
    paths
}

fn is_exact(location: &Location<'_>) -> bool {
    matches!(location.matcher, Matcher::Exact(_))
}

/// The location that nginx chooses for a path.
fn taker<'l, 'a>(path: &str, all: &'l [Location<'a>]) -> Option<&'l Location<'a>> {
    let begins =
        |it: &&Location<'a>| !is_exact(it) && it.literal().is_some_and(|it| path.starts_with(it));
    let exact = all.iter().find(|it| is_exact(it) && it.literal() == Some(path));
    let prefix = || all.iter().filter(begins).max_by_key(|it| it.literal().map(str::len));
    let regex = || {
        all.iter().find(|it| match &it.matcher {
            Matcher::Regex(pattern) => Regex::new(pattern).is_ok_and(|it| it.is_match(path)),
            _ => false,
        })
    };
    exact.or_else(|| match prefix() {
        Some(it) if matches!(it.matcher, Matcher::Caret(_)) => Some(it),
        other => regex().or(other),
    })
}

/// Whether there is more in it than where its files are.
fn adds(location: &Location<'_>) -> bool {
    let says = |name: &str| !NOTHING_NEW.contains(&name);
    location.scope.innermost().iter().any(|it| says(&it.name))
}

const NOTHING_NEW: [&str; 7] =
    ["root", "alias", "index", "try_files", "access_log", "log_not_found", "location"];

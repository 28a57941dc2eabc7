//! The routes of a site beside each other: in which order they match, and what stands between two of
//! them. Knows locations and their routes, not what is in either.

use super::draft::{Own, Route};
use super::ledger::Fate;
use super::locations::{Location, Matcher, may_collide};
use super::scope::Work;

/// What nginx' prefix takes and wsgate's does not must not be open where the prefix is not:
/// `/adminx` beside `/admin`, and `/admin` beside `/admin/`.
pub fn fence(location: &Location<'_>, route: &Route, all: &[Location<'_>]) -> Option<Route> {
    let (Matcher::Prefix(path) | Matcher::Caret(path)) = &location.matcher else { return None };
    let refuses = route.own.as_ref().is_some_and(Own::refuses);
    let choosy = refuses || route.closed || !route.allow.is_empty() || !route.deny.is_empty();
    let choosy = choosy || !route.origins.is_empty() || !route.mini_programs.is_empty();
    if !choosy || path == "/" || route.path.starts_with('~') {
        return None;
    }
    let mut fence = route.clone();
    fence.remarks.push(format!("what else nginx' prefix `{path}` keeps people out of"));
    if let Some(bare) = path.strip_suffix('/') {
        let taken = all.iter().any(|it| it.literal() == Some(bare));
        fence.path = format!("= {bare}");
        fence.closed |= fence.strip_prefix.take().is_some();
        return (!taken).then_some(fence);
    }
    let next_to = |it: &Location<'_>| {
        it.literal()
            .and_then(|it| it.strip_prefix(path.as_str()))
            .is_some_and(|it| !it.is_empty() && !it.starts_with('/'))
    };
    fence.path = format!("~ ^{}[^/]", regex::escape(path));
    fence.closed |= fence.strip_prefix.take().is_some();
    (!all.iter().any(next_to)).then_some(fence)
}

/// Puts a prefix of `^~` before the regular expressions as one of them, where that is the same.
pub fn ordered(
    carried: Vec<(&Location<'_>, Route)>,
    all: &[Location<'_>],
    work: &mut Work<'_>,
) -> Vec<Route> {
    let patterns: Vec<String> = carried
        .iter()
        .filter_map(|(_, it)| it.path.strip_prefix("~ ").map(str::to_owned))
        .collect();
    let (mut first, mut rest): (Vec<Route>, Vec<_>) = (Vec::new(), Vec::new());
    for (location, mut route) in carried {
        let Matcher::Caret(prefix) = &location.matcher else {
            rest.push((location, route));
            continue;
        };
        if !patterns.iter().any(|it| may_collide(prefix, it)) {
            rest.push((location, route));
            continue;
        }
        let longer = |it: &Location<'_>| matches!(&it.matcher, Matcher::Prefix(other) if other.len() > prefix.len() && other.starts_with(prefix));
        if route.strip_prefix.is_some() || all.iter().any(longer) {
            work.ledger.differs(
                location.directive,
                "a regular expression that takes the path is tried before this prefix",
            );
            rest.push((location, route));
            continue;
        }
        route.path = format!("~ ^{}", regex::escape(prefix));
        keep(location, route, &mut first, work);
    }
    first.sort_by_key(|it| std::cmp::Reverse(it.path.len()));
    for (location, route) in rest {
        keep(location, route, &mut first, work);
    }
    first
}

fn keep(location: &Location<'_>, route: Route, routes: &mut Vec<Route>, work: &mut Work<'_>) {
    if routes.iter().any(|it| it.path == route.path) {
        let reason = "the site has another route with this path";
        return work.ledger.whole(location.directive, Fate::Not, reason);
    }
    routes.push(route);
}

//! Which route of a site a path takes.
//! Knows what a path rule is, and neither requests nor what routes lead to.

use std::collections::HashMap;

use regex::Regex;

use crate::config::model::PathRule;

/// The routes of one site: exact paths first, then regexes in the order of the file, then the
/// longest prefix, as in nginx.
#[derive(Debug)]
pub struct Router<T> {
    exact: HashMap<String, T>,
    regexes: Vec<(Regex, T)>,
    /// The longest first, so that the first that fits is the one.
    prefixes: Vec<(String, T)>,
}

/// The route that a path takes.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'a, T> {
    /// What the route leads to.
    pub target: &'a T,
    /// How many bytes of the path the rule covered: the prefix, or the whole of an exact path, or
    /// for a regex its match from the root, cut back to a segment border (0 when the match begins
    /// elsewhere). Never ends inside a segment.
    pub prefix_len: usize,
}

impl<T> Router<T> {
    /// Takes the routes of one site in the order of the file; no two have the same path.
    pub fn new(routes: impl IntoIterator<Item = (PathRule, T)>) -> Self {
        let mut router = Self { exact: HashMap::new(), regexes: Vec::new(), prefixes: Vec::new() };
        for (rule, target) in routes {
            match rule {
                PathRule::Exact(path) => drop(router.exact.insert(path, target)),
                PathRule::Regex(regex) => router.regexes.push((regex, target)),
                PathRule::Prefix(prefix) => router.prefixes.push((prefix, target)),
            }
        }
        router.prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        router
    }

    /// Finds the route of a path that [`normalise`](super::path::normalise) returned.
    pub fn find(&self, normalised: &str) -> Option<Match<'_, T>> {
        if let Some(target) = self.exact.get(normalised) {
            return Some(Match { target, prefix_len: normalised.len() });
        }
        for (regex, target) in &self.regexes {
            if let Some(found) = regex.find(normalised) {
                let covered = if found.start() == 0 { found.end() } else { 0 };
                return Some(Match { target, prefix_len: border(normalised, covered) });
            }
        }
        let (prefix, target) =
            self.prefixes.iter().find(|(prefix, _)| covers(prefix, normalised))?;
        Some(Match { target, prefix_len: prefix.len() })
    }

    /// Whether a path takes the route that `found` is of.
    pub fn leads_to(&self, found: &Match<'_, T>, normalised: &str) -> bool {
        self.find(normalised).is_some_and(|it| std::ptr::eq(it.target, found.target))
    }
}

/// Whether the path is the prefix, or goes on behind it at a segment border.
fn covers(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'))
}

/// The last segment border at or before `end`. A regex may end anywhere, and cutting `/x../y` behind
/// its `x` would hand `/../y` to the backend.
fn border(path: &str, end: usize) -> usize {
    let (head, rest) = path.split_at(end);
    if rest.is_empty() || rest.starts_with('/') {
        return end;
    }
    head.rfind('/').map_or(0, |slash| slash + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(path: &str) -> PathRule {
        PathRule::Exact(path.to_owned())
    }

    fn regex(pattern: &str) -> PathRule {
        PathRule::Regex(Regex::new(pattern).expect(pattern))
    }

    fn prefix(path: &str) -> PathRule {
        PathRule::Prefix(path.to_owned())
    }

    fn found<T: Copy>(router: &Router<T>, path: &str) -> Option<(T, usize)> {
        router.find(path).map(|it| (*it.target, it.prefix_len))
    }

    #[test]
    fn exact_comes_before_regex_before_the_longest_prefix() {
        let router = Router::new([
            (prefix("/"), "root"),
            (prefix("/a"), "a"),
            (prefix("/a/b"), "a/b"),
            (regex(r"^/a/b/[0-9]+$"), "number"),
            (regex(r"^/a/b/[0-9a-f]+$"), "hex"),
            (exact("/a/b/7"), "seven"),
        ]);
        let table = [
            ("/", ("root", 1)),
            ("/x", ("root", 1)),
            ("/ab", ("root", 1)),
            ("/a", ("a", 2)),
            ("/a/", ("a", 2)),
            ("/a/x", ("a", 2)),
            ("/a/bc", ("a", 2)),
            ("/a/b", ("a/b", 4)),
            ("/a/b/x", ("a/b", 4)),
            ("/a/b/7", ("seven", 6)),
            ("/a/b/8", ("number", 6)),
            ("/a/b/8f", ("hex", 7)),
        ];
        for (path, expected) in table {
            assert_eq!(found(&router, path), Some(expected), "{path}");
        }
    }

    #[test]
    fn a_prefix_matches_at_segment_borders_only() {
        let router = Router::new([(prefix("/a"), 1), (prefix("/b/"), 2)]);
        let table = [
            ("/a", Some((1, 2))),
            ("/a/b", Some((1, 2))),
            ("/ab", None),
            ("/A", None),
            ("/b/", Some((2, 3))),
            ("/b/c", Some((2, 3))),
            ("/b", None),
            ("/bc", None),
            ("/", None),
            ("/x/a", None),
        ];
        for (path, expected) in table {
            assert_eq!(found(&router, path), expected, "{path}");
        }
    }

    #[test]
    fn an_exact_path_matches_itself_only() {
        let router = Router::new([(exact("/a"), ())]);
        assert_eq!(found(&router, "/a"), Some(((), 2)));
        for path in ["/", "/a/", "/a/b", "/ab", "/A"] {
            assert_eq!(found(&router, path), None, "{path}");
        }
    }

    #[test]
    fn readings_of_a_path_agree_only_when_they_take_the_same_route() {
        let router = Router::new([(prefix("/a"), 1), (prefix("/a/b"), 2)]);
        let found = router.find("/a/c").expect("a route");
        for (other, same) in [
            ("/a", true),
            ("/a/c/../c", true),
            ("/a/b/../c", false),
            ("/b/../a/c", false),
            ("/", false),
        ] {
            assert_eq!(router.leads_to(&found, other), same, "{other}");
        }
    }

    #[test]
    fn what_a_regex_covers_ends_at_a_segment_border() {
        let table = [
            (r"^/v[0-9]+", "/v2/rooms", Some(3)),
            (r"^/v[0-9]+/", "/v2/rooms", Some(4)),
            (r"^/v[0-9]+", "/v2", Some(3)),
            (r"^/x", "/x../y", Some(1)),
            (r"^/a/x", "/a/x../y", Some(3)),
            (r"\.php", "/a/b.php/c", Some(0)),
            (r"", "/a", Some(0)),
            (r"^/y", "/x", None),
        ];
        for (pattern, path, expected) in table {
            let router = Router::new([(regex(pattern), ())]);
            assert_eq!(router.find(path).map(|it| it.prefix_len), expected, "{pattern} {path}");
        }
    }
}

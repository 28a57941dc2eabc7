//! The locations of a server: what they match, nested ones too, and in which order nginx and wsgate
//! try them. Knows matching only, not what a location does.

use super::lookahead::{alternates, without};
use super::parser::Directive;
use super::scope::Scope;
use crate::config::accepts;

/// What a location matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matcher {
    /// `= /path`
    Exact(String),
    /// `/path`
    Prefix(String),
    /// `^~ /path`: a prefix before which no regular expression is tried.
    Caret(String),
    /// `~` or `~*`, as wsgate writes it.
    Regex(String),
    /// `@name`
    Named(String),
    /// A regular expression inside another location that cannot be said in one.
    Unclear,
}

/// One location.
#[derive(Clone, Debug)]
pub struct Location<'a> {
    /// Its directive.
    pub directive: &'a Directive,
    /// What applies in it.
    pub scope: Scope<'a>,
    /// What it matches.
    pub matcher: Matcher,
    /// How many locations it stands in.
    pub depth: usize,
}

/// Every location of a server, nested ones too, in the order in which nginx tries regular
/// expressions: those of the location that was found first.
pub fn locations<'a>(server: &Scope<'a>) -> Vec<Location<'a>> {
    let mut all = Vec::new();
    collect(server, None, 0, &mut all);
    all.sort_by_key(|it| std::cmp::Reverse(it.depth));
    all
}

fn collect<'a>(
    scope: &Scope<'a>,
    outer: Option<&Matcher>,
    depth: usize,
    all: &mut Vec<Location<'a>>,
) {
    for directive in scope.own("location") {
        let matcher = nested(matcher(directive), outer);
        let scope = scope.inside(directive);
        collect(&scope, Some(&matcher), depth + 1, all);
        all.push(Location { directive, scope, matcher, depth });
    }
}

/// The modifier may stand by itself or right before the path.
fn matcher(directive: &Directive) -> Matcher {
    let (first, second) = (directive.arg(0), directive.arg(1));
    for modifier in ["=", "^~", "~*", "~"] {
        let rest = match first.strip_prefix(modifier) {
            Some("") => second,
            Some(rest) => rest,
            None => continue,
        };
        let rest = rest.to_owned();
        return match modifier {
            "=" => Matcher::Exact(rest),
            "^~" => Matcher::Caret(rest),
            "~*" => Matcher::Regex(format!("(?i){}", without(&rest).unwrap_or(rest))),
            _ => Matcher::Regex(without(&rest).unwrap_or(rest)),
        };
    }
    match first.strip_prefix('@') {
        Some(name) => Matcher::Named(name.to_owned()),
        None => Matcher::Prefix(first.to_owned()),
    }
}

/// A regular expression inside a prefix is tried for the paths below that only.
fn nested(inner: Matcher, outer: Option<&Matcher>) -> Matcher {
    let (Matcher::Regex(pattern), Some(outer)) = (&inner, outer) else { return inner };
    let (flags, bare) = match pattern.strip_prefix("(?i)") {
        Some(bare) => ("(?i)", bare),
        None => ("", pattern.as_str()),
    };
    match outer {
        Matcher::Prefix(prefix) | Matcher::Caret(prefix) if prefix != "/" => {
            let start = literal_start(bare);
            if start.as_deref().is_some_and(|it| it.starts_with(prefix.as_str())) {
                return inner;
            }
            if start.is_some() || bare.starts_with('^') {
                return Matcher::Unclear;
            }
            Matcher::Regex(format!("{flags}^{}.*(?:{bare})", regex::escape(prefix)))
        }
        Matcher::Prefix(_) | Matcher::Caret(_) => inner,
        _ => Matcher::Unclear,
    }
}

/// What every path begins with that the regular expression takes, when it says so.
pub fn literal_start(pattern: &str) -> Option<String> {
    let pattern = pattern.strip_prefix("(?i)").unwrap_or(pattern);
    let rest = pattern.strip_prefix('^')?;
    let mut literal = String::new();
    let mut characters = rest.chars().peekable();
    while let Some(character) = characters.next() {
        let taken = match character {
            '\\' => match characters.next() {
                Some(it) if !it.is_ascii_alphanumeric() => it,
                _ => break,
            },
            '.' | '(' | ')' | '[' | '|' | '$' | '*' | '+' | '?' | '{' | '^' => break,
            it => it,
        };
        if matches!(characters.peek(), Some('?' | '*' | '{')) {
            break;
        }
        literal.push(taken);
    }
    // An alternative to all of it could begin otherwise.
    (!alternates(rest)).then_some(literal)
}

/// Whether a regular expression of the server may take paths below the prefix.
pub fn may_collide(prefix: &str, pattern: &str) -> bool {
    match literal_start(pattern) {
        Some(start) => start.starts_with(prefix) || prefix.starts_with(&start),
        None => true,
    }
}

impl Location<'_> {
    /// The path of the route.
    ///
    /// # Errors
    /// Why there is none, in one line.
    pub fn path(&self) -> Result<String, String> {
        let path = match &self.matcher {
            Matcher::Exact(path) => format!("= {path}"),
            Matcher::Prefix(path) | Matcher::Caret(path) => path.clone(),
            Matcher::Regex(pattern) => format!("~ {pattern}"),
            Matcher::Named(_) => return Err("only other locations lead to it".to_owned()),
            Matcher::Unclear => {
                return Err("a regular expression in this place cannot be said in one".to_owned());
            }
        };
        if path.contains("${") {
            return Err("`${` in a path would be taken for a variable".to_owned());
        }
        accepts::route_path(&path).map(|()| path)
    }

    /// The prefix or exact path that it stands for.
    pub fn literal(&self) -> Option<&str> {
        match &self.matcher {
            Matcher::Exact(path) | Matcher::Prefix(path) | Matcher::Caret(path) => Some(path),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::parser::parse;

    fn matchers(text: &str) -> Vec<Matcher> {
        let roots = parse(text, std::path::Path::new("t").into(), &mut 0).expect("fine");
        locations(&Scope::default().inside(&roots[0])).into_iter().map(|it| it.matcher).collect()
    }

    #[test]
    fn modifiers_stand_alone_or_before_the_path() {
        let expected = [
            Matcher::Exact("/a".into()),
            Matcher::Exact("/b".into()),
            Matcher::Caret("/c".into()),
            Matcher::Regex("(?i)x".into()),
            Matcher::Regex(r"\.php$".into()),
            Matcher::Prefix("/d".into()),
            Matcher::Named("e".into()),
        ];
        let text = r"server { location = /a {} location =/b {} location ^~ /c {} location ~* x {} location ~\.php$ {} location /d {} location @e {} }";
        assert_eq!(matchers(text), expected);
    }

    #[test]
    fn nested_regexes_come_first_and_are_bound_to_their_prefix() {
        let text = r"server { location ~ ^/o {} location /a/ { location ~ \.php$ {} location ~ ^/a/b {} location ~ ^/z {} } }";
        let found = matchers(text);
        assert_eq!(found[0], Matcher::Regex(r"^/a/.*(?:\.php$)".into()));
        assert_eq!(found[1], Matcher::Regex("^/a/b".into()));
        assert_eq!(found[2], Matcher::Unclear);
        assert_eq!(found[3], Matcher::Regex("^/o".into()));
    }

    #[test]
    fn what_a_regex_begins_with_says_whether_it_meets_a_prefix() {
        assert_eq!(literal_start(r"^/a\.b/(x|y)").as_deref(), Some("/a.b/"));
        assert_eq!(literal_start(r"^/ab?/c").as_deref(), Some("/a"));
        assert_eq!(literal_start(r"\.php$"), None);
        assert_eq!(literal_start("^/a|/b"), None);
        assert!(may_collide("/static/", r"\.js$") && may_collide("/a/", "^/a/b"));
        assert!(!may_collide("/static/", "^/api/"));
    }
}

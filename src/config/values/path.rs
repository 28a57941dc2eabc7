//! `routes.path` and `routes.strip_prefix`.

use regex::Regex;

use crate::config::model::PathRule;
use crate::config::values::Wrong;

/// `"/prefix"`, `"= /exact"` or `"~ regex"`.
pub fn rule(text: &str) -> Result<PathRule, Wrong> {
    if let Some(exact) = text.strip_prefix('=') {
        return plain(exact.trim_start()).map(PathRule::Exact);
    }
    if text.starts_with("^~") {
        let wrong = Wrong::new("`^~` is nginx's: here a regex is always tried before a prefix");
        return Err(wrong.hint("write the prefix alone, or \"= /path\" for one path"));
    }
    if text.starts_with("~*") {
        let wrong = Wrong::new("`~*` is nginx's");
        let regex = text.trim_start_matches("~*").trim_start();
        return Err(wrong.hint(format!("write \"~ (?i){regex}\"")));
    }
    if let Some(regex) = text.strip_prefix('~') {
        return compiled(regex.trim_start()).map(PathRule::Regex);
    }
    plain(text).map(PathRule::Prefix)
}

/// What replaces a matched prefix: a path, or nothing.
pub fn replacement(text: &str) -> Result<String, Wrong> {
    if text.is_empty() { Ok(String::new()) } else { plain(text) }
}

/// One of `routes.index`: the name of a file.
pub fn index(text: &str) -> Result<String, Wrong> {
    let wrong = match text {
        "" => Wrong::new("the name of a file is missing"),
        _ if text.contains('/') => Wrong::new("the name of a file in its folder, without a slash"),
        _ if text.starts_with('.') => dotfile(),
        _ if text.contains(char::is_control) => {
            Wrong::new("control characters cannot stand in a path")
        }
        name => return Ok(name.to_owned()),
    };
    Err(wrong.hint("write e.g. index = [\"index.html\"]"))
}

/// `routes.fallback`: the path of a file below the root, or `None` for `"=404"`.
pub fn fallback(text: &str) -> Result<Option<String>, Wrong> {
    if text == "=404" {
        return Ok(None);
    }
    if text.starts_with('=') {
        let wrong = Wrong::new(format!("`{text}` is no answer to a file that isn't there"));
        return Err(wrong.hint("write \"=404\", or a file below `root`: \"/index.html\""));
    }
    let path = plain(text)?;
    if path.ends_with('/') {
        let wrong = Wrong::new("this is a folder; a file below `root` belongs here");
        return Err(wrong.hint(format!("write e.g. \"{path}index.html\"")));
    }
    if path.contains("/.") {
        return Err(dotfile());
    }
    Ok(Some(path))
}

fn dotfile() -> Wrong {
    Wrong::new("files whose names begin with a dot are never served")
}

/// Whether the regex matches every path, so that no route behind it is ever reached.
pub fn matches_everything(rule: &PathRule) -> bool {
    let PathRule::Regex(regex) = rule else { return false };
    let regex = regex.as_str();
    let regex = regex.strip_prefix('^').unwrap_or(regex);
    matches!(regex, "" | "/" | ".*" | "/.*" | ".*$" | "/.*$")
}

/// A path that a normalised request path can equal or begin with.
fn plain(text: &str) -> Result<String, Wrong> {
    let wrong = |why: &str| Wrong::new(format!("`{text}` cannot match: {why}"));
    if !text.starts_with('/') {
        let path = text.split(['?', '#']).next().unwrap_or(text);
        return Err(wrong("a path begins with `/`").hint(format!("write \"/{path}\"")));
    }
    if let Some((path, _)) = text.split_once(['?', '#']) {
        let hint = format!("routes look at the path only: write \"{path}\"");
        return Err(wrong("the query is no part of the path").hint(hint));
    }
    if text.contains('%') {
        return Err(wrong("paths are compared with their escapes decoded")
            .hint("write the character itself, or a regex"));
    }
    if text.split('/').any(|it| it == "." || it == "..") {
        return Err(wrong("dot segments are resolved before paths are compared"));
    }
    if text.contains("//") {
        return Err(wrong("double slashes are made one before paths are compared"));
    }
    if text.contains(char::is_control) {
        return Err(wrong("control characters cannot stand in a path"));
    }
    Ok(text.to_owned())
}

fn compiled(text: &str) -> Result<Regex, Wrong> {
    Regex::new(text).map_err(|error| {
        let error = error.to_string();
        // The crate draws its own caret over several lines; the last one says why.
        let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        Wrong::new(format!("`{text}` is not a regular expression: {why}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_are_told_apart() {
        assert!(matches!(rule("/a/b"), Ok(PathRule::Prefix(it)) if it == "/a/b"));
        assert!(matches!(rule("/a/"), Ok(PathRule::Prefix(it)) if it == "/a/"));
        assert!(matches!(rule("= /a"), Ok(PathRule::Exact(it)) if it == "/a"));
        assert!(
            matches!(rule("~ ^/room/[0-9]+$"), Ok(PathRule::Regex(it)) if it.is_match("/room/7"))
        );
    }

    #[test]
    fn a_path_that_could_never_match_is_refused() {
        for text in ["", "a", "/a?b=1", "/a#b", "/a/../b", "/./a", "/a%20b", "//a", "/a\tb", "= a"]
        {
            assert!(rule(text).is_err(), "{text}");
        }
        let hint = rule("ws").err().and_then(|it| it.hint);
        assert_eq!(hint.as_deref(), Some("write \"/ws\""));
    }

    #[test]
    fn a_bad_regex_is_explained_in_one_line() {
        let wrong = rule("~ ^/(a").expect_err("unclosed");
        assert_eq!(wrong.message, "`^/(a` is not a regular expression: unclosed group");
    }

    #[test]
    fn an_index_is_a_name_and_a_fallback_a_path() {
        assert_eq!(index("index.html").ok().as_deref(), Some("index.html"));
        for text in ["", "/index.html", "a/b", "..", ".hidden", "a\0b"] {
            assert!(index(text).is_err(), "{text:?}");
        }
        assert_eq!(fallback("=404").ok(), Some(None));
        assert_eq!(fallback("/a/b.html").ok(), Some(Some("/a/b.html".to_owned())));
        for text in ["", "=200", "index.html", "/", "/a/", "/.a", "/../a", "/a/.b/c", "/a%20b"] {
            assert!(fallback(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_words_of_nginx_are_answered_with_ours() {
        let hint = rule("~* ^/A").err().and_then(|it| it.hint);
        assert_eq!(hint.as_deref(), Some("write \"~ (?i)^/A\""));
        assert!(matches!(rule("~ (?i)^/A"), Ok(PathRule::Regex(it)) if it.is_match("/a/b")));
        assert!(rule("^~ /a").is_err());
    }

    #[test]
    fn a_regex_for_everything_is_recognised() {
        let everything = |it: &str| matches_everything(&rule(it).expect("a rule"));
        assert!(everything("~ .*") && everything("~ ^/") && everything("~ ^/.*$"));
        assert!(!everything("~ ^/a") && !everything("/") && !everything("~ \\.js$"));
    }
}

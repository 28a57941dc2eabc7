//! Texts that are not TOML: what is wrong in each statement, and what is left when those are taken
//! out. Knows the shape of TOML, not what a key means.
//!
//! A parser of TOML loses its way at the first mistake: an array that is never closed takes all
//! that follows along. So each statement is parsed by itself.

use std::ops::Range;

use toml::de::{DeTable, Error};

use crate::config::report::Problem;

/// A text without its broken statements.
#[derive(Debug)]
pub struct Rest {
    /// As long as before, with spaces where something was taken out.
    pub text: String,
    /// What was wrong, in the order of the text.
    pub problems: Vec<Problem>,
}

/// Takes every statement out that is not TOML by itself, and a table whose header is broken with
/// all that belongs to it.
pub fn without_broken_statements(text: &str) -> Rest {
    let lines = lines(text);
    let mut rest = Rest { text: String::with_capacity(text.len()), problems: Vec::new() };
    // The table whose header could not be read: what stands in it is nobody's.
    let mut lost: Option<String> = None;
    let mut at = 0;
    while at < lines.len() {
        let (next, error) = statement(text, &lines, at);
        let spot = lines[at].start..lines[next - 1].end;
        let written = &text[spot.clone()];
        if let Some(table) = header(written) {
            let inside = |lost: &String| table.starts_with(&format!("{lost}."));
            let still_lost = lost.filter(inside);
            lost = still_lost.or_else(|| error.is_some().then_some(table));
        }
        match lost.is_some() || error.is_some() {
            true => rest.text.extend(written.chars().flat_map(blank)),
            false => rest.text.push_str(written),
        }
        rest.problems.extend(error.map(|it| problem(&it, text, spot.start)));
        at = next;
    }
    rest
}

/// What is wrong where two statements contradict each other, in a text of whole statements.
pub fn contradiction(error: &Error, text: &str, tree: &DeTable<'_>) -> Problem {
    let problem = Problem::error(error.span(), error.message().trim());
    let Some(spot) = error.span() else { return problem };
    let name = text.get(spot.clone()).unwrap_or_default();
    let first = match header(line_of(text, spot.start)) {
        Some(path) => first_header(text, &path, spot.start),
        None => first_key(tree, name, spot.start),
    };
    let Some(first) = first else { return problem };
    let line = text[..first].matches('\n').count() + 1;
    let message = format!("`{name}` is written twice");
    let hint = format!("the first is in line {line}: put the two together, or leave one out");
    Problem::error(Some(spot), message).hint(hint)
}

/// Whether nothing is lost but a second value of the same key.
pub fn leaves_the_tree_whole(error: &Error, text: &str) -> bool {
    let in_header = |it: Range<usize>| header(line_of(text, it.start)).is_some();
    error.message() == "duplicate key" && error.span().is_some_and(|it| !in_header(it))
}

/// Most lines of one value: beyond, an array that is never closed would make this slow.
const LONGEST_VALUE: usize = 500;

/// Each line with its end.
fn lines(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let line = |it: &str| {
        let line = start..start + it.len();
        start = line.end;
        line
    };
    text.split_inclusive('\n').map(line).collect()
}

/// The line behind the statement that begins in line `at`, and what is wrong with it.
fn statement(text: &str, lines: &[Range<usize>], at: usize) -> (usize, Option<Error>) {
    let start = lines[at].start;
    for end in at..lines.len().min(at + LONGEST_VALUE) {
        let written = &text[start..lines[end].end];
        let Err(error) = DeTable::parse(written) else { return (end + 1, None) };
        // Only what breaks off at its end may be whole with the next line.
        if error.span().is_none_or(|it| it.start < written.trim_end().len()) {
            break;
        }
    }
    let line = |it: usize| &text[lines[it].clone()];
    let begins = (at + 1..lines.len()).find(|it| begins_a_statement(line(*it)));
    let mut end = begins.unwrap_or(lines.len());
    while end > at + 1 && (line(end - 1).trim().is_empty() || line(end - 1).starts_with('#')) {
        end -= 1;
    }
    // What breaks off was taken for a part of what follows: parsed alone it has its own words.
    let (_, errors) = DeTable::parse_recoverable(text[start..lines[end - 1].end].trim_end());
    (end, errors.into_iter().min_by_key(|it| it.span().map_or(0, |it| it.start)))
}

/// As far as this can be told from one line.
fn begins_a_statement(line: &str) -> bool {
    let key = |it: &str| {
        let it = it.trim();
        !it.is_empty() && it.chars().all(|it| it.is_alphanumeric() || "_-.\"' ".contains(it))
    };
    header(line).is_some() || line.split_once('=').is_some_and(|(before, _)| key(before))
}

/// The path in a line that looks like `[a.b]` or `[[a.b]]`, closed or not.
fn header(line: &str) -> Option<String> {
    let inner = line.trim_start().strip_prefix('[')?;
    let inner = inner.strip_prefix('[').unwrap_or(inner).trim_start();
    let part = |it: &char| it.is_alphanumeric() || "_-.\"' ".contains(*it);
    let path: String = inner.chars().take_while(part).filter(|it| !"\"' ".contains(*it)).collect();
    // A line of numbers or strings belongs to an array of arrays.
    path.starts_with(|it: char| it.is_alphabetic() || it == '_').then_some(path)
}

/// As many bytes, and lines keep their numbers.
fn blank(letter: char) -> impl Iterator<Item = char> {
    let (as_it_is, spaces) = match letter {
        '\n' | '\r' => (Some(letter), 0),
        _ => (None, letter.len_utf8()),
    };
    as_it_is.into_iter().chain(std::iter::repeat_n(' ', spaces))
}

fn line_of(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |it| it + 1);
    text[start..].split('\n').next().unwrap_or_default()
}

/// Where the first header with this path is.
fn first_header(text: &str, path: &str, before: usize) -> Option<usize> {
    let mut headers = lines(text).into_iter().filter(|it| it.end <= before);
    headers.find(|it| header(&text[it.clone()]).as_deref() == Some(path)).map(|it| it.start)
}

/// Where the same key was written before, in the innermost table around it.
fn first_key(tree: &DeTable<'_>, name: &str, before: usize) -> Option<usize> {
    use toml::de::DeValue::{Array, Table};
    fn all<'t>(value: &'t toml::de::DeValue<'_>, found: &mut Vec<(usize, &'t str)>) {
        match value {
            Table(table) => keys(table, found),
            Array(items) => items.iter().for_each(|it| all(it.get_ref(), found)),
            _ => {}
        }
    }
    fn keys<'t>(table: &'t DeTable<'_>, found: &mut Vec<(usize, &'t str)>) {
        for (key, value) in table {
            found.push((key.span().start, key.get_ref()));
            all(value.get_ref(), found);
        }
    }
    let mut found = Vec::new();
    keys(tree, &mut found);
    let same = found.into_iter().filter(|(start, key)| *start < before && *key == name);
    same.map(|(start, _)| start).max()
}

/// The parser's words, where they help; else those of whoever writes the file.
fn problem(error: &Error, text: &str, start: usize) -> Problem {
    let spot = error.span().map(|it| start + it.start..start + it.end);
    let message = error.message().trim();
    let written = spot.clone().and_then(|it| text.get(it)).unwrap_or_default().trim();
    let is_value = message.starts_with("string values must be quoted")
        || message.starts_with("invalid boolean")
        || message.starts_with("invalid float");
    if !is_value {
        return Problem::error(spot, message);
    }
    match written.to_ascii_lowercase().as_str() {
        "" => Problem::error(spot, "the value is missing"),
        word @ ("true" | "false") => {
            Problem::error(spot, message).hint(format!("write `{word}`, in small letters"))
        }
        _ if written.contains(['"', '\'', '\\', '\n']) => Problem::error(spot, message),
        _ => Problem::error(spot, "a string stands in quotes").hint(format!("write \"{written}\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (Vec<(usize, String)>, String) {
        let rest = without_broken_statements(text);
        assert_eq!(rest.text.len(), text.len());
        let line = |it: &Problem| {
            let start = it.spot.clone().expect("each has a place").start;
            (text[..start].matches('\n').count() + 1, it.message.clone())
        };
        (rest.problems.iter().map(line).collect(), rest.text)
    }

    fn places(text: &str) -> Vec<usize> {
        found(text).0.into_iter().map(|it| it.0).collect()
    }

    #[test]
    fn every_broken_statement_is_found_and_the_others_are_left() {
        let text = "[log]\nlevel = info\nformat = \"text\naccess = \n[admin]\nlisten \"off\"\n[gateway]\nworkers = 1\n";
        let (problems, rest) = found(text);
        let expected = [
            (2, "a string stands in quotes".to_owned()),
            (3, "invalid basic string, expected `\"`".to_owned()),
            (4, "the value is missing".to_owned()),
            (6, "key with no value, expected `=`".to_owned()),
        ];
        assert_eq!(problems, expected);
        let left: Vec<_> = rest.split('\n').map(str::trim).filter(|it| !it.is_empty()).collect();
        assert_eq!(left, ["[log]", "[admin]", "[gateway]", "workers = 1"]);
    }

    #[test]
    fn what_is_never_closed_does_not_take_what_follows_along() {
        assert_eq!(places("a = [\"x\",\n  \"y\"\nb = 1\n[c]\nd = {x = 1\ne = 1\n"), [2, 5]);
        assert_eq!(places("a = \"\"\"x\nb = 1\n"), [1]);
        assert_eq!(places("= 1\n]\n[b]\n"), [1]);
        assert_eq!(places("a = [\n  [1, 2],\n  [3, 4],\n]\nb =\n"), [5]);
        assert_eq!(places("a = [\n  { b = 1 },\n  { c = },\n]\nd =\n"), [3, 5]);
    }

    #[test]
    fn a_broken_header_takes_its_table_along_and_no_other() {
        let text = "[[sites]\na = 1\nb =\n[[sites.routes]]\nc = 1\n[log]\nd = 1\n";
        let (problems, rest) = found(text);
        assert_eq!(problems.iter().map(|it| it.0).collect::<Vec<_>>(), [1, 3]);
        let left: Vec<_> = rest.split('\n').map(str::trim).filter(|it| !it.is_empty()).collect();
        assert_eq!(left, ["[log]", "d = 1"]);
    }

    #[test]
    fn what_is_written_twice_is_told_with_its_first_place() {
        let hint = |text: &str| {
            let (tree, errors) = DeTable::parse_recoverable(text);
            let [error] = errors.as_slice() else { panic!("{errors:?}") };
            contradiction(error, text, tree.get_ref()).hint.unwrap_or_default()
        };
        assert!(hint("[log]\nlevel = 1\nlevel = 2\n").contains("line 2:"));
        assert!(hint("[log]\nlevel = 1\n\n[log]\n").contains("line 1:"));
        assert!(hint("a = 1\n[x]\na = 2\nb = { c = 1, c = 2 }\n").contains("line 4:"));
        assert!(hint("\n[[sites]]\na = 1\n[sites]\nb = 2\n").contains("line 2:"));
    }

    #[test]
    fn letters_of_many_bytes_are_taken_out_whole() {
        let (problems, rest) = found("a = 名字\r\nb = 1\r\n");
        assert_eq!(problems.len(), 1);
        assert_eq!(rest, "          \r\nb = 1\r\n");
    }
}

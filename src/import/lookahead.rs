//! Regular expressions with a look-ahead, said without it: wsgate's know none. Knows expressions only,
//! and nothing of locations.

/// The same expression without its look-ahead, when there is exactly one, of plain words, and what
/// stands behind it takes any rest: `/\.(?!well-known).*`, `^/a(?=b)`. `None` when it has none, or when
/// it cannot be said without.
pub fn without(pattern: &str) -> Option<String> {
    let at = pattern.find("(?!").or_else(|| pattern.find("(?="))?;
    let (before, ahead) = pattern.split_at(at);
    let negative = ahead.starts_with("(?!");
    let (inside, mut behind) = ahead.get(3..)?.split_once(')')?;
    if negative && alternates(before) {
        return None;
    }
    let mut words = inside.split('|').map(literal).collect::<Option<Vec<String>>>()?;
    let mut result = before.to_owned();
    if !negative {
        return ANY_REST.contains(&behind).then(|| format!("{before}(?:{inside}){behind}"));
    }
    // `(?!\.x)\.` is `\.(?!x)`; letters may have a case that does not count.
    while let Some((first, text, rest)) =
        literal_first(behind).filter(|(first, ..)| !first.is_alphabetic())
    {
        words = words.iter().filter_map(|it| it.strip_prefix(first).map(str::to_owned)).collect();
        result.push_str(text);
        behind = rest;
    }
    if words.is_empty() {
        return Some(result + behind);
    }
    let some = AT_LEAST_ONE.contains(&behind);
    if words.iter().any(String::is_empty) || !(some || ANY_REST.contains(&behind)) {
        return None;
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Some(format!("{result}{}.*", other_than(&words, !some)))
}

/// Whether one of several expressions is meant: a `|` that stands in no brackets.
pub fn alternates(pattern: &str) -> bool {
    let (mut depth, mut in_class) = (0_u32, false);
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => depth += 1,
            ')' if !in_class => depth = depth.saturating_sub(1),
            '|' if depth == 0 && !in_class => return true,
            _ => {}
        }
    }
    false
}

/// The beginning of any text that begins with none of these words, up to where it differs.
fn other_than(words: &[&str], may_end: bool) -> String {
    let mut firsts: Vec<char> = words.iter().filter_map(|it| it.chars().next()).collect();
    firsts.sort_unstable();
    firsts.dedup();
    let class: String = firsts.iter().map(|it| regex::escape(&it.to_string())).collect();
    let mut ways = vec![format!("[^{class}]")];
    if may_end {
        ways.insert(0, "$".to_owned());
    }
    for first in firsts {
        let rests: Vec<&str> = words.iter().filter_map(|it| it.strip_prefix(first)).collect();
        // Behind a whole word nothing may follow.
        if !rests.iter().any(|it| it.is_empty()) {
            ways.push(format!("{}{}", regex::escape(&first.to_string()), other_than(&rests, true)));
        }
    }
    format!("(?:{})", ways.join("|"))
}

/// A word without its escapes; `None` when it is more than a word.
fn literal(text: &str) -> Option<String> {
    let mut word = String::new();
    let mut rest = text;
    while let Some((first, _, behind)) = literal_first(rest) {
        word.push(first);
        rest = behind;
    }
    (rest.is_empty() && !word.is_empty()).then_some(word)
}

/// What an expression begins with, when that is one character: itself, as written, and the rest.
fn literal_first(pattern: &str) -> Option<(char, &str, &str)> {
    let mut characters = pattern.chars();
    let first = match characters.next()? {
        '\\' => characters.next().filter(|it| !it.is_ascii_alphanumeric())?,
        it if SPECIAL.contains(it) => return None,
        it => it,
    };
    let rest = characters.as_str();
    let written = pattern.get(..pattern.len() - rest.len())?;
    (!rest.starts_with(['?', '*', '+', '{'])).then_some((first, written, rest))
}

const SPECIAL: &str = ".()[]|$*+?{}^\\";
const ANY_REST: [&str; 3] = ["", ".*", ".*$"];
const AT_LEAST_ONE: [&str; 2] = [".+", ".+$"];

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(pattern: &str, text: &str) -> bool {
        let said = without(pattern).unwrap_or_else(|| panic!("{pattern}"));
        regex::Regex::new(&said).expect(&said).is_match(text)
    }

    #[test]
    fn a_negative_look_ahead_takes_all_but_its_words() {
        for pattern in [
            r"/\.(?!well-known).*",
            r"/\.(?!well-known)",
            r"/(?!\.well-known)\.",
            r"(?i)/\.(?!well-known).*$",
        ] {
            for text in ["/.git/config", "/a/.env", "/.", "/.w", "/.well-know", "/.well_known/x"] {
                assert!(takes(pattern, text), "{pattern} {text}");
            }
            for text in ["/.well-known/x", "/.well-known", "/a.b", "/"] {
                assert!(!takes(pattern, text), "{pattern} {text}");
            }
        }
        assert!(
            takes("(?i)^/private/(?!open).*$", "/PRIVATE/x") && takes("^/p/(?!a|ab/c).*", "/p/b")
        );
        assert!(
            !takes("(?i)^/private/(?!open).*$", "/private/Open/x")
                && !takes("^/p/(?!a|ab/c).*", "/p/ab/d")
        );
        assert!(takes("^/(?!ab).+$", "/a") && !takes("^/(?!ab).+$", "/"));
        assert!(takes(r"^/(?!\.x)-", "/-"), "nothing that begins with `-` is `.x`");
    }

    #[test]
    fn a_positive_look_ahead_is_what_it_looks_for() {
        assert!(takes("^/sec(?=ret)", "/secret/x") && !takes("^/sec(?=ret)", "/section"));
        assert!(takes("^/(?=a|b).*$", "/bc") && !takes("^/(?=a|b).*$", "/c"));
    }

    #[test]
    fn what_cannot_be_said_exactly_is_not_said() {
        for pattern in [
            "^/plain",
            "^/(?!x).*[.]php$",
            "^/(?!x(y)).*",
            "a|b(?!c)",
            r"^/(?!\d)",
            "^/(?!x)(.*)$",
            "^/(?!Ab)a",
            "^/(?!)",
        ] {
            assert_eq!(without(pattern), None, "{pattern}");
        }
    }
}

//! serde's complaints in the words of the file, with what to write instead. Knows the schema, not
//! what a key means.

use toml::de::Error;

use crate::config::model::Spot;
use crate::config::raw::tables_with;
use crate::config::report::Problem;
use crate::config::values::closest;

/// serde's words, in those of the file.
pub fn problem(error: &Error, text: &str) -> Problem {
    if let Some(unknown) = unknown_key(error) {
        let problem = Problem::error(error.span(), format!("unknown key `{}`", unknown.name));
        return problem.hint(unknown.hint());
    }
    let message = error.message().trim();
    let wrong_type =
        message.strip_prefix("invalid type: ").or(message.strip_prefix("invalid value: "));
    if let Some((found, expected)) = wrong_type.and_then(|it| it.split_once(", expected ")) {
        return wrong_type_problem(error.span(), named(found), named(expected), text);
    }
    Problem::error(error.span(), message)
}

/// serde's names of types, in the words of TOML.
fn named(kind: &str) -> &str {
    match kind {
        "map" | "a map" => "a table",
        "sequence" | "a sequence" => "an array",
        "i64" => "an integer",
        other => other,
    }
}

fn wrong_type_problem(spot: Option<Spot>, found: &str, expected: &str, text: &str) -> Problem {
    let written = spot.clone().and_then(|it| text.get(it)).unwrap_or_default();
    let problem = Problem::error(spot, format!("expected {expected}, found {found}"));
    let one_line = !written.contains('\n');
    let header = written.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    match (expected, header) {
        ("an array", Some(name)) if found == "a table" => {
            problem.hint(format!("it may be there several times: write [[{name}]]"))
        }
        ("an array", _) if one_line && found.starts_with("string") => {
            problem.hint(format!("write [{written}]"))
        }
        ("a table", Some(_)) if written.starts_with("[[") => {
            let name = written.trim_matches(['[', ']']);
            problem.hint(format!("it is there once: write [{name}]"))
        }
        ("a table", _) if found == "an array" => problem.hint("write { key = value }"),
        ("a string", _) if found.starts_with("integer") => problem.hint(format!(
            "write it in quotes; a duration, size or rate with its unit: \"{written}s\", \"{written}MiB\", \"{written}/s\""
        )),
        ("a string", _) if found.starts_with("boolean") || found.starts_with("float") => {
            problem.hint(format!("write \"{written}\""))
        }
        ("an integer" | "a boolean", _) if found.starts_with("string") => {
            let bare = written.trim_matches(['"', '\'']);
            let fits = match expected {
                "an integer" => bare.parse::<i64>().is_ok(),
                _ => matches!(bare, "true" | "false"),
            };
            match (fits, expected) {
                (true, _) => problem.hint(format!("write {bare}, without quotes")),
                (false, "a boolean") => problem.hint("write true or false"),
                (false, _) => problem,
            }
        }
        _ => problem,
    }
}

/// A key that its table does not have.
pub struct UnknownKey<'a> {
    name: &'a str,
    known: Vec<&'a str>,
}

/// serde says "unknown field `name`, expected one of `a`, `b`", or "expected `a` or `b`".
pub fn unknown_key(error: &Error) -> Option<UnknownKey<'_>> {
    let rest = error.message().strip_prefix("unknown field ")?;
    // Every second piece between backticks is a name: the unknown one, then those expected.
    let mut names = rest.split('`').skip(1).step_by(2);
    Some(UnknownKey { name: names.next()?, known: names.collect() })
}

impl UnknownKey<'_> {
    /// The one that was probably meant.
    pub fn meant(&self) -> Option<String> {
        closest(self.name, self.known.iter().copied()).map(str::to_owned)
    }

    fn hint(&self) -> String {
        if let Some(meant) = self.meant() {
            return format!("did you mean `{meant}`?");
        }
        match tables_with(self.name).as_slice() {
            [] => format!("known here: {}", self.known.join(", ")),
            tables => format!("`{}` belongs in {}", self.name, tables.join(" or ")),
        }
    }
}

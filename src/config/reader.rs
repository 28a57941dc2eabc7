//! What the reading of one file carries along: the report, the environment, the file's folder.
//! Knows how to turn a raw value into a valid one or a problem at its place; not which key it is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;

use crate::config::document::Faulty;
use crate::config::model::{Located, Spot};
use crate::config::raw::{Count, Text, Texts, Whole};
use crate::config::report::{Problem, Report};
use crate::config::values::environment::expand;
use crate::config::values::{Wrong, quantity};

/// Reads values, collects problems.
pub struct Reader<'a> {
    report: Report,
    env: &'a dyn Fn(&str) -> Option<String>,
    faulty: Faulty,
    is_whole: bool,
    folder: PathBuf,
}

/// A table that is being read: its name as its header is written, and where it stands.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    /// `[[sites]]`
    pub name: &'a str,
    /// In the file.
    pub spot: &'a Spot,
}

impl<'a> Reader<'a> {
    /// Starts with what was found so far. Where not all of the text `is_whole`, only what is wrong
    /// with a value by itself is reported: the rest may be a consequence.
    pub fn new(
        report: Report,
        env: &'a dyn Fn(&str) -> Option<String>,
        (faulty, is_whole): (Faulty, bool),
    ) -> Self {
        let folder = report.source.path.parent().unwrap_or(Path::new("")).to_owned();
        Self { report, env, faulty, is_whole, folder }
    }

    /// Everything found.
    pub fn into_report(self) -> Report {
        self.report
    }

    /// The text that the spots point into.
    pub fn source_text(&self) -> &str {
        &self.report.source.text
    }

    /// Adds a finding on the file as a whole, with or without a place.
    pub fn push(&mut self, problem: Problem) {
        if self.is_whole {
            self.report.push(problem);
        }
    }

    /// Adds an error: how a value stands beside others, or that one is missing.
    pub fn error(&mut self, spot: Spot, wrong: impl Into<Wrong>) {
        let Wrong { message, hint } = wrong.into();
        let problem = Problem::error(Some(spot), message);
        self.push(Problem { hint, ..problem });
    }

    /// Adds a warning.
    pub fn warning(&mut self, spot: Spot, wrong: impl Into<Wrong>) {
        let Wrong { message, hint } = wrong.into();
        let problem = Problem::warning(Some(spot), message);
        self.push(Problem { hint, ..problem });
    }

    /// Adds an error of a value by itself.
    fn fault(&mut self, spot: Spot, wrong: impl Into<Wrong>) {
        let Wrong { message, hint } = wrong.into();
        let problem = Problem::error(Some(spot), message);
        self.report.push(Problem { hint, ..problem });
    }

    /// Whether all of the text was understood that `keys` have a say in.
    pub fn understood(&self, keys: &[&str]) -> bool {
        self.is_whole && !keys.iter().any(|it| self.faulty.has_anywhere(it))
    }

    /// Whether `key` of this table was written but is already known to be wrong.
    pub fn is_faulty(&self, table: &Spot, key: &str) -> bool {
        self.faulty.has(table, key)
    }

    /// Says that `key` is missing in `table`, unless it was there and wrong.
    pub fn missing(&mut self, table: Table<'_>, key: &str, hint: &str) {
        if !self.faulty.has(table.spot, key) {
            let message = format!("`{key}` is missing in {}", table.name);
            self.error(table.spot.clone(), Wrong::new(message).hint(hint));
        }
    }

    /// A value that may be absent.
    pub fn value<T>(
        &mut self,
        raw: Option<&Text>,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Located<T>> {
        let raw = raw?;
        let text = self.expanded(raw, &[])?;
        self.checked(raw.span(), parse(&text))
    }

    /// A value with a default.
    pub fn value_or<T>(
        &mut self,
        raw: Option<&Text>,
        default: T,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> T {
        self.value(raw, parse).map_or(default, |it| it.value)
    }

    /// A value that must be there; `hint` shows one.
    pub fn required<T>(
        &mut self,
        raw: Option<&Text>,
        table: Table<'_>,
        (key, hint): (&str, &str),
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Located<T>> {
        if raw.is_none() {
            self.missing(table, key, hint);
        }
        self.value(raw, parse)
    }

    /// Every entry of an array that is valid; the others are in the report.
    pub fn list<T>(
        &mut self,
        raw: Option<&Texts>,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Vec<Located<T>> {
        let items = raw.into_iter().flat_map(|it| it.get_ref());
        items.filter_map(|item| self.value(Some(item), &parse)).collect()
    }

    /// A number within bounds, with a default.
    pub fn number_or(
        &mut self,
        raw: Option<&Whole>,
        default: usize,
        bounds: std::ops::RangeInclusive<usize>,
    ) -> usize {
        let Some(raw) = raw else { return default };
        match usize::try_from(*raw.get_ref()).ok().filter(|it| bounds.contains(it)) {
            Some(number) => number,
            None => {
                let (low, high) = (bounds.start(), bounds.end());
                self.fault(
                    raw.span(),
                    Wrong::new(format!("expected a number from {low} to {high}")),
                );
                default
            }
        }
    }

    /// A number from 1 to `most` that can be `"off"`.
    pub fn count_or(
        &mut self,
        raw: Option<&Spanned<Count>>,
        default: Option<usize>,
        most: usize,
    ) -> Option<usize> {
        let Some(raw) = raw else { return default };
        let count = match raw.get_ref() {
            Count::Text(text) if text == "off" => return None,
            Count::Text(_) => None,
            Count::Number(number) => usize::try_from(*number).ok(),
        };
        let counted = count.filter(|it| (1..=most).contains(it));
        if counted.is_none() {
            let wrong = format!("expected a number from 1 to {most}, or \"off\"");
            self.fault(raw.span(), wrong);
        }
        counted.or(default)
    }

    /// A wait that cannot be switched off and cannot be zero.
    pub fn duration_or(&mut self, raw: Option<&Text>, default: Duration) -> Duration {
        self.value_or(raw, default, quantity::positive_duration)
    }

    /// A wait that can be `"off"`.
    pub fn wait_or(&mut self, raw: Option<&Text>, default: Option<Duration>) -> Option<Duration> {
        self.value_or(raw, default, |it| quantity::or_off(it, quantity::positive_duration))
    }

    /// A close code, with a default.
    pub fn close_code_or(&mut self, raw: Option<&Whole>, default: u16) -> u16 {
        let Some(raw) = raw else { return default };
        let code = crate::config::values::http::close_code(*raw.get_ref());
        self.checked(raw.span(), code).map_or(default, |it| it.value)
    }

    /// A path, made absolute or relative to the working directory by the file's folder.
    pub fn path(&self, written: &Path) -> PathBuf {
        self.folder.join(written)
    }

    /// The value if it is one, else a problem at the spot.
    pub fn checked<T>(&mut self, spot: Spot, value: Result<T, Wrong>) -> Option<Located<T>> {
        match value {
            Ok(value) => Some(Located { value, spot }),
            Err(wrong) => {
                self.fault(spot, wrong);
                None
            }
        }
    }

    /// The string with its `${NAME}` replaced, but for the names in `kept`.
    pub fn expanded(&mut self, raw: &Text, kept: &[&str]) -> Option<String> {
        let (name, wrong) = match expand(raw.get_ref(), kept, self.env) {
            Ok(text) => return Some(text),
            Err(missing) => missing,
        };
        // Point at the `${NAME}` itself when the string is written without escapes around it.
        let written = self.source_text().get(raw.span()).and_then(|it| it.find(&name));
        let spot = match written {
            Some(offset) => raw.span().start + offset..raw.span().start + offset + name.len(),
            None => raw.span(),
        };
        self.fault(spot, wrong);
        None
    }
}

//! `gateway.toml`, in three forms: the document with its spans, raw (as written), model (valid by
//! construction). Knows no other room, and of certificates no more than their paths.
//!
//! Every mistake of the text is found in one go: the document is cleaned of what is not in the
//! schema (`document`), what is left is read by serde (`raw`), and its meaning checked key by
//! key (`meaning`); each step adds to one [`Report`].

pub mod accepts;
mod broken;
mod defaults;
mod document;
mod meaning;
pub mod model;
pub mod names;
pub mod networks;
mod raw;
mod reader;
mod report;
#[cfg(test)]
mod tests;
mod values;
mod wording;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use model::Config;
pub use report::{Level, Problem, Report};

use model::{ListenAddress, Source};

/// Reads and checks the file, with `${NAME}` from the environment of the process.
///
/// # Errors
/// The report, with at least one error, when the file cannot be read or is not valid.
pub fn load(path: &Path) -> Result<(Config, Report), Report> {
    valid(examine(path))
}

/// The same, and what could be understood of a file that is not valid. It must not be run.
pub fn examine(path: &Path) -> (Option<Config>, Report) {
    let problem = match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => return examine_text(path, &text, &|name| std::env::var(name).ok()),
        Ok(Err(error)) => return (None, not_text(path, &error)),
        Err(error) => Problem::error(None, format!("`{}` cannot be read: {error}", path.display())),
    };
    let source = Source { path: path.to_owned(), text: String::new() };
    let mut report = Report::new(Arc::new(source));
    report.push(problem);
    (None, report)
}

fn not_text(path: &Path, error: &std::string::FromUtf8Error) -> Report {
    let start = error.utf8_error().valid_up_to();
    let byte = error.as_bytes().get(start).copied().unwrap_or_default();
    let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
    // The first letter that stands in for what cannot be shown.
    let spot = start..start + char::REPLACEMENT_CHARACTER.len_utf8();
    let mut report = Report::new(Arc::new(Source { path: path.to_owned(), text }));
    let problem = Problem::error(Some(spot), format!("this byte (0x{byte:02x}) is not UTF-8"));
    report.push(problem.hint("TOML is UTF-8: save the file in that encoding"));
    report
}

/// A duration as the configuration writes them, such as `30s`; zero is allowed.
///
/// # Errors
/// What is wrong with it, in words.
pub fn duration(text: &str) -> Result<Duration, String> {
    values::quantity::duration(text).map_err(|wrong| wrong.message)
}

/// An admin listener's address as the configuration writes it; `None` for `off`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn admin_address(text: &str) -> Result<Option<ListenAddress>, String> {
    values::address::admin(text).map_err(|wrong| wrong.message)
}

/// Where an admin listener is when nobody says otherwise.
pub fn usual_admin_address() -> ListenAddress {
    ListenAddress::Tcp(defaults::ADMIN_LISTEN)
}

/// Checks a text as if it stood in the file `path`, with `${NAME}` from `env`.
///
/// On success the report holds warnings only.
///
/// # Errors
/// The report, with every error and warning that could be found in the text alone.
pub fn parse(
    path: &Path,
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(Config, Report), Report> {
    valid(examine_text(path, text, env))
}

/// The same, and what could be understood of a text that is not valid. It must not be run.
pub fn examine_text(
    path: &Path,
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> (Option<Config>, Report) {
    let source = Arc::new(Source { path: path.to_owned(), text: text.to_owned() });
    let mut report = Report::new(Arc::clone(&source));
    let Some(document) = document::read(text, &mut report) else {
        report.sort();
        return (None, report);
    };
    let understood = (document.faulty, document.is_whole);
    let mut reader = reader::Reader::new(report, env, understood);
    let config = meaning::config(document.raw, source, &mut reader);
    let mut report = reader.into_report();
    report.sort();
    (Some(config), report)
}

fn valid((config, report): (Option<Config>, Report)) -> Result<(Config, Report), Report> {
    match config {
        Some(config) if !report.has_errors() => Ok((config, report)),
        _ => Err(report),
    }
}

//! `gateway.toml`, in three forms: the document with its spans, raw (as written), model (valid by
//! construction). Knows no other room, and of certificates no more than their paths.
//!
//! Every mistake of the text is found in one go: the document is cleaned of what is not in the
//! schema (`document`), what is left is read by serde (`raw`), and its meaning checked key by
//! key (`meaning`); each step adds to one [`Report`].

pub mod accepts;
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
    match std::fs::read_to_string(path) {
        Ok(text) => parse(path, &text, &|name| std::env::var(name).ok()),
        Err(error) => {
            let source = Source { path: path.to_owned(), text: String::new() };
            let mut report = Report::new(Arc::new(source));
            let message = format!("`{}` cannot be read: {error}", path.display());
            report.push(Problem::error(None, message));
            Err(report)
        }
    }
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
    let source = Arc::new(Source { path: path.to_owned(), text: text.to_owned() });
    let mut report = Report::new(Arc::clone(&source));
    let Some((raw, faulty)) = document::read(text, &mut report) else {
        return Err(report);
    };
    let mut reader = reader::Reader::new(report, env, faulty);
    let config = meaning::config(raw, source, &mut reader);
    let mut report = reader.into_report();
    report.sort();
    match config {
        Some(config) if !report.has_errors() => Ok((config, report)),
        _ => Err(report),
    }
}

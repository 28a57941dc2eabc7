//! `wsgate import-nginx`: an nginx configuration as a gateway.toml, and the truth about what could
//! not be carried. Knows the configuration's rules (`config`) and no other room.
//!
//! The way through: files (`reading`) become words (`lexer`) and a tree of directives (`parser`);
//! what applies where is `scope`; `process`, `listeners`, `doors` and `sites` turn it into a
//! `draft`, location by location in `routes`. Whatever is looked at is entered in the `ledger`, and
//! what nobody looks at is in `table`, by name.

mod access;
mod answers;
mod conditions;
mod cover;
mod doors;
mod draft;
mod dump;
mod fields;
mod files;
mod headers;
mod inner;
mod ledger;
mod lexer;
mod limits;
mod listeners;
mod locations;
mod lookahead;
mod names;
mod order;
mod origins;
mod own;
mod pages;
mod parser;
mod place;
mod pools;
mod process;
mod reading;
mod redirection;
mod routes;
mod scope;
mod sites;
mod table;
mod target;
mod toml;
mod urls;
mod values;

use std::path::{Path, PathBuf};

pub use ledger::{Entry, Fate, Report};

use draft::Draft;
use ledger::Ledger;
use parser::Directive;
use reading::Tree;
use scope::Work;
use table::Meaning;

use crate::config;

/// A translated configuration.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The text of a gateway.toml; it has no site when nothing could be carried.
    pub toml: String,
    /// What became of each directive.
    pub report: Report,
    /// How many sites there are.
    pub sites: usize,
    /// What the gateway itself says against the text. There should be nothing to say, and whoever gets
    /// such a text has to know.
    pub flaw: Option<String>,
}

/// Translates the files at `paths` and what they include; `-` is standard input, and a folder stands
/// for the nginx.conf in it or for all of its files.
///
/// # Errors
/// Every file that cannot be read or is no nginx configuration, a line each with its place.
pub fn import(paths: &[PathBuf]) -> Result<Imported, Vec<String>> {
    let mut ledger = Ledger::default();
    let tree = reading::read(paths, &mut ledger)?;
    Ok(translate(&tree, ledger))
}

/// Translates a text that stands in no file; what it includes is looked for in the text alone, as in
/// the output of `nginx -T`.
///
/// # Errors
/// As [`import`].
pub fn import_text(file: &Path, text: &str) -> Result<Imported, Vec<String>> {
    let mut ledger = Ledger::default();
    let tree = reading::read_text(file, text, &mut ledger)?;
    Ok(translate(&tree, ledger))
}

fn translate(tree: &Tree, mut ledger: Ledger) -> Imported {
    tree.roots.iter().for_each(|it| look_up(it, &mut ledger));
    let mut work = Work::new(tree, &mut ledger);
    process::process(&mut work);
    limits::limits(&mut work);
    sites::sites(&mut work);
    let mut draft = std::mem::take(&mut work.draft);
    head(&mut draft, tree);
    let toml = draft.render().trim_start().to_owned();
    let sites = draft.sites.len();
    let flaw = if sites > 0 { flaw(&toml) } else { None };
    Imported { toml, report: ledger.finish(&tree.roots), sites, flaw }
}

fn flaw(toml: &str) -> Option<String> {
    let parsed = config::parse(Path::new("gateway.toml"), toml, &|_| None);
    parsed.err().map(|report| report.render())
}

/// Says of each directive what the table says.
fn look_up(directive: &Directive, ledger: &mut Ledger) {
    let off =
        table::is_off(&directive.args) && !table::OFF_DIFFERS.contains(&directive.name.as_str());
    match table::meaning(&directive.name) {
        Meaning::Read if off && table::OFF_IS_SAME.contains(&directive.name.as_str()) => {
            ledger.carried_as(directive, "off here, too");
        }
        Meaning::Read => {}
        Meaning::Same(why) => ledger.carried_as(directive, why),
        _ if off => ledger.carried_as(directive, "off here, too"),
        Meaning::Differs(why) => ledger.differs(directive, why),
        Meaning::Lacks(why) => ledger.not(directive, why),
        // Whether a route was closed for it is said where that is done.
        Meaning::Guards(why) => ledger.not(directive, why),
    }
    if !directive.holds_data() {
        directive.children().iter().for_each(|it| look_up(it, ledger));
    }
}

fn head(draft: &mut Draft, tree: &Tree) {
    let main = tree.roots.first().map(|it| it.place.file.display().to_string()).unwrap_or_default();
    let files = match tree.files {
        1 => String::new(),
        2 => " and the file it includes".to_owned(),
        more => format!(" and {} more files", more - 1),
    };
    draft.remarks.push(format!("Written by `wsgate import-nginx` from {main}{files}."));
    draft
        .remarks
        .push("Its report says what is not the same here, and what is missing.".to_owned());
    if draft.sites.is_empty() {
        draft.remarks.push("Nothing could be carried: no server leads to a backend.".to_owned());
    }
}

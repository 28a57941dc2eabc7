//! A location that serves files as a route with `root`: `root`, `alias`, `index`, `try_files`, `expires`
//! and `gzip`. Knows those directives; what takes a path instead of the files is for `sites` to see.

use super::draft::{Files, Route};
use super::locations::{Location, Matcher};
use super::parser::Directive;
use super::scope::{Scope, Work};
use super::values;
use crate::config::accepts;

const HIDDEN: &str =
    "names that begin with a dot are not sent, and links that leave the folder are not followed";
const ONLY_PAGES: &str = "whatever is no page of HTML would be sent as it is, and not run";
const FOR_FILES: &str =
    "for files, as gzip and br; a backend's answers are passed on as it compressed them";

/// Fills in `files` and `strip_prefix`.
///
/// # Errors
/// Why it serves no files, or not as nginx does, in one line.
pub fn files<'a>(
    location: &Location<'a>,
    route: &mut Route,
    work: &mut Work<'a>,
) -> Result<(), String> {
    let scope = &location.scope;
    if let Some(other) = scope.innermost().iter().find(|it| SOMETHING_ELSE.contains(&&*it.name)) {
        return Err(format!("`{}` stands beside its files", other.name));
    }
    let (folder, strip, said) = folder(location, work)?;
    let fallback = match scope.own("try_files").first() {
        Some(directive) => try_files(directive, location, strip.is_some(), work)?,
        None => None,
    };
    route.strip_prefix = strip;
    route.files = Some(Files {
        root: work.path(&folder),
        index: index(scope, work),
        fallback,
        cache: cache(scope, work),
        compress: compress(scope, work),
    });
    work.ledger.differs(said, HIDDEN);
    if !said.arg(0).starts_with('/') {
        work.ledger
            .differs(said, "taken from the folder of the configuration; in nginx from its prefix");
    }
    Ok(())
}

/// Whether it may be about files at all: a folder is named in it or around it.
pub fn names_a_folder(scope: &Scope<'_>) -> bool {
    !scope.own("alias").is_empty() || scope.everything().any(|it| it.name == "root")
}

/// Directives with which nginx does something else than to send a file as it is.
const SOMETHING_ELSE: &[&str] = &[
    "if",
    "return",
    "rewrite",
    "internal",
    "stub_status",
    "empty_gif",
    "flv",
    "mp4",
    "dav_methods",
    "perl",
    "ssi",
    "sub_filter",
    "addition_types",
    "random_index",
    "image_filter",
    "xslt_stylesheet",
];

/// The folder, what takes the place of the prefix, and who says so.
fn folder<'a>(
    location: &Location<'a>,
    work: &mut Work<'a>,
) -> Result<(String, Option<String>, &'a Directive), String> {
    let scope = &location.scope;
    if let Some(alias) = scope.own("alias").first().copied() {
        let path = constant(alias)?;
        return match &location.matcher {
            Matcher::Exact(_) => {
                let (folder, name) = path.rsplit_once('/').ok_or("its file is in no folder")?;
                let name = format!("/{name}");
                accepts::replacement(&name)
                    .then(|| (format!("{folder}/"), Some(name), alias))
                    .ok_or_else(|| "the name of its file cannot be said".to_owned())
            }
            Matcher::Prefix(_) | Matcher::Caret(_) => Ok((path, Some("/".to_owned()), alias)),
            _ => Err("its folder follows from a regular expression".to_owned()),
        };
    }
    match scope.last("root", work.ledger) {
        Some(root) => Ok((constant(root)?, None, root)),
        None => Err("it names no folder".to_owned()),
    }
}

fn constant(directive: &Directive) -> Result<String, String> {
    match directive.arg(0) {
        "" => Err("it names no folder".to_owned()),
        text if text.contains(char::is_control) => Err("its folder cannot be said".to_owned()),
        text if text.contains('$') => Err("its folder is found anew for each request".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// What stands in for a file that isn't there.
fn try_files(
    directive: &Directive,
    location: &Location<'_>,
    is_alias: bool,
    work: &mut Work<'_>,
) -> Result<Option<String>, String> {
    let Some((last, before)) = directive.args.split_last() else {
        return Err("`try_files` names nothing".to_owned());
    };
    let known = ["$uri", "$uri/", "$uri/index.html"];
    if before.first().is_none_or(|it| it != "$uri")
        || !before.iter().all(|it| known.contains(&&**it))
    {
        return Err("a file is looked for by its own path first, and by no other".to_owned());
    }
    let fallback = match last.strip_prefix('=') {
        Some("404") => None,
        Some(status) => return Err(format!("what isn't there is answered with {status}")),
        None if !is_page(last) => return Err("what isn't there is made by a program".to_owned()),
        None => Some(
            below(last, location, is_alias)
                .filter(|it| accepts::fallback(it))
                .ok_or("what stands in for a file that isn't there is outside the folder")?,
        ),
    };
    match before.len() {
        1 => work.ledger.differs(directive, "a folder is answered with its index"),
        _ => work.ledger.carried(directive),
    }
    Ok(fallback)
}

/// The path of a URI below the folder.
fn below(uri: &str, location: &Location<'_>, is_alias: bool) -> Option<String> {
    if !is_alias {
        return Some(uri.to_owned());
    }
    let rest = uri.strip_prefix(location.literal()?)?;
    Some(format!("/{}", rest.trim_start_matches('/')))
}

fn is_page(name: &str) -> bool {
    !name.contains(['$', '?']) && [".html", ".htm"].iter().any(|it| name.ends_with(it))
}

/// Names that nginx would hand to a program would be sent as they are here.
fn index<'a>(scope: &Scope<'a>, work: &mut Work<'a>) -> Option<Vec<String>> {
    let all = scope.all("index", work.ledger);
    if all.is_empty() {
        return None;
    }
    let mut names = Vec::new();
    for directive in all {
        let (pages, others): (Vec<&String>, Vec<&String>) =
            directive.args.iter().partition(|it| is_page(it) && accepts::index(it));
        match others.is_empty() {
            true => work.ledger.carried(directive),
            false => work.ledger.differs(directive, ONLY_PAGES),
        }
        names.extend(pages.into_iter().cloned());
    }
    Some(names)
}

fn cache<'a>(scope: &Scope<'a>, work: &mut Work<'a>) -> Option<String> {
    let directive = scope.last("expires", work.ledger)?;
    let age = match directive.args.as_slice() {
        [only] if only == "off" => {
            work.ledger.carried(directive);
            return None;
        }
        [only] if only == "max" => {
            work.ledger.differs(directive, "a year, not ten");
            return Some("365d".to_owned());
        }
        [only] if only == "epoch" || only.starts_with('-') => {
            work.ledger.differs(directive, "max-age=0: a browser asks each time");
            return Some("0s".to_owned());
        }
        [only] if only == "0" || only == "0s" => Some("0s".to_owned()),
        [only] => values::duration(only.trim_start_matches('+')),
        _ => None,
    };
    match age.filter(|it| !it.ends_with("ms")) {
        Some(age) => {
            work.ledger.differs(directive, "as Cache-Control: max-age alone, without Expires");
            Some(age)
        }
        None => {
            work.ledger.not(directive, "not an age in whole seconds that is always the same");
            None
        }
    }
}

fn compress<'a>(scope: &Scope<'a>, work: &mut Work<'a>) -> bool {
    let mut compresses = false;
    for name in ["gzip", "gzip_static"] {
        let Some(directive) = scope.last(name, work.ledger) else { continue };
        match directive.arg(0) {
            "off" => work.ledger.carried(directive),
            _ => {
                work.ledger.differs(directive, FOR_FILES);
                compresses = true;
            }
        }
    }
    compresses
}

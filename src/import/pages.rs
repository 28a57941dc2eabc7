//! `error_page` as the pages of a site. Knows where nginx finds the file of a page; not what else is
//! done with errors.

use super::draft::Site;
use super::locations::{Location, Matcher};
use super::parser::Directive;
use super::scope::{Scope, Work};

const HTML: &str = "for whoever asks for HTML, of wsgate's own errors: others get text or JSON";

/// Largest file that can be a page.
const PAGE_MAX: u64 = 64 * 1024;

/// Fills in `error_pages` by what stands in the server or around it; what stands in a location is
/// of that location only, and not carried.
pub fn pages<'a>(
    server: &Scope<'a>,
    locations: &[Location<'a>],
    site: &mut Site,
    work: &mut Work<'a>,
) {
    for location in locations {
        for directive in location.scope.own("error_page") {
            // A name is where a location falls back to.
            if directive.args.last().is_none_or(|it| !it.starts_with('@')) {
                work.ledger.not(directive, "pages for errors are those of a site");
            }
        }
    }
    for directive in server.all("error_page", work.ledger) {
        match page(directive, server, locations, work) {
            Ok(file) => {
                for status in statuses(directive) {
                    site.error_pages.retain(|(it, _)| it != status);
                    site.error_pages.push((status.to_owned(), file.clone()));
                }
                work.ledger.differs(directive, HTML);
            }
            Err(reason) => work.ledger.not(directive, &reason),
        }
    }
}

fn statuses(directive: &Directive) -> impl Iterator<Item = &str> {
    directive.args.iter().map(String::as_str).take(directive.args.len().saturating_sub(1))
}

/// The file of a page, if it is there.
fn page<'a>(
    directive: &Directive,
    server: &Scope<'a>,
    locations: &[Location<'a>],
    work: &mut Work<'a>,
) -> Result<String, String> {
    let error =
        |it: &str| it.len() == 3 && it.parse().is_ok_and(|it: u16| (400..600).contains(&it));
    if !statuses(directive).all(error) {
        return Err("an error keeps its status here, and only 400 to 599 are errors".to_owned());
    }
    let uri = directive.args.last().map_or("", String::as_str);
    if !uri.starts_with('/') || uri.contains('$') {
        return Err("a page for errors is a file here".to_owned());
    }
    let exact = Matcher::Exact(uri.to_owned());
    let scope = locations.iter().find(|it| it.matcher == exact).map_or(server, |it| &it.scope);
    let root = scope.last("root", work.ledger).filter(|it| !it.arg(0).contains('$'));
    let root = root.ok_or_else(|| "there is no `root` for it".to_owned())?;
    let file = format!("{}{uri}", work.path(root.arg(0).trim_end_matches('/')));
    // An import may be made on another machine, but a page that is missing would keep wsgate down.
    let size = std::fs::metadata(&file).ok().filter(|it| it.is_file()).map(|it| it.len());
    match size {
        Some(1..=PAGE_MAX) => {
            work.ledger.carried_as(root, "where the pages for errors are");
            Ok(file)
        }
        Some(_) => Err(format!("`{file}` is empty or larger than 64KiB")),
        None => Err(format!("`{file}` is not there; where it is, write it into `error_pages`")),
    }
}

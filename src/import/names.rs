//! `server_name` as `domains`. Knows names, and which of them other sites have; nothing of routes.

use super::parser::Directive;
use super::scope::{Scope, Work};
use crate::config::accepts;

/// The names that are not in another site; `None` when all of them are. A server for any name gets
/// one that has to be replaced.
pub fn domains(
    names: &[String],
    scope: &Scope<'_>,
    server: &Directive,
    work: &mut Work<'_>,
) -> Option<Vec<String>> {
    let mut domains: Vec<String> = Vec::new();
    let (mut taken, mut strange) = (false, Vec::new());
    for name in names {
        let both = name.strip_prefix('.').map(|it| vec![it.to_owned(), format!("*.{it}")]);
        for name in both.unwrap_or_else(|| vec![name.clone()]) {
            if name == "_" || !accepts::domain(&name) {
                strange.push(name);
            } else if work.draft.sites.iter().any(|it| it.domains.contains(&name)) {
                taken = true;
            } else if !domains.contains(&name) {
                domains.push(name);
            }
        }
    }
    if domains.is_empty() && taken {
        return None;
    }
    for directive in scope.own("server_name") {
        named(directive, &strange, taken, work);
    }
    if domains.is_empty() {
        let number = work.draft.sites.len() + 1;
        domains.push(format!("site-{number}.invalid"));
        let reason =
            "nginx answers any name here: write yours instead of `.invalid` into `domains`";
        work.ledger.differs(server, reason);
    }
    Some(domains)
}

fn named(directive: &Directive, strange: &[String], taken: bool, work: &mut Work<'_>) {
    work.ledger.carried(directive);
    let wild = directive.args.iter().any(|it| it.starts_with("*.") || it.starts_with('.'));
    if wild {
        work.ledger.differs(directive, "a wildcard stands for one label: not `a.b` below it");
    }
    if taken {
        work.ledger.differs(directive, "another server has one of these names");
    }
    let lost: Vec<&str> =
        strange.iter().filter(|it| !matches!(it.as_str(), "_" | "")).map(String::as_str).collect();
    if !lost.is_empty() {
        let reason = format!("`{}` is no domain or one-label wildcard", lost.join("`, `"));
        work.ledger.not(directive, &reason);
    } else if !strange.is_empty() {
        work.ledger.differs(directive, "only names are answered");
    }
}

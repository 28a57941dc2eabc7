//! What applies where: the levels of an nginx configuration, and how a directive is inherited from
//! one to the next. Knows blocks and inheritance, and no directive but those that make them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::draft::Draft;
use super::ledger::Ledger;
use super::parser::Directive;
use super::reading::Tree;

/// The configuration as a whole, and where the translation stands.
pub struct Work<'a> {
    /// What stands outside `http`.
    pub main: Vec<&'a Directive>,
    /// What stands in `http`; in a part of a configuration, at its top.
    pub http: Scope<'a>,
    /// `upstream`, by name.
    pub upstreams: BTreeMap<&'a str, &'a Directive>,
    /// What relative paths are relative to.
    pub folder: PathBuf,
    /// What was said of the directives.
    pub ledger: &'a mut Ledger,
    /// What comes out.
    pub draft: Draft,
}

impl<'a> Work<'a> {
    /// Finds the levels of a tree.
    pub fn new(tree: &'a Tree, ledger: &'a mut Ledger) -> Self {
        let in_http = |it: &&Directive| matches!(it.name.as_str(), "server" | "upstream" | "map");
        let blocks: Vec<&Directive> = tree.roots.iter().filter(|it| it.name == "http").collect();
        let whole = !blocks.is_empty();
        let (http, main): (Vec<_>, Vec<_>) =
            tree.roots.iter().partition(|it| in_http(it) || !whole);
        let inside = blocks.iter().flat_map(|it| it.children());
        blocks.iter().for_each(|it| ledger.carried(it));
        let http = Scope { levels: vec![inside.chain(http).collect()] };
        let upstreams = http.own("upstream").into_iter().map(|it| (it.arg(0), it)).collect();
        Self { main, http, upstreams, folder: tree.folder.clone(), ledger, draft: Draft::default() }
    }

    /// A path as nginx reads it: relative to the folder of its configuration.
    pub fn path(&self, text: &str) -> String {
        let path = self.folder.join(Path::new(text)).to_string_lossy().into_owned();
        // Where a dash comes first, the configuration suspects the PEM itself.
        if path.starts_with('-') { format!("./{path}") } else { path }
    }

    /// The `map` that makes `$variable`.
    pub fn map(&self, variable: &str) -> Option<&'a Directive> {
        self.http.own("map").into_iter().find(|it| it.arg(1) == variable)
    }
}

/// The levels that apply at some place, the outermost first.
#[derive(Clone, Debug, Default)]
pub struct Scope<'a> {
    levels: Vec<Vec<&'a Directive>>,
}

impl<'a> Scope<'a> {
    /// The same and what stands in `block`.
    #[must_use]
    pub fn inside(&self, block: &'a Directive) -> Self {
        let mut levels = self.levels.clone();
        levels.push(block.children().iter().collect());
        Self { levels }
    }

    /// The directives of this name at the innermost level.
    pub fn own(&self, name: &str) -> Vec<&'a Directive> {
        let level = self.levels.last().map(Vec::as_slice).unwrap_or_default();
        level.iter().copied().filter(|it| it.name == name).collect()
    }

    /// Everything at the innermost level.
    pub fn innermost(&self) -> &[&'a Directive] {
        self.levels.last().map(Vec::as_slice).unwrap_or_default()
    }

    /// Every directive of every level, the innermost level first.
    pub fn everything(&self) -> impl Iterator<Item = &'a Directive> + '_ {
        self.levels.iter().rev().flatten().copied()
    }

    /// The levels, the innermost first.
    pub fn levels_inward_out(&self) -> impl Iterator<Item = &[&'a Directive]> + '_ {
        self.levels.iter().rev().map(Vec::as_slice)
    }

    /// All directives of this name at the nearest level that has one, as nginx inherits lists. Those
    /// of levels further out are overridden here.
    pub fn all(&self, name: &str, ledger: &mut Ledger) -> Vec<&'a Directive> {
        let mut found = Vec::new();
        for level in self.levels.iter().rev() {
            let here = level.iter().copied().filter(|it| it.name == name);
            if found.is_empty() {
                found.extend(here);
            } else {
                here.for_each(|it| ledger.override_by_nearer(it));
            }
        }
        found
    }

    /// The directive of this name that applies.
    pub fn last(&self, name: &str, ledger: &mut Ledger) -> Option<&'a Directive> {
        self.all(name, ledger).last().copied()
    }

    /// A text with the variables that a `set` gave a constant value. The directives that were used
    /// come with it.
    pub fn resolved(&self, text: &str) -> (String, Vec<&'a Directive>) {
        let mut text = text.to_owned();
        let mut used = Vec::new();
        for _ in 0..MOST_SETS {
            let set = self.everything().find(|it| {
                it.name == "set" && !it.arg(1).contains("$request") && mentions(&text, it.arg(0))
            });
            let Some(set) = set else { break };
            let name = set.arg(0).trim_start_matches('$');
            text = text.replace(&format!("${{{name}}}"), set.arg(1));
            text = replace_variable(&text, name, set.arg(1));
            used.push(set);
        }
        (text, used)
    }
}

/// A variable that is set from another one, and so on: no more than this.
const MOST_SETS: usize = 8;

/// Whether `$name` stands in the text.
pub fn mentions(text: &str, variable: &str) -> bool {
    let name = variable.trim_start_matches('$');
    !name.is_empty()
        && (text.contains(&format!("${{{name}}}")) || replace_variable(text, name, "") != text)
}

/// Replaces `$name`, where the name ends there.
fn replace_variable(text: &str, name: &str, value: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, behind) = rest.split_at(at);
        result.push_str(before);
        let letters = |it: char| it.is_ascii_alphanumeric() || it == '_';
        match behind[1..].strip_prefix(name) {
            Some(after) if !after.starts_with(letters) => {
                result.push_str(value);
                rest = after;
            }
            _ => {
                result.push('$');
                rest = &behind[1..];
            }
        }
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::reading::read_text;

    #[test]
    fn lists_are_inherited_whole_from_the_nearest_level() {
        let mut ledger = Ledger::default();
        let text = "http { allow a; allow b; server { allow c; } }";
        let tree = read_text(Path::new("t"), text, &mut ledger).expect("fine");
        let mut other = Ledger::default();
        let work = Work::new(&tree, &mut other);
        let server = work.http.inside(work.http.own("server")[0]);
        let args = |it: &Scope<'_>, ledger: &mut Ledger| {
            it.all("allow", ledger).iter().map(|it| it.arg(0).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(args(&work.http, &mut ledger), ["a", "b"]);
        assert_eq!(args(&server, &mut ledger), ["c"]);
    }

    #[test]
    fn a_variable_ends_where_its_name_does() {
        assert_eq!(replace_variable("$a$ab/$a.b", "a", "X"), "X$ab/X.b");
        assert!(mentions("x${a}y", "$a") && !mentions("$ab", "$a"));
    }
}

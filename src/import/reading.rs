//! The files of an nginx configuration: paths on the command line, `include` with its globs, the
//! output of `nginx -T`. Knows files and the word `include`, no other directive.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use glob::{MatchOptions, Pattern};

use super::dump;
use super::ledger::{Fate, Ledger};
use super::parser::{self, Directive};

/// Everything that was read.
#[derive(Debug, Default)]
pub struct Tree {
    /// What stands at the top of the files that were named, included files in the place of their
    /// `include`, which stays before them.
    pub roots: Vec<Directive>,
    /// The folder that relative paths in the configuration are relative to.
    pub folder: PathBuf,
    /// How many files were read.
    pub files: usize,
}

/// Includes in includes: deeper than this is a circle.
const DEEPEST_INCLUDE: usize = 16;
/// More files than any site has.
const MOST_FILES: usize = 2000;
/// Longer than any configuration that people wrote.
const LONGEST_FILE: u64 = 8 << 20;

/// Reads the files at `paths` and all that they include; `-` is standard input.
///
/// # Errors
/// Every file that cannot be read or parsed, a line each with its place.
pub fn read(paths: &[PathBuf], ledger: &mut Ledger) -> Result<Tree, Vec<String>> {
    let mut reading = Reading::new(Files::Disk, ledger);
    for path in paths {
        reading.named(path);
    }
    reading.finish()
}

/// Reads a text as if it stood in `file`; includes are looked for in the text alone, as in the
/// output of `nginx -T`.
///
/// # Errors
/// As [`read`].
pub fn read_text(file: &Path, text: &str, ledger: &mut Ledger) -> Result<Tree, Vec<String>> {
    let mut reading = Reading::new(Files::Dump(BTreeMap::new()), ledger);
    reading.text(file, text);
    reading.finish()
}

enum Files {
    Disk,
    /// By path, from `nginx -T`.
    Dump(BTreeMap<PathBuf, String>),
}

struct Reading<'a> {
    files: Files,
    ledger: &'a mut Ledger,
    tree: Tree,
    next_id: usize,
    errors: Vec<String>,
}

impl<'a> Reading<'a> {
    fn new(files: Files, ledger: &'a mut Ledger) -> Self {
        Self { files, ledger, tree: Tree::default(), next_id: 0, errors: Vec::new() }
    }

    fn finish(self) -> Result<Tree, Vec<String>> {
        if self.errors.is_empty() { Ok(self.tree) } else { Err(self.errors) }
    }

    /// One path of the command line.
    fn named(&mut self, path: &Path) {
        if path.is_dir() {
            let main = path.join("nginx.conf");
            let inside = if main.is_file() { vec![main] } else { files_in(path) };
            if inside.is_empty() {
                self.errors.push(format!("{}: there is no file in this folder", path.display()));
            }
            inside.iter().for_each(|it| self.named(it));
            return;
        }
        match contents(path) {
            Ok(text) => self.text(path, &text),
            Err(error) => self.errors.push(format!("{}: cannot be read: {error}", path.display())),
        }
    }

    fn text(&mut self, path: &Path, text: &str) {
        let (main, text) = match dump::files(text) {
            Some((main, files)) => {
                let text = files.get(&main).cloned().unwrap_or_default();
                self.files = Files::Dump(files);
                (main, text)
            }
            None => (path.to_owned(), text.to_owned()),
        };
        let folder = folder_of(&main);
        if self.tree.files == 0 {
            self.tree.folder.clone_from(&folder);
        }
        let directives = self.file(&main, &text, &folder, 0);
        self.tree.roots.extend(directives);
    }

    fn file(&mut self, path: &Path, text: &str, folder: &Path, depth: usize) -> Vec<Directive> {
        self.tree.files += 1;
        match parser::parse(text, Arc::from(path), &mut self.next_id) {
            Ok(directives) => self.with_includes(directives, folder, depth),
            Err(error) => {
                self.errors.push(error.to_string());
                Vec::new()
            }
        }
    }

    fn with_includes(
        &mut self,
        directives: Vec<Directive>,
        folder: &Path,
        depth: usize,
    ) -> Vec<Directive> {
        let mut all = Vec::new();
        for mut directive in directives {
            if let Some(block) = directive.block.take() {
                directive.block = Some(self.with_includes(block, folder, depth));
            }
            let included = match (directive.name.as_str(), directive.args.as_slice()) {
                ("include", [pattern]) if directive.block.is_none() => {
                    self.include(&directive, pattern, folder, depth)
                }
                _ => Vec::new(),
            };
            all.push(directive);
            all.extend(included);
        }
        all
    }

    fn include(
        &mut self,
        directive: &Directive,
        pattern: &str,
        folder: &Path,
        depth: usize,
    ) -> Vec<Directive> {
        let (found, elsewhere) = self.find(&folder.join(pattern), folder);
        let is_glob = pattern.contains(['*', '?', '[']);
        match found.as_slice() {
            [] if is_glob => self.ledger.carried_as(directive, "no file there"),
            [] => self.ledger.not(directive, "this file is not there"),
            _ if elsewhere => {
                self.ledger.carried_as(directive, "read below the folder of the main file")
            }
            _ => self.ledger.carried(directive),
        }
        if depth >= DEEPEST_INCLUDE {
            self.errors.push(format!("{}: includes in a circle", directive.place));
            return Vec::new();
        }
        let mut all = Vec::new();
        for path in found {
            if self.tree.files >= MOST_FILES {
                self.errors.push(format!("{}: more than {MOST_FILES} files", directive.place));
                break;
            }
            let text = match &self.files {
                Files::Disk => contents(&path),
                Files::Dump(files) => Ok(files.get(&path).cloned().unwrap_or_default()),
            };
            match text {
                Ok(text) => all.extend(self.file(&path, &text, folder, depth + 1)),
                Err(error) => {
                    let reason = format!("`{}` cannot be read: {error}", path.display());
                    self.ledger.whole(directive, Fate::Not, &reason);
                }
            }
        }
        all
    }

    /// The files that a pattern stands for. A configuration that was copied from its machine has
    /// absolute paths that lead elsewhere: then the end of the path is looked for below `folder`
    /// first.
    fn find(&self, pattern: &Path, folder: &Path) -> (Vec<PathBuf>, bool) {
        if pattern.starts_with(folder) || !matches!(self.files, Files::Disk) {
            return (self.matching(pattern), false);
        }
        let names: Vec<Component<'_>> =
            pattern.components().filter(|it| matches!(it, Component::Normal(_))).collect();
        for from in 0..names.len() {
            let rest: PathBuf = names.get(from..).unwrap_or_default().iter().collect();
            // A lone `*.conf` would take the main file itself.
            if rest.components().count() == 1 && rest.to_string_lossy().contains('*') {
                break;
            }
            let found = self.matching(&folder.join(rest));
            if !found.is_empty() {
                return (found, true);
            }
        }
        (self.matching(pattern), false)
    }

    fn matching(&self, pattern: &Path) -> Vec<PathBuf> {
        let text = pattern.to_string_lossy();
        match &self.files {
            Files::Dump(files) if files.contains_key(pattern) => vec![pattern.to_owned()],
            Files::Dump(files) => {
                let Ok(pattern) = Pattern::new(&text) else { return Vec::new() };
                let paths = files.keys().filter(|it| pattern.matches_path_with(it, AS_IN_A_SHELL));
                paths.cloned().collect()
            }
            Files::Disk if pattern.is_file() => vec![pattern.to_owned()],
            Files::Disk => {
                let Ok(paths) = glob::glob_with(&text, AS_IN_A_SHELL) else { return Vec::new() };
                paths.flatten().filter(|it| it.is_file()).collect()
            }
        }
    }
}

const AS_IN_A_SHELL: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// A file's text; comments may be in any encoding, so what is not UTF-8 is replaced.
fn contents(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(LONGEST_FILE).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path)?.take(LONGEST_FILE).read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What relative paths are relative to: the folder of the main file, or of a part of it the folder
/// above `conf.d`.
fn folder_of(main: &Path) -> PathBuf {
    let folder = main.parent().unwrap_or(Path::new(""));
    let name = folder.file_name().and_then(|it| it.to_str()).unwrap_or_default();
    let is_part = ["conf.d", "sites-enabled", "sites-available", "http.d", "vhost"].contains(&name);
    let folder = if is_part { folder.parent().unwrap_or(folder) } else { folder };
    folder.to_owned()
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|it| it.path()).filter(|it| it.is_file()).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_of_includes_ends() {
        let text = "# configuration file /n/a.conf:\ninclude a.conf;\n";
        let errors = read_text(Path::new("-"), text, &mut Ledger::default()).expect_err("a circle");
        assert_eq!(errors, ["/n/a.conf:1: includes in a circle"]);
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error() {
        let errors = read(&[PathBuf::from("/nowhere/nginx.conf")], &mut Ledger::default());
        assert!(errors.expect_err("nothing")[0].starts_with("/nowhere/nginx.conf: cannot be read"));
    }
}

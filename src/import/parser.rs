//! An nginx configuration as a tree of directives, each with its place. Knows the syntax and which
//! blocks hold data instead of directives; not what a directive means, and no files.

use std::path::Path;
use std::sync::Arc;

use super::lexer::{Lexer, Token};
use super::place::{Place, SyntaxError};

/// One directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Counts through everything that was read; the report is kept by it.
    pub id: usize,
    /// Where its name stands.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// What stands behind the name.
    pub args: Vec<String>,
    /// What stands in its braces, if it has any.
    pub block: Option<Vec<Directive>>,
}

impl Directive {
    /// The argument at `index`, or nothing.
    pub fn arg(&self, index: usize) -> &str {
        self.args.get(index).map_or("", String::as_str)
    }

    /// The directives inside; none when it has no block.
    pub fn children(&self) -> &[Self] {
        self.block.as_deref().unwrap_or_default()
    }

    /// Whether its block holds entries of a table instead of directives.
    pub fn holds_data(&self) -> bool {
        self.block.is_some() && DATA.contains(&self.name.as_str())
    }

    /// As it was written, in one line and without its block.
    pub fn text(&self) -> String {
        let mut text = self.name.clone();
        for arg in &self.args {
            let bare = !arg.is_empty() && !arg.contains([' ', '\t', ';', '{', '"', '\n', '\r']);
            let shown = if bare { arg.clone() } else { format!("{arg:?}") };
            text.push(' ');
            text.push_str(&shown);
        }
        text
    }
}

/// Blocks whose content is a table.
const DATA: [&str; 5] = ["map", "geo", "types", "split_clients", "charset_map"];

/// Blocks in blocks: no configuration of people goes this deep, and recursion ends somewhere.
const DEEPEST: usize = 32;

/// Reads the text of one file; ids go on from `next_id`.
///
/// # Errors
/// The first place where it is no nginx configuration.
pub fn parse(
    text: &str,
    file: Arc<Path>,
    next_id: &mut usize,
) -> Result<Vec<Directive>, SyntaxError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lexer = Lexer::new(text, file);
    Parser { lexer, next_id }.directives(None, 0)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    next_id: &'a mut usize,
}

impl Parser<'_> {
    /// Everything up to the `}` of the block that opened at `opened`, or to the end of the file.
    fn directives(
        &mut self,
        opened: Option<&Place>,
        depth: usize,
    ) -> Result<Vec<Directive>, SyntaxError> {
        let mut all = Vec::new();
        loop {
            let place = self.lexer.place();
            match (self.lexer.next()?, opened) {
                (None, None) | (Some(Token::Close), Some(_)) => return Ok(all),
                (None, Some(opened)) => {
                    let message = "the block that opens here is not closed";
                    return Err(self.lexer.error(opened.clone(), message));
                }
                (Some(Token::Close), None) => {
                    return Err(self.lexer.error(place, "`}` without a block"));
                }
                (Some(Token::End), _) => {
                    return Err(self.lexer.error(place, "`;` without a directive"));
                }
                (Some(Token::Open), _) => {
                    return Err(self.lexer.error(place, "`{` without a directive"));
                }
                (Some(Token::Word(name)), _) => all.push(self.directive(name, place, depth)?),
            }
        }
    }

    fn directive(
        &mut self,
        name: String,
        place: Place,
        depth: usize,
    ) -> Result<Directive, SyntaxError> {
        let id = *self.next_id;
        *self.next_id += 1;
        let mut args = Vec::new();
        let block = loop {
            let at = self.lexer.place();
            match self.lexer.next()? {
                Some(Token::Word(word)) => args.push(word),
                Some(Token::End) => break None,
                Some(Token::Open) if swallowed_a_block(&name, &args) => {
                    let message = format!("`{name}` lacks its `;`");
                    return Err(self.lexer.error(place, message));
                }
                Some(Token::Open) => break Some(self.block(&name, &place, depth)?),
                Some(Token::Close) => {
                    let message = format!("`}}` inside `{name}`, which lacks its `;`");
                    return Err(self.lexer.error(at, message));
                }
                None => {
                    let message = format!("the file ends inside `{name}`");
                    return Err(self.lexer.error(place, message));
                }
            }
        };
        Ok(Directive { id, place, name, args, block })
    }

    fn block(
        &mut self,
        name: &str,
        place: &Place,
        depth: usize,
    ) -> Result<Vec<Directive>, SyntaxError> {
        if depth >= DEEPEST {
            let message = format!("more than {DEEPEST} blocks in one another");
            return Err(self.lexer.error(place.clone(), message));
        }
        if name.ends_with("_by_lua_block") {
            if self.lexer.skip_lua() {
                return Ok(Vec::new());
            }
            return Err(self.lexer.error(place.clone(), "the block of Lua is not closed"));
        }
        self.directives(Some(place), depth + 1)
    }
}

/// Without its `;` a directive goes on into the block behind it.
fn swallowed_a_block(name: &str, args: &[String]) -> bool {
    let blocks = ["location", "server", "upstream", "if"];
    !blocks.contains(&name) && args.iter().any(|it| blocks.contains(&it.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<Directive>, String> {
        parse(text, Path::new("t").into(), &mut 0).map_err(|it| it.to_string())
    }

    #[test]
    fn directives_have_names_arguments_blocks_and_places() {
        let tree = parsed("a 1 '2 3';\nb {\n  c;\n}\n").expect("fine");
        let [a, b] = tree.as_slice() else { panic!("{tree:?}") };
        assert_eq!((a.name.as_str(), a.arg(1), a.text().as_str()), ("a", "2 3", "a 1 \"2 3\""));
        assert_eq!(
            (b.children().len(), b.children()[0].place.line, b.children()[0].place.column),
            (1, 3, 3)
        );
        assert_eq!((a.id, b.id, b.children()[0].id), (0, 1, 2));
    }

    #[test]
    fn what_is_broken_is_said_with_its_place() {
        for (text, error) in [
            ("a {\n b;\n", "t:1:1: the block that opens here is not closed"),
            ("a;\n}", "t:2:1: `}` without a block"),
            ("a b\n}", "t:2:1: `}` inside `a`, which lacks its `;`"),
            ("a b", "t:1:1: the file ends inside `a`"),
            ("a; ;", "t:1:4: `;` without a directive"),
            ("a;\nb c\nlocation / { }", "t:2:1: `b` lacks its `;`"),
            ("{", "t:1:1: `{` without a directive"),
            ("x_by_lua_block { {", "t:1:1: the block of Lua is not closed"),
        ] {
            assert_eq!(parsed(text).expect_err(text), error);
        }
        assert!(parsed(&"a {".repeat(5000)).expect_err("deep").contains("32 blocks"));
    }

    #[test]
    fn lua_is_no_directive() {
        let tree = parsed("content_by_lua_block { ngx.say(\"{\") } b;").expect("fine");
        assert_eq!((tree.len(), tree[0].children().len()), (2, 0));
    }
}

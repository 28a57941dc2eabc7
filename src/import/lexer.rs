//! The words of an nginx configuration, cut as nginx itself cuts them (`ngx_conf_read_token`).
//! Knows no directive but those whose block holds Lua, which is no nginx syntax.

use std::path::Path;
use std::sync::Arc;

use super::place::{Place, SyntaxError};

/// What stands next in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A word or a quoted string, its escapes resolved.
    Word(String),
    /// `;`
    End,
    /// `{`
    Open,
    /// `}`
    Close,
}

/// Cuts one text into tokens.
pub struct Lexer<'a> {
    text: &'a [u8],
    file: Arc<Path>,
    at: usize,
    line: u32,
    line_start: usize,
}

impl<'a> Lexer<'a> {
    /// Begins in line `first_line` of `file`: a part of a dump has its own count.
    pub fn new(text: &'a str, file: Arc<Path>) -> Self {
        Self { text: text.as_bytes(), file, at: 0, line: 1, line_start: 0 }
    }

    /// Where the next token begins, or the end of the text.
    pub fn place(&mut self) -> Place {
        self.skip_blanks();
        self.here()
    }

    /// The next token; `None` at the end of the text.
    ///
    /// # Errors
    /// An open quote, or something right behind a closing one.
    pub fn next(&mut self) -> Result<Option<Token>, SyntaxError> {
        self.skip_blanks();
        let Some(byte) = self.peek() else { return Ok(None) };
        let single = match byte {
            b';' => Some(Token::End),
            b'{' => Some(Token::Open),
            b'}' => Some(Token::Close),
            _ => None,
        };
        if single.is_some() {
            self.step();
            return Ok(single);
        }
        let word = match byte {
            b'"' | b'\'' => self.quoted(byte)?,
            _ => self.bare(),
        };
        Ok(Some(Token::Word(word)))
    }

    /// Passes over a block of Lua, whose `{` was the last token; false when it does not end.
    pub fn skip_lua(&mut self) -> bool {
        let mut depth = 1_u32;
        while let Some(byte) = self.step() {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                b'"' | b'\'' => self.skip_lua_string(byte),
                b'-' if self.peek() == Some(b'-') => self.skip_line(),
                _ => {}
            }
            if depth == 0 {
                return true;
            }
        }
        false
    }

    /// A finding about what stands at `place`.
    pub fn error(&self, place: Place, message: impl Into<String>) -> SyntaxError {
        SyntaxError { place, message: message.into() }
    }

    fn here(&self) -> Place {
        let column = u32::try_from(self.at - self.line_start + 1).unwrap_or(u32::MAX);
        Place { file: Arc::clone(&self.file), line: self.line, column }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn step(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        if byte == b'\n' {
            self.line = self.line.saturating_add(1);
            self.line_start = self.at;
        }
        Some(byte)
    }

    fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => drop(self.step()),
                b'#' => self.skip_line(),
                _ => return,
            }
        }
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|it| it != b'\n') {
            self.step();
        }
    }

    fn skip_lua_string(&mut self, quote: u8) {
        while let Some(byte) = self.step() {
            match byte {
                b'\\' => drop(self.step()),
                b'\n' => return,
                byte if byte == quote => return,
                _ => {}
            }
        }
    }

    /// Up to a blank, `;` or `{`; a `{` behind `$` belongs to a variable.
    fn bare(&mut self) -> String {
        let start = self.at;
        let mut variable = false;
        while let Some(byte) = self.peek() {
            match byte {
                b'{' if variable => {}
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' => break,
                b'\\' => drop(self.step()),
                _ => {}
            }
            variable = byte == b'$';
            self.step();
        }
        unescaped(self.text.get(start..self.at).unwrap_or_default())
    }

    fn quoted(&mut self, quote: u8) -> Result<String, SyntaxError> {
        let place = self.here();
        self.step();
        let start = self.at;
        loop {
            match self.peek() {
                None => return Err(self.error(place, "this quote is not closed")),
                Some(b'\\') => drop(self.step()),
                Some(byte) if byte == quote => break,
                _ => {}
            }
            self.step();
        }
        let word = unescaped(self.text.get(start..self.at).unwrap_or_default());
        self.step();
        match self.peek() {
            None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' | b')') => Ok(word),
            Some(byte) => {
                let message = format!("`{}` right behind a closing quote", byte as char);
                Err(self.error(self.here(), message))
            }
        }
    }
}

/// A backslash goes only before a quote or another backslash, and makes \t, \r and \n; before
/// anything else it stays, as regular expressions need it.
fn unescaped(raw: &[u8]) -> String {
    let mut word = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [byte, behind @ ..] = rest {
        let escape = match (*byte, behind.first()) {
            (b'\\', Some(it @ (b'"' | b'\'' | b'\\'))) => Some(*it),
            (b'\\', Some(b't')) => Some(b'\t'),
            (b'\\', Some(b'r')) => Some(b'\r'),
            (b'\\', Some(b'n')) => Some(b'\n'),
            _ => None,
        };
        word.push(escape.unwrap_or(*byte));
        rest = behind.get(usize::from(escape.is_some())..).unwrap_or_default();
    }
    String::from_utf8_lossy(&word).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
        let mut lexer = Lexer::new(text, Path::new("t").into());
        let mut all = Vec::new();
        while let Some(token) = lexer.next()? {
            all.push(token);
        }
        Ok(all)
    }

    fn words(text: &str) -> Vec<String> {
        let words = tokens(text).expect(text).into_iter().filter_map(|it| match it {
            Token::Word(word) => Some(word),
            _ => None,
        });
        words.collect()
    }

    #[test]
    fn words_end_at_blanks_semicolons_and_braces() {
        use Token::{Close, End, Open};
        let word = |it: &str| Token::Word(it.to_owned());
        let expected = [word("a"), word("b}c"), Open, word("d#e"), End, Close];
        assert_eq!(tokens("a b}c{ d#e; # f;\n}").expect("fine"), expected);
    }

    #[test]
    fn a_brace_behind_a_dollar_belongs_to_the_variable() {
        assert_eq!(words("set ${a}b $c;"), ["set", "${a}b", "$c"]);
    }

    #[test]
    fn only_quotes_and_backslashes_lose_their_backslash() {
        assert_eq!(
            words(r#"~ \.php$ "\.a\"b\\c" 'd"e\t'"#),
            ["~", r"\.php$", r#"\.a"b\c"#, "d\"e\t"]
        );
        assert_eq!(words(r"a\;b\ c;"), [r"a\;b\ c"]);
    }

    #[test]
    fn quotes_must_close_and_be_followed_by_a_blank() {
        let error = tokens("a\n  \"b;").expect_err("open").to_string();
        assert_eq!(error, "t:2:3: this quote is not closed");
        let error = tokens("a \"b\"c;").expect_err("glued").to_string();
        assert_eq!(error, "t:1:6: `c` right behind a closing quote");
        assert!(tokens("if ($a = \"b\") {").is_ok());
    }

    #[test]
    fn lua_is_passed_over_with_its_braces_strings_and_comments() {
        let mut lexer = Lexer::new("local a = {1, '}'} -- }\n} x;", Path::new("t").into());
        assert!(lexer.skip_lua());
        assert_eq!(lexer.next(), Ok(Some(Token::Word("x".to_owned()))));
        assert!(!Lexer::new("{", Path::new("t").into()).skip_lua());
    }
}

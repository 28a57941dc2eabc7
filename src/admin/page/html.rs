//! Markup that cannot be broken by what it shows. Knows no figure and no status: what is written
//! as markup is `&'static str`, so that text from outside can only come in as text.

use std::fmt::{self, Display, Write};

/// A piece of a page.
#[derive(Clone, Debug, Default)]
pub struct Html(String);

impl Html {
    /// Appends markup, which only the source code can have written.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Appends text; safe between tags and inside a quoted attribute.
    pub fn text(&mut self, text: impl Display) -> &mut Self {
        // `Escaped` never fails, and a Display that does has written what it could.
        let _ = write!(Escaped(&mut self.0), "{text}");
        self
    }

    /// Appends ` name="text"`.
    pub fn attribute(&mut self, name: &'static str, text: impl Display) -> &mut Self {
        self.raw(" ").raw(name).raw("=\"").text(text).raw("\"")
    }

    /// Appends an element that holds nothing but text.
    pub fn element(&mut self, tag: &'static str, text: impl Display) -> &mut Self {
        self.raw("<").raw(tag).raw(">").text(text).raw("</").raw(tag).raw(">")
    }

    /// Appends text of foreign origin, kept from turning the direction of what surrounds it.
    pub fn foreign(&mut self, text: impl Display) -> &mut Self {
        self.element("bdi", text)
    }

    /// The markup.
    pub fn finish(self) -> String {
        self.0
    }
}

struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c if hides(c) => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

/// Characters that are not seen themselves and change how others are seen.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_becomes_markup() {
        let mut html = Html::default();
        html.raw("<p").attribute("title", "\" onclick='x' <b>").raw(">");
        html.text("</p><script>alert(1)</script>&amp;").raw("</p>");
        let expected = "<p title=\"&quot; onclick=&#39;x&#39; &lt;b&gt;\">\
                        &lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;</p>";
        assert_eq!(html.finish(), expected);
    }

    #[test]
    fn what_cannot_be_seen_is_shown_as_unreadable() {
        let mut html = Html::default();
        html.foreign("a\u{0}\u{1b}[31m\n\u{202e}gpj.exe\u{feff}é好");
        assert_eq!(
            html.finish(),
            "<bdi>a\u{fffd}\u{fffd}[31m\u{fffd}\u{fffd}gpj.exe\u{fffd}é好</bdi>"
        );
    }
}

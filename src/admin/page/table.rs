//! Tables that a phone shows as cards: each cell carries the name of its column. Knows columns and
//! cells, not what is in them.

use std::fmt::Display;

use super::html::Html;

/// One column: its name and how its cells look: `n` for figures, `wide` for what may be broken
/// anywhere, `whole` for what is broken only on a card; on a card `one` is short and `long` is long.
pub type Column = (&'static str, &'static str);

/// A table under construction.
pub struct Table<'a> {
    out: &'a mut Html,
    columns: &'static [Column],
    at: usize,
}

impl<'a> Table<'a> {
    /// Begins a table; `caption` says how to read it.
    pub fn begin(out: &'a mut Html, caption: &'static str, columns: &'static [Column]) -> Self {
        out.raw("<table class=\"cards\">");
        Self::head(out, caption, columns)
    }

    /// As [`Table::begin`], for one that is small enough to stay a table on a phone.
    pub fn small(out: &'a mut Html, caption: &'static str, columns: &'static [Column]) -> Self {
        out.raw("<table>");
        Self::head(out, caption, columns)
    }

    fn head(out: &'a mut Html, caption: &'static str, columns: &'static [Column]) -> Self {
        out.raw("<caption>").text(caption);
        out.raw("</caption><thead><tr>");
        for (name, class) in columns {
            out.raw("<th scope=\"col\"");
            if !class.is_empty() {
                out.attribute("class", class);
            }
            out.raw(">").text(name).raw("</th>");
        }
        out.raw("</tr></thead><tbody>");
        Self { out, columns, at: 0 }
    }

    /// Begins a row.
    pub fn row(&mut self) -> &mut Self {
        if self.at > 0 {
            self.out.raw("</tr>");
        }
        self.out.raw("<tr>");
        self.at = 0;
        self
    }

    /// The next cell, with `tone` as a further class.
    pub fn toned(&mut self, tone: &'static str, fill: impl FnOnce(&mut Html)) -> &mut Self {
        let (name, class) = self.columns.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        self.out.raw("<td");
        let classes = [class, tone].join(" ");
        if !classes.trim().is_empty() {
            self.out.attribute("class", classes.trim());
        }
        self.out.attribute("data-name", name).raw(">");
        fill(self.out);
        self.out.raw("</td>");
        self
    }

    /// The next cell.
    pub fn cell(&mut self, fill: impl FnOnce(&mut Html)) -> &mut Self {
        self.toned("", fill)
    }

    /// The next cell, with words or figures of the gateway's own.
    pub fn text(&mut self, text: impl Display) -> &mut Self {
        self.cell(|out| {
            out.text(text);
        })
    }

    /// The next cell, with text that somebody else chose.
    pub fn foreign(&mut self, text: &str) -> &mut Self {
        self.cell(|out| {
            if !text.is_empty() {
                out.foreign(text);
            }
        })
    }

    /// Ends the table.
    pub fn end(self) {
        self.out.raw(if self.at > 0 { "</tr></tbody></table>" } else { "</tbody></table>" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_carry_the_names_of_their_columns() {
        let mut out = Html::default();
        let mut table = Table::begin(&mut out, "One pet per row.", &[("Name", ""), ("Age", "n")]);
        table.row().foreign("<Rex>").toned("bad", |out| {
            out.text(3);
        });
        table.row().foreign("").text(4);
        table.end();
        let html = out.finish();
        let (_, body) = html.split_once("<tbody>").expect("a body");
        assert_eq!(
            body,
            "<tr><td data-name=\"Name\"><bdi>&lt;Rex&gt;</bdi></td>\
             <td class=\"n bad\" data-name=\"Age\">3</td></tr>\
             <tr><td data-name=\"Name\"></td>\
             <td class=\"n\" data-name=\"Age\">4</td></tr></tbody></table>"
        );
    }
}

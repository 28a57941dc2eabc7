//! Plain text in columns. Pure.

/// A table whose columns are as wide as they must be.
pub struct Table {
    /// Whether each column holds numbers, which stand at its right.
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

/// The widest column but the last, in characters: what is longer is cut.
const WIDEST: usize = 56;

impl Table {
    /// A table with these headings; those that begin with `>` are of columns of numbers.
    pub fn new(headings: &[&str]) -> Self {
        let right = headings.iter().map(|it| it.starts_with('>')).collect();
        let first = headings.iter().map(|it| it.trim_start_matches('>').to_owned()).collect();
        Self { right, rows: vec![first] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there is nothing but headings.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// The lines, each with its line feed.
    pub fn text(&self) -> String {
        let columns = self.right.len();
        let last = columns.saturating_sub(1);
        let wide = |place: usize| {
            let cells = self.rows.iter().filter_map(|it| it.get(place));
            cells.map(|it| it.chars().count()).max().unwrap_or(0).min(WIDEST)
        };
        let widths: Vec<usize> = (0..columns).map(wide).collect();
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::from(" ");
            for (place, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let cell = if place == last { cell.clone() } else { cut(cell) };
                let right = self.right.get(place).copied().unwrap_or(false);
                line += &match right {
                    true => format!(" {cell:>width$} "),
                    false => format!(" {cell:<width$} "),
                };
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

fn cut(cell: &str) -> String {
    if cell.chars().count() <= WIDEST {
        return cell.to_owned();
    }
    cell.chars().take(WIDEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_long_cells_cut() {
        let mut table = Table::new(&["route", ">sockets", "note"]);
        table.row(["/a", "7", "first"].map(str::to_owned));
        table.row(["/long".repeat(20), "2,000".to_owned(), String::new()]);
        let text = table.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[1].starts_with("  /a  ") && lines[1].ends_with("       7  first"), "{text}");
        assert!(lines[2].contains("…    2,000") && lines[2].ends_with("2,000"), "{text}");
    }
}

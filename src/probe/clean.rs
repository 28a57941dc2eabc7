//! The words of strangers, fit for a terminal. Knows nothing of what they say.

/// Without what a terminal would obey.
pub fn printable(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { '\u{b7}' } else { it }).collect()
}

/// On one line, with single spaces, and no longer than `characters`.
pub fn line(text: &str, characters: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = printable(&words.join(" "));
    if let Some((end, _)) = line.char_indices().nth(characters) {
        line.truncate(end);
        line.push_str(" \u{2026}");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_taken_out() {
        assert_eq!(printable("a\u{1b}[31m\u{9b}b"), "a\u{b7}[31m\u{b7}b");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(line(" a\r\n\tb ", 3), "a b");
        assert_eq!(line("\u{5fc3}\u{5fc3}\u{5fc3}", 2), "\u{5fc3}\u{5fc3} \u{2026}");
    }
}

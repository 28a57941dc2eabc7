//! The words of strangers, fit for a terminal, and those of our own user, fit for a report. Knows
//! nothing of what they say.

use crate::observe::redact;

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

/// A URL without what is secret in its query, behind `#` and before `@`; valid or not.
pub fn url(written: &str) -> String {
    let (before, fragment) = match written.split_once('#') {
        Some((before, fragment)) => (before, Some(fragment)),
        None => (written, None),
    };
    let start = before.find("://").map_or(0, |it| it + "://".len());
    let end = before[start..].find(['/', '?']).map_or(before.len(), |it| start + it);
    let (scheme, authority, path) = (&before[..start], &before[start..end], &before[end..]);
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => format!("{}:***@{host}", user.split(':').next().unwrap_or_default()),
        None => authority.to_owned(),
    };
    let fragment = match fragment {
        Some(secret) if secret.contains('=') => "#***".to_owned(),
        Some(plain) => format!("#{plain}"),
        None => String::new(),
    };
    format!("{scheme}{authority}{}{fragment}", redact::target(path))
}

/// A header as written, without what may be its value.
pub fn header(written: &str) -> String {
    match written.find([':', ' ']) {
        Some(end) => format!("{} ***", written[..=end].trim_end()),
        None => written.to_owned(),
    }
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

    #[test]
    fn secrets_of_a_url_are_hidden_whether_it_is_one_or_not() {
        assert_eq!(url("https://h/x?token=SECRET&a=1"), "https://h/x?token=***&a=1");
        assert_eq!(url("wss://h/x?token=SECRET#f"), "wss://h/x?token=***#f");
        assert_eq!(url("wss://u:SECRET@h/x?token=SECRET"), "wss://u:***@h/x?token=***");
        assert_eq!(url("wss://h?token=SECRET#token=SECRET"), "wss://h?token=***#***");
        assert_eq!(url("u:SECRET@h"), "u:***@h");
        assert_eq!(url("wss://[::1]:80/@x"), "wss://[::1]:80/@x");
    }

    #[test]
    fn the_value_of_a_header_is_hidden() {
        assert_eq!(header("Authorization: Bearer SECRET"), "Authorization: ***");
        assert_eq!(header("Authorization Bearer SECRET"), "Authorization ***");
    }
}

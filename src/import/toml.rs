//! How TOML is written. Knows no key.

use std::fmt::Write;

/// A string of TOML: literal where that spares backslashes.
pub fn quoted(text: &str) -> String {
    if text.contains('\\') && !text.contains('\'') && !text.contains(char::is_control) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            it if it.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(it));
            }
            it => quoted.push(it),
        }
    }
    quoted.push('"');
    quoted
}

/// A key, quoted where it has to be.
pub fn key(text: &str) -> String {
    let bare = |it: u8| it.is_ascii_alphanumeric() || it == b'-' || it == b'_';
    if !text.is_empty() && text.bytes().all(bare) { text.to_owned() } else { quoted(text) }
}

/// Comments, a line each.
pub fn remarks(text: &mut String, remarks: &[String]) {
    for it in remarks {
        let _ = writeln!(text, "{}", comment(it));
    }
}

/// A comment on one line, whatever the names of files have in them.
pub fn comment(text: &str) -> String {
    format!("# {}", text.replace(char::is_control, " "))
}

/// A header behind an empty line.
pub fn table(text: &mut String, header: &str) {
    let _ = writeln!(text, "\n{header}");
}

/// A key and a value that is TOML already.
pub fn line(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "{key} = {value}");
}

/// A key and a string, if there is one.
pub fn optional(text: &mut String, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        line(text, key, &quoted(value));
    }
}

/// A key and an array of strings.
pub fn list(text: &mut String, key: &str, values: &[String]) {
    let values: Vec<String> = values.iter().map(|it| quoted(it)).collect();
    line(text, key, &format!("[{}]", values.join(", ")));
}

/// The same, left out when there is none.
pub fn list_unless_empty(text: &mut String, key: &str, values: &[String]) {
    if !values.is_empty() {
        list(text, key, values);
    }
}

/// Keys of a table in the lines of its parent.
pub fn dotted(text: &mut String, table: &str, pairs: &[(&'static str, String)]) {
    for (key, value) in pairs {
        line(text, &format!("{table}.{key}"), &quoted(value));
    }
}

/// A table in one line, left out when it is empty.
pub fn inline_table<K: AsRef<str>>(text: &mut String, name: &str, pairs: &[(K, String)]) {
    if !pairs.is_empty() {
        let pair =
            |(name, value): &(K, String)| format!("{} = {}", key(name.as_ref()), quoted(value));
        let pairs: Vec<String> = pairs.iter().map(pair).collect();
        line(text, name, &format!("{{ {} }}", pairs.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_back_as_they_were() {
        for text in ["a", "", r"\.php$", "a\"b", "tab\tline\n", "'\\", "\u{7f}", "例"] {
            let table: ::toml::Table = format!("key = {}", quoted(text)).parse().expect(text);
            assert_eq!(table["key"].as_str(), Some(text));
        }
        assert_eq!(quoted(r"\d"), r"'\d'");
    }
}

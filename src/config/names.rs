//! Looking something up by host name, for SNI and Host alike: exact first, then wildcard.

use std::collections::HashMap;

/// Longest host name on the wire (RFC 1035 section 2.3.4).
const NAME_MAX: usize = 253;

/// Values by host name. A name is exact (`game.example.com`) or a wildcard (`*.example.com`),
/// which stands for exactly one label.
#[derive(Clone, Debug)]
pub struct Names<T> {
    exact: HashMap<String, T>,
    /// By what stands behind `*.`.
    wildcard: HashMap<String, T>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), wildcard: HashMap::new() }
    }
}

impl<T> Names<T> {
    /// Adds a lower-case name; a later one of the same name replaces the earlier.
    pub fn insert(&mut self, name: &str, value: T) {
        match name.strip_prefix("*.") {
            Some(suffix) => self.wildcard.insert(suffix.to_owned(), value),
            None => self.exact.insert(name.to_owned(), value),
        };
    }

    /// What `name` means; letter case and one trailing dot don't matter.
    pub fn find(&self, name: &str) -> Option<&T> {
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.len() > NAME_MAX {
            return None;
        }
        let name = name.to_ascii_lowercase();
        self.exact.get(&name).or_else(|| {
            let (label, suffix) = name.split_once('.')?;
            if label.is_empty() { None } else { self.wildcard.get(suffix) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_wins_over_wildcard_and_a_wildcard_is_one_label() {
        let mut names = Names::default();
        for (name, value) in
            [("game.example.com", 1), ("*.example.com", 2), ("*.play.example.com", 3)]
        {
            names.insert(name, value);
        }
        for (asked, found) in [
            ("game.example.com", Some(&1)),
            ("GAME.Example.COM.", Some(&1)),
            ("game.example.com..", None),
            ("other.example.com", Some(&2)),
            ("play.example.com", Some(&2)),
            ("a.play.example.com", Some(&3)),
            ("a.b.play.example.com", None),
            ("a.game.example.com", None),
            (".example.com", None),
            ("example.com", None),
            ("gameexample.com", None),
            ("game.example.com.evil.org", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(names.find(asked), found, "{asked:?}");
        }
        assert_eq!(names.find(&"a.".repeat(200)), None);
    }
}

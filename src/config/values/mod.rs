//! What may stand in a string of the file: pure functions from text to a value or what is wrong
//! with it. Know nothing of files, spans and keys.

pub mod acme;
pub mod address;
pub mod answer;
pub mod backend;
pub mod environment;
pub mod http;
pub mod log;
pub mod origin;
pub mod path;
pub mod quantity;

/// What is wrong with a value, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// In one sentence without a full stop.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Wrong {
    /// Without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// With a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<&str> for Wrong {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

/// One of a few words.
pub fn choice<T: Clone>(text: &str, choices: &[(&str, T)]) -> Result<T, Wrong> {
    if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
        return Ok(value.clone());
    }
    let words: Vec<_> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
    let wrong = Wrong::new(format!("`{text}` is not one of {}", words.join(", ")));
    match closest(text, choices.iter().map(|(word, _)| *word)) {
        Some(word) => Err(wrong.hint(format!("did you mean `{word}`?"))),
        None => Err(wrong),
    }
}

/// The word that was probably meant: few letters away for its length.
pub fn closest<'a>(text: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    let near = words.map(|word| (distance(&text, word), word));
    let (distance, word) = near.min_by_key(|(distance, _)| *distance)?;
    let allowed = (word.len().max(text.len()) / 3).max(1);
    (distance <= allowed).then_some(word)
}

/// Letters inserted, left out, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_recognised_and_a_far_one_is_not() {
        let words = ["certificate", "private_key", "domains"];
        assert_eq!(closest("certifcate", words.into_iter()), Some("certificate"));
        assert_eq!(closest("privatekey", words.into_iter()), Some("private_key"));
        assert_eq!(closest("Domains", words.into_iter()), Some("domains"));
        assert_eq!(closest("upgrade", words.into_iter()), None);
        assert_eq!(closest("x", [].into_iter()), None);
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_right_ones() {
        let choices = [("allow", 1), ("never", 2)];
        assert_eq!(choice("never", &choices), Ok(2));
        let wrong = choice("alow", &choices).expect_err("no such word");
        assert_eq!(wrong.message, "`alow` is not one of `allow`, `never`");
        assert_eq!(wrong.hint.as_deref(), Some("did you mean `allow`?"));
    }
}

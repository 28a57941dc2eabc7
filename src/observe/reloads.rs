//! What became of each attempt to take a new configuration.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::metrics::Counter;

/// Counts reloads; `control` tells it of each.
#[derive(Debug, Default)]
pub struct Reloads {
    /// New configurations taken.
    pub applied: Counter,
    /// Attempts that changed nothing.
    pub refused: Counter,
    last: Mutex<Option<Reload>>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// When.
    pub time: SystemTime,
    /// Whether the new configuration holds.
    pub applied: bool,
    /// Why not, or what needs a restart.
    pub words: String,
}

impl Reloads {
    /// The new configuration holds; `words` says what of it needs a restart.
    pub fn applied(&self, words: impl Into<String>) {
        self.applied.add(1);
        self.note(true, words.into());
    }

    /// Nothing has changed; `words` says why.
    pub fn refused(&self, words: impl Into<String>) {
        self.refused.add(1);
        self.note(false, words.into());
    }

    /// The last attempt.
    pub fn last(&self) -> Option<Reload> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, applied: bool, words: String) {
        let reload = Reload { time: SystemTime::now(), applied, words };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(reload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_attempt_is_remembered_with_its_words() {
        let reloads = Reloads::default();
        assert_eq!(reloads.last(), None);
        reloads.applied("");
        reloads.refused("a.crt: not found");
        assert_eq!((reloads.applied.value(), reloads.refused.value()), (1, 1));
        let last = reloads.last().expect("there were two");
        assert!(!last.applied);
        assert_eq!(last.words, "a.crt: not found");
    }
}

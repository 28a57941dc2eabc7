//! The last endings, for people who want to know what happened just now.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::line::{Kind, Line};
use crate::life::{Cause, Refusal};

/// How many are kept.
pub const KEPT: usize = 100;

/// The last access lines of sockets, and of whatever did not come to a good end.
#[derive(Debug, Default)]
pub struct Endings(Mutex<VecDeque<Arc<Line>>>);

impl Endings {
    /// Keeps `line` if it is worth it; the oldest one is forgotten for it.
    pub fn note(&self, line: &Arc<Line>) {
        let ordinary =
            matches!(line.end.cause, Cause::Finished | Cause::Refusal(Refusal::Redirected));
        if line.kind != Kind::Socket && ordinary {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_back();
        }
        kept.push_front(Arc::clone(line));
    }

    /// The newest first.
    pub fn newest(&self) -> Vec<Arc<Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::life::{By, End, Stage};

    fn line(kind: Kind, millis: u64, cause: Cause) -> Arc<Line> {
        let end = End::new(By::Client, Stage::Relay, cause);
        Arc::new(Line { kind, millis, end, ..Line::default() })
    }

    #[test]
    fn the_last_hundred_are_kept_and_good_requests_are_not() {
        let endings = Endings::default();
        (0..250).for_each(|it| endings.note(&line(Kind::Socket, it, Cause::Fin)));
        endings.note(&line(Kind::Request, 998, Cause::Finished));
        endings.note(&line(Kind::Request, 999, Cause::Refusal(Refusal::Origin)));
        let kept: Vec<u64> = endings.newest().iter().map(|it| it.millis).collect();
        assert_eq!((kept.len(), kept[0], kept[1], kept[99]), (KEPT, 999, 249, 151));
    }
}

//! Whether a server is worth trying. Pure: the time is an argument, the checks are somebody
//! else's.
//!
//! Two things put a server out of favour. A connection that could not be made puts it behind the
//! others for a while, which grows as long as it fails; an ordinary end of a socket, or an answer
//! that a client did not like, says nothing about the server. Active checks that fail several
//! times in a row take it out altogether until they succeed again.

use std::time::{Duration, Instant};

use crate::config::model;

/// How long a server is left alone after its first failed connection.
const PENALTY_FIRST: Duration = Duration::from_secs(1);

/// The longest such time: a server that is back gets its share again within it.
const PENALTY_LONGEST: Duration = Duration::from_secs(10);

/// How a server is looked at when one has to be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// As far as anybody knows it is well.
    Up,
    /// A connection failed lately: only when no other is left.
    Doubtful,
    /// Active checks say that it is not well.
    Down,
}

impl Standing {
    /// The word for people and counters.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Doubtful => "doubtful",
            Self::Down => "down",
        }
    }
}

/// What connections to one server have shown, whoever made them.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Connections that failed since one succeeded.
    failed: u32,
    /// When it may be tried again.
    again_at: Option<Instant>,
}

/// What the active checks of one pool have found of a server. Another pool, or the same one before a
/// reload, asks by its own rule and may find otherwise.
#[derive(Clone, Debug, Default)]
pub(super) struct Checks {
    /// Checks in a row that say the opposite of `down`.
    against: u32,
    /// What they have settled.
    down: bool,
}

impl Health {
    /// How it stands at `now` as far as connections tell.
    pub(super) fn standing(&self, now: Instant) -> Standing {
        if self.again_at.is_some_and(|at| now < at) { Standing::Doubtful } else { Standing::Up }
    }

    /// Somebody is about to try it. After a failure one may, and the others wait for what comes
    /// of it.
    pub(super) fn claim(&mut self, now: Instant) {
        if self.again_at.is_some() {
            self.again_at = Some(now + penalty(self.failed));
        }
    }

    /// A connection was made. Whether that is news.
    pub(super) fn connected(&mut self) -> bool {
        self.again_at = None;
        std::mem::take(&mut self.failed) > 0
    }

    /// A connection could not be made. Whether that is news.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        self.failed = self.failed.saturating_add(1);
        self.again_at = Some(now + penalty(self.failed));
        self.failed == 1
    }
}

impl Checks {
    /// Whether they took the server out.
    pub(super) fn down(&self) -> bool {
        self.down
    }

    /// An active check came to its end. Whether that turned the server up or down.
    pub(super) fn checked(&mut self, well: bool, rule: &model::Health) -> bool {
        if well != self.down {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let turns = self.against >= if self.down { rule.rise } else { rule.fall };
        if turns {
            self.down = !self.down;
            self.against = 0;
        }
        turns
    }
}

fn penalty(failed: u32) -> Duration {
    let doubled = 1 << failed.saturating_sub(1).min(8);
    (PENALTY_FIRST * doubled).min(PENALTY_LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_failed_connection_costs_a_while_that_grows() {
        let mut health = Health::default();
        let now = Instant::now();
        assert_eq!(health.standing(now), Standing::Up);
        assert!(health.failed(now), "news");
        assert_eq!(health.standing(now), Standing::Doubtful);
        assert_eq!(health.standing(now + S), Standing::Up);
        assert!(!health.failed(now + S));
        assert_eq!(health.standing(now + 2 * S), Standing::Doubtful);
        assert_eq!(health.standing(now + 3 * S), Standing::Up);
        (0..40).for_each(|_| {
            health.failed(now);
        });
        assert_eq!(health.standing(now + 9 * S), Standing::Doubtful);
        assert_eq!(health.standing(now + 10 * S), Standing::Up, "never longer");
        assert!(health.connected(), "news");
        assert!(!health.connected());
        assert_eq!(health.standing(now), Standing::Up);
    }

    #[test]
    fn one_tries_a_doubtful_server_and_the_others_wait() {
        let mut health = Health::default();
        let now = Instant::now();
        health.failed(now);
        assert_eq!(health.standing(now + S), Standing::Up, "somebody may try");
        health.claim(now + S);
        assert_eq!(health.standing(now + S), Standing::Doubtful, "somebody does");
        let mut well = Health::default();
        well.claim(now);
        assert_eq!(well.standing(now), Standing::Up, "a healthy one takes everybody");
    }

    #[test]
    fn checks_turn_it_down_and_up_when_several_agree() {
        let rule = model::Health { path: "/".to_owned(), every: S, timeout: S, fall: 3, rise: 2 };
        let mut checks = Checks::default();
        for (well, turns) in [
            (false, false),
            (false, false),
            (true, false),
            (false, false),
            (false, false),
            (false, true),
            (false, false),
            (true, false),
            (false, false),
            (true, false),
            (true, true),
        ] {
            let before = checks.down();
            assert_eq!(checks.checked(well, &rule), turns);
            assert_eq!(checks.down() != before, turns);
        }
        assert!(!checks.down());
    }
}

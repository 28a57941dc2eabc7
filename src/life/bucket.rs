//! A rate as a bucket: it fills steadily up to what it holds, and whoever takes more than is in it
//! is too fast. Pure: the time is an argument.

use tokio::time::Instant;

/// How fast a bucket fills and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// What it gains in a second.
    pub per_second: f64,
    /// What it holds when it is full.
    pub holds: f64,
}

/// What is in a bucket.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    level: f64,
    at: Instant,
}

impl Pace {
    /// A bucket that holds one second's worth, at least `least`.
    pub fn new(per_second: f64, least: f64) -> Self {
        Self { per_second, holds: per_second.max(least) }
    }
}

impl Bucket {
    /// A full one.
    pub fn full(pace: &Pace, now: Instant) -> Self {
        Self { level: pace.holds, at: now }
    }

    /// Lets in what has come since the last time, and says what is in it now: below zero when more
    /// was taken than it had.
    pub fn fill(&mut self, pace: &Pace, now: Instant) -> f64 {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * pace.per_second;
        self.level = (self.level + gained).min(pace.holds);
        self.at = self.at.max(now);
        self.level
    }

    /// What was in it when it was last filled, less what was taken since.
    pub fn level(&self) -> f64 {
        self.level
    }

    /// Takes `amount`, whether it is there or not.
    pub fn take(&mut self, amount: f64) {
        self.level -= amount;
    }

    /// Whether it is full at `now`: then it remembers nothing.
    pub fn is_full(&self, pace: &Pace, now: Instant) -> bool {
        let mut then = *self;
        then.fill(pace, now) >= pace.holds
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_gives_what_it_holds_at_once_and_then_its_rate() {
        let (pace, begun) = (Pace::new(50.0, 10.0), Instant::now());
        assert_eq!(pace.holds, 50.0);
        assert_eq!(Pace::new(2.0, 10.0).holds, 10.0, "never less than a few");
        let mut bucket = Bucket::full(&pace, begun);
        bucket.take(50.0);
        assert_eq!(bucket.level(), 0.0);
        assert_eq!(bucket.fill(&pace, begun + Duration::from_millis(100)), 5.0);
        bucket.take(25.0);
        assert_eq!(bucket.level(), -20.0);
        assert_eq!(bucket.fill(&pace, begun), -20.0, "time does not go back");
        assert!(!bucket.is_full(&pace, begun + Duration::from_secs(1)));
        assert!(bucket.is_full(&pace, begun + Duration::from_secs(2)));
        assert_eq!(bucket.fill(&pace, begun + Duration::from_secs(99)), 50.0, "no more than that");
    }
}

//! How long a request's body was awaited, and how much of it came: slow is one thing, one byte a second
//! another. Pure: the time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// How long a body may be awaited in all before its rate counts.
const GRACE: Duration = Duration::from_secs(30);

/// Bytes a second. A body that comes slower, averaged over all the time that it was awaited, is
/// given up. Pauses that the backend makes are not counted.
pub(super) const BODY_RATE_MIN: u64 = 500;

/// The waits of one body.
#[derive(Debug, Default)]
pub(super) struct BodyWait {
    bytes: u64,
    waited: Duration,
    since: Option<Instant>,
}

impl BodyWait {
    /// The gateway wants more than has come; when that will have lasted too long.
    pub(super) fn awaited(&mut self, now: Instant) -> Instant {
        let since = *self.since.get_or_insert(now);
        since + self.allowed().saturating_sub(self.waited)
    }

    /// `count` bytes have come.
    pub(super) fn came(&mut self, count: usize, now: Instant) {
        if let Some(since) = self.since.take() {
            // Had the gateway been listening all the while, it would have given up: it was busy.
            let left = self.allowed().saturating_sub(self.waited);
            let passed = now.saturating_duration_since(since);
            self.waited += if passed < left { passed } else { Duration::ZERO };
        }
        self.bytes += count as u64;
    }

    fn allowed(&self) -> Duration {
        GRACE.max(Duration::from_secs(self.bytes / BODY_RATE_MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `count` bytes after each `pause`; how long it is endured.
    fn endured(count: usize, pause: Duration) -> Option<Duration> {
        let begun = Instant::now();
        let (mut body, mut now) = (BodyWait::default(), begun);
        for _ in 0..10_000 {
            let due = body.awaited(now);
            now += pause;
            if due <= now {
                return Some(due - begun);
            }
            body.came(count, now);
        }
        None
    }

    #[test]
    fn a_byte_a_second_is_given_up_and_a_slow_phone_is_not() {
        let second = Duration::from_secs(1);
        assert_eq!(endured(1, second), Some(GRACE));
        assert_eq!(endured(499, second), Some(GRACE));
        assert_eq!(endured(600, second), None);
        assert_eq!(endured(0, 60 * second), Some(GRACE));
        assert_eq!(endured(64 * 1024, 20 * second), None);
    }

    #[test]
    fn a_pause_of_the_backend_is_not_the_clients() {
        let mut body = BodyWait::default();
        let mut now = Instant::now();
        for _ in 0..10 {
            let due = body.awaited(now);
            now = due + GRACE;
            body.came(1, now);
        }
        assert_eq!(body.awaited(now), now + GRACE);
    }
}

//! How fast a client may send: `limits.messages` and `limits.bytes` of one tunnel. Knows frames by
//! their first two bytes, and no streams. A tunnel without rates has none of this.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::model::{OverLimit, Rate, RouteLimits};
use crate::life::{Bucket, Pace, Refusal};

/// Least that a bucket for messages holds.
const BURST_LEAST: f64 = 10.0;

/// A delayed client goes on with this much of a second's worth, so that it is not woken for every
/// message.
const PORTION: f64 = 0.1;

/// A fragment shorter than this counts like a message: its length needs no more than one byte.
const SHORT: u8 = 126;

/// The rates of one client.
#[derive(Debug)]
pub(super) struct Tempo {
    messages: Option<Account>,
    bytes: Option<Account>,
    over: OverLimit,
    /// Whether messages may be of any length: then bytes are looked at within one, too.
    endless: bool,
}

/// One rate and what is left of it.
#[derive(Debug)]
struct Account {
    pace: Pace,
    bucket: Bucket,
}

/// What becomes of the next piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Goes,
    /// It waits until then, and everything behind it.
    Waits(Instant),
    /// It is one too many.
    TooFast(Refusal),
}

impl Tempo {
    /// `None` when the route has no rate.
    pub(super) fn of(limits: &RouteLimits, now: Instant) -> Option<Box<Self>> {
        let account = |rate: Rate, least| {
            let pace = Pace::new(rate.per_second(), least);
            Account { pace, bucket: Bucket::full(&pace, now) }
        };
        let messages = limits.messages.map(|it| account(it, BURST_LEAST));
        let bytes = limits.bytes.map(|it| account(it, 1.0));
        let any = messages.is_some() || bytes.is_some();
        let (over, endless) = (limits.over_limit, limits.message_size.is_none());
        any.then(|| Box::new(Self { messages, bytes, over, endless }))
    }

    /// Once for each read.
    pub(super) fn fill(&mut self, now: Instant) {
        for account in [&mut self.messages, &mut self.bytes].into_iter().flatten() {
            account.bucket.fill(&account.pace, now);
        }
    }

    /// Whether the piece at the front of `buf` may go on; `border` says that a frame begins there.
    pub(super) fn judge(&self, buf: &[u8], border: bool, now: Instant) -> Verdict {
        let counts = border && counts(buf);
        if let Some(it) = &self.messages
            && counts
            && it.bucket.level() < 1.0
        {
            return self.over(it, Refusal::MessageRate, now);
        }
        let Some(it) = &self.bytes else { return Verdict::Goes };
        let level = it.bucket.level();
        let over = match self.over {
            OverLimit::Delay => level <= 0.0,
            // A message that was let in may be as long as any: the next one pays for it.
            OverLimit::Close if counts => level <= 0.0,
            OverLimit::Close => self.endless && level < -it.pace.holds,
        };
        if over { self.over(it, Refusal::ByteRate, now) } else { Verdict::Goes }
    }

    /// The piece of `len` bytes at the front of `buf` went on.
    pub(super) fn charge(&mut self, buf: &[u8], border: bool, len: usize) {
        if let Some(it) = &mut self.messages
            && border
            && counts(buf)
        {
            it.bucket.take(1.0);
        }
        if let Some(it) = &mut self.bytes {
            it.bucket.take(len as f64);
        }
    }

    fn over(&self, account: &Account, refusal: Refusal, now: Instant) -> Verdict {
        if self.over == OverLimit::Close {
            return Verdict::TooFast(refusal);
        }
        let Account { pace, bucket } = account;
        let wanted = (pace.per_second * PORTION).max(1.0) - bucket.level();
        let wait = Duration::try_from_secs_f64(wanted / pace.per_second).unwrap_or(LONGEST);
        Verdict::Waits(now + wait.min(LONGEST))
    }
}

/// No wait is longer; what is left is waited for once more.
const LONGEST: Duration = Duration::from_secs(3600);

/// Whether the frame at the front of `buf` counts as a message: the beginning of one, a control
/// frame, or a short fragment. Otherwise pings and fragments would be a way around the rate. Of a
/// single byte nothing can be passed on yet.
fn counts(buf: &[u8]) -> bool {
    match buf {
        [first, second, ..] => first & 0x0f != 0 || second & 0x7f < SHORT,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: [u8; 6] = [0x81, 0x80, 1, 2, 3, 4];
    const PING: [u8; 6] = [0x89, 0x80, 1, 2, 3, 4];
    const FRAGMENT: [u8; 6] = [0x00, 0x81, 1, 2, 3, 4];
    const LONG_FRAGMENT: [u8; 4] = [0x00, 0xfe, 1, 0];

    fn rate(amount: u64) -> Option<Rate> {
        Some(Rate { amount, per: Duration::from_secs(1) })
    }

    fn tempo(limits: RouteLimits, now: Instant) -> Tempo {
        *Tempo::of(&limits, now).expect("a rate")
    }

    fn limits(over_limit: OverLimit) -> RouteLimits {
        RouteLimits {
            message_size: Some(1 << 20),
            messages: None,
            bytes: None,
            over_limit,
            stalled_writer: None,
            connections: None,
            request_body: None,
        }
    }

    #[test]
    fn without_a_rate_there_is_nothing() {
        assert!(Tempo::of(&limits(OverLimit::Close), Instant::now()).is_none());
    }

    #[test]
    fn messages_control_frames_and_short_fragments_count() {
        for (frame, counts) in [(&TEXT[..], true), (&PING, true), (&FRAGMENT, true)] {
            assert_eq!(super::counts(frame), counts, "{frame:?}");
        }
        assert!(!super::counts(&LONG_FRAGMENT) && !super::counts(&[0x81]));
        let now = Instant::now();
        let mut tempo = tempo(RouteLimits { messages: rate(2), ..limits(OverLimit::Close) }, now);
        for _ in 0..10 {
            assert_eq!(tempo.judge(&PING, true, now), Verdict::Goes);
            tempo.charge(&PING, true, 6);
            assert_eq!(tempo.judge(&TEXT, false, now), Verdict::Goes, "the middle of a frame");
            tempo.charge(&TEXT, false, 6);
        }
        assert_eq!(tempo.judge(&TEXT, true, now), Verdict::TooFast(Refusal::MessageRate));
        assert_eq!(tempo.judge(&LONG_FRAGMENT, true, now), Verdict::Goes);
        tempo.fill(now + Duration::from_millis(500));
        assert_eq!(tempo.judge(&TEXT, true, now), Verdict::Goes, "one more in half a second");
    }

    #[test]
    fn a_message_that_was_let_in_is_finished_and_the_next_one_pays_for_it() {
        let now = Instant::now();
        let mut tempo = tempo(RouteLimits { bytes: rate(100), ..limits(OverLimit::Close) }, now);
        for piece in [true, false, false] {
            assert_eq!(tempo.judge(&TEXT, piece, now), Verdict::Goes);
            tempo.charge(&TEXT, piece, 100);
        }
        assert_eq!(tempo.judge(&TEXT, true, now), Verdict::TooFast(Refusal::ByteRate));
        tempo.fill(now + Duration::from_millis(1900));
        assert_eq!(tempo.judge(&TEXT, true, now), Verdict::TooFast(Refusal::ByteRate));
        tempo.fill(now + Duration::from_millis(2100));
        assert_eq!(tempo.judge(&TEXT, true, now), Verdict::Goes);
    }

    #[test]
    fn without_a_message_size_a_message_cannot_go_on_for_ever() {
        let now = Instant::now();
        let unbounded =
            RouteLimits { message_size: None, bytes: rate(100), ..limits(OverLimit::Close) };
        let mut tempo = tempo(unbounded, now);
        tempo.charge(&TEXT, true, 201);
        assert_eq!(tempo.judge(&TEXT, false, now), Verdict::TooFast(Refusal::ByteRate));
    }

    #[test]
    fn a_delayed_client_goes_on_with_a_tenth_of_a_second_worth() {
        let now = Instant::now();
        let both =
            RouteLimits { messages: rate(50), bytes: rate(1000), ..limits(OverLimit::Delay) };
        let mut tempo = tempo(both, now);
        for _ in 0..50 {
            tempo.charge(&TEXT, true, 6);
        }
        let Verdict::Waits(until) = tempo.judge(&TEXT, true, now) else { panic!("it goes on") };
        assert_eq!((until - now).as_millis(), 100, "until five may go");
        assert_eq!(tempo.judge(&TEXT, false, now), Verdict::Goes, "bytes are left");
        tempo.charge(&TEXT, false, 1700);
        let Verdict::Waits(until) = tempo.judge(&TEXT, false, now) else { panic!("it goes on") };
        assert_eq!((until - now).as_millis(), 1100, "1000 bytes too many, and 100 to go on with");
        let tiny = RouteLimits {
            bytes: Some(Rate { amount: 1, per: Duration::from_secs(3600) }),
            ..limits(OverLimit::Delay)
        };
        let mut tempo = super::Tempo::of(&tiny, now).expect("a rate");
        tempo.charge(&TEXT, true, 1 << 40);
        assert_eq!(tempo.judge(&TEXT, true, now), Verdict::Waits(now + LONGEST));
    }
}

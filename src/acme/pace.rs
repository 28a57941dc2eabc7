//! When a certificate is renewed, and when a failed order is tried again. Pure.

use std::time::{Duration, SystemTime};

use super::trouble::Kind;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// First pause after a failure that costs the CA nothing, doubled up to the longest.
const PASSING: (Duration, Duration) = (Duration::from_secs(5), HOUR);

/// The same where the CA said no: the usual one forgives five failed proofs of a name in an hour.
const REFUSED: (Duration, Duration) =
    (Duration::from_secs(5 * 60), Duration::from_secs(12 * 60 * 60));

/// Longest that a CA can put us off.
const LONGEST_BAN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long ago the last attempt has to be for somebody's wish to bring about another.
pub(super) const BETWEEN_WISHES: Duration = MINUTE;

/// How long ago the last attempt has to be for the CA's suggestion to bring about another.
pub(super) const BETWEEN_SUGGESTIONS: Duration = HOUR;

/// How much a moment is moved by lot, to either side, so that gateways do not come at once.
const JITTER: f64 = 0.15;

/// When to renew what is valid from `from` to `until`: as configured, but never before a third of its time is over;
/// else when a third is left.
pub(super) fn renewal(
    (from, until): (SystemTime, SystemTime),
    renew_before: Option<Duration>,
) -> SystemTime {
    let whole = until.duration_since(from).unwrap_or_default();
    let left = renew_before.unwrap_or(whole / 3).min(whole / 3 * 2);
    until - left
}

/// The same when the CA suggests a window (RFC 9773 section 4.2): a moment in it by lot, and not when only a sixth of
/// the time is left.
pub(super) fn suggested(
    (from, until): (SystemTime, SystemTime),
    (start, end): (SystemTime, SystemTime),
    lot: f64,
) -> SystemTime {
    let whole = until.duration_since(from).unwrap_or_default();
    let window = end.duration_since(start).unwrap_or_default();
    (start + window.mul_f64(lot.clamp(0.0, 1.0))).min(until - whole / 6)
}

/// When to try again after `failures` in a row, of which the last was of this kind; `lot` is from 0 to 1.
pub(super) fn retry(kind: Kind, failures: u32, now: SystemTime, lot: f64) -> SystemTime {
    let (first, longest) = match kind {
        Kind::Passing => PASSING,
        Kind::Refused => REFUSED,
        Kind::Until(moment) => {
            let latest = now + LONGEST_BAN;
            let wait = moment.min(latest).duration_since(now).unwrap_or_default();
            return now + wait.max(PASSING.0).mul_f64(1.0 + JITTER * lot);
        }
    };
    let doublings = failures.saturating_sub(1).min(16);
    let wait = first.saturating_mul(1 << doublings).min(longest);
    now + wait.mul_f64(1.0 + JITTER * (2.0 * lot - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn at(days: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * (20_000 + days)
    }

    #[test]
    fn a_certificate_is_renewed_with_a_third_left_or_as_configured() {
        assert_eq!(renewal((at(0), at(90)), None), at(60));
        assert_eq!(renewal((at(0), at(6)), None), at(4));
        assert_eq!(renewal((at(0), at(90)), Some(DAY * 20)), at(70));
        assert_eq!(renewal((at(0), at(6)), Some(DAY * 30)), at(2), "never at once");
    }

    #[test]
    fn a_suggestion_holds_unless_it_comes_too_late() {
        let valid = (at(0), at(90));
        assert_eq!(suggested(valid, (at(50), at(52)), 0.5), at(51));
        assert_eq!(suggested(valid, (at(88), at(89)), 0.0), at(75));
        assert_eq!(suggested(valid, (at(1), at(0)), 1.0), at(1), "a window of no length");
    }

    #[test]
    fn pauses_double_up_to_their_limit_and_a_no_weighs_more() {
        let now = at(0);
        let wait = |kind, failures| {
            let early = retry(kind, failures, now, 0.0).duration_since(now).expect("later");
            let late = retry(kind, failures, now, 1.0).duration_since(now).expect("later");
            (early.as_secs_f64(), late.as_secs_f64())
        };
        assert_eq!(wait(Kind::Passing, 1), (4.25, 5.75));
        assert_eq!(wait(Kind::Passing, 2), (8.5, 11.5));
        assert_eq!(wait(Kind::Refused, 1), (255.0, 345.0));
        assert_eq!(wait(Kind::Passing, 99).0, 3600.0 * 0.85);
        assert_eq!(wait(Kind::Refused, u32::MAX).0, 43_200.0 * 0.85);
        // At most four failed proofs in any hour.
        let hour: f64 = (1..5).map(|it| wait(Kind::Refused, it).0).sum();
        assert!(hour > 3600.0, "{hour}");
    }

    #[test]
    fn a_ca_that_names_a_moment_is_believed_within_reason() {
        let now = at(0);
        assert_eq!(retry(Kind::Until(at(2)), 1, now, 0.0), at(2));
        assert_eq!(retry(Kind::Until(at(400)), 1, now, 0.0), at(7));
        assert!(retry(Kind::Until(now), 1, now, 0.0) >= now + PASSING.0);
    }
}

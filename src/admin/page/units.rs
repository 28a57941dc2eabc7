//! Figures with their units, short enough for a table. Pure; knows nothing of what they measure.

use std::borrow::Cow;
use std::time::Duration;

/// Most characters of one text from outside: who wants more finds it in the log.
const LONG: usize = 240;

/// `12,345`
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0`, `0.4`, `12.5`, `1,234`: as many digits as can be told apart at a glance.
pub fn decimal(number: f64) -> String {
    if number >= 99.95 {
        count(number.round() as u64)
    } else if number < 0.05 {
        "0".to_owned()
    } else {
        let text = format!("{number:.1}");
        text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
    }
}

/// `512 B`, `1.5 kB`, `12 MB`
pub fn bytes(number: f64) -> String {
    let mut rest = number.max(0.0);
    let mut unit = "B";
    for larger in ["kB", "MB", "GB", "TB", "PB"] {
        if rest < 999.95 {
            break;
        }
        rest /= 1000.0;
        unit = larger;
    }
    format!("{} {unit}", decimal(rest))
}

/// `12.5/s`
pub fn per_second(number: f64) -> String {
    format!("{}/s", decimal(number))
}

/// `1.5 kB/s`
pub fn bytes_per_second(number: f64) -> String {
    format!("{}/s", bytes(number))
}

/// `0.4 ms`, `120 ms`, `1.2 s`
pub fn millis(number: f64) -> String {
    match number {
        n if n >= 999.5 => format!("{} s", decimal(n / 1000.0)),
        n if n >= 0.995 => format!("{} ms", decimal(n)),
        n => format!("{:.2} ms", n.max(0.0)),
    }
}

/// `3 s`, `12 min 5 s`, `3 h 20 min`, `12 d 4 h`: the two largest units.
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (large, large_unit, small, small_unit) = match seconds {
        0..60 => return format!("{seconds} s"),
        60..3600 => (seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => (seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => (seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    };
    match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    }
}

/// As [`span`], from seconds.
pub fn seconds(seconds: f64) -> String {
    span(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default())
}

/// `08:34:56 UTC`, of a time in RFC 3339: on this page the day is seldom another.
pub fn clock(time: &str) -> String {
    time.get(11..19).map_or_else(|| time.to_owned(), |it| format!("{it} UTC"))
}

/// `2027-02-03`, of a time in RFC 3339.
pub fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

/// A site and a route's path in one word; paths that are more than a prefix keep their distance.
pub fn place(site: &str, route: &str) -> String {
    let joined = route.starts_with('/') || route.is_empty() || site.is_empty();
    let gap = if joined { "" } else { " " };
    format!("{site}{gap}{route}")
}

/// The beginning of a text that may be as long as a stranger wants.
pub fn clipped(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONG) {
        Some((at, _)) => Cow::Owned(format!("{}…", text.get(..at).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")]
        {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn figures_have_no_more_digits_than_they_need() {
        for (number, text) in [
            (0.0, "0"),
            (0.04, "0"),
            (0.06, "0.1"),
            (12.0, "12"),
            (99.94, "99.9"),
            (1234.4, "1,234"),
        ] {
            assert_eq!(decimal(number), text);
        }
        for (number, text) in [
            (0.0, "0 B"),
            (999.0, "999 B"),
            (999.97, "1 kB"),
            (1_500.0, "1.5 kB"),
            (2.5e9, "2.5 GB"),
        ] {
            assert_eq!(bytes(number), text);
        }
        for (number, text) in
            [(0.123, "0.12 ms"), (3.0, "3 ms"), (250.0, "250 ms"), (1250.0, "1.2 s")]
        {
            assert_eq!(millis(number), text);
        }
    }

    #[test]
    fn times_and_places_are_short() {
        assert_eq!(clock("2026-11-21T15:42:04.001Z"), "15:42:04 UTC");
        assert_eq!(clock("soon"), "soon");
        assert_eq!(day("2027-02-10T00:00:00.000Z"), "2027-02-10");
        assert_eq!(place("a.test", "/ws"), "a.test/ws");
        assert_eq!(place("a.test", "~ ^/v[0-9]+"), "a.test ~ ^/v[0-9]+");
        assert_eq!(place("", "= /ws"), "= /ws");
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(clipped("短"), "短");
        let long = "短".repeat(LONG + 1);
        assert_eq!(clipped(&long), format!("{}…", "短".repeat(LONG)));
    }

    #[test]
    fn spans_have_two_units_at_most() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min 59 s"),
            (3_600, "1 h"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}

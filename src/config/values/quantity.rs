//! Durations and sizes.

use std::time::Duration;

use crate::config::model::Rate;
use crate::config::values::Wrong;

/// `"off"`, or what `parse` takes.
pub fn or_off<T>(text: &str, parse: impl Fn(&str) -> Result<T, Wrong>) -> Result<Option<T>, Wrong> {
    if text == "off" {
        return Ok(None);
    }
    parse(text).map(Some).map_err(|wrong| match wrong.hint {
        None => wrong.hint("write \"off\" to switch it off"),
        Some(_) => wrong,
    })
}

/// `"500ms"`, `"25s"`, `"5m"`, `"2h"`, `"1d"`; at most a year, never zero.
pub fn positive_duration(text: &str) -> Result<Duration, Wrong> {
    match duration(text)? {
        Duration::ZERO => Err(Wrong::new("this cannot be zero")),
        wait => Ok(wait),
    }
}

/// The same, zero allowed.
pub fn duration(text: &str) -> Result<Duration, Wrong> {
    if text == "off" {
        return Err(Wrong::new("this cannot be switched off"));
    }
    let (number, unit) = number_and_unit(text);
    let number = whole(number, text, "a duration such as \"25s\"")?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" => return Err(without_unit(text, "s", "\"500ms\", \"25s\", \"5m\" or \"2h\"")),
        _ => {
            let wrong = Wrong::new(format!("`{unit}` is not a unit of time"));
            return Err(wrong.hint("the units are ms, s, m, h and d"));
        }
    };
    // A year: longer waits are mistakes, and some clocks cannot count them.
    const LONGEST: u64 = 365 * 86_400_000;
    match number.checked_mul(milliseconds).filter(|it| *it <= LONGEST) {
        Some(milliseconds) => Ok(Duration::from_millis(milliseconds)),
        None => Err(Wrong::new(format!("`{text}` is longer than a year"))),
    }
}

/// `"64KiB"`, `"1MiB"`, `"10MB"`, `"512B"`, in bytes; never zero.
pub fn size(text: &str) -> Result<u64, Wrong> {
    if text == "off" {
        return Err(Wrong::new("this cannot be switched off"));
    }
    let (number, unit) = number_and_unit(text);
    let number = whole(number, text, "a size such as \"64KiB\"")?;
    let bytes = match unit {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "" => return Err(without_unit(text, "B", "\"64KiB\", \"1MiB\" or \"10MB\"")),
        _ => {
            let wrong = Wrong::new(format!("`{unit}` is not a unit of size"));
            return Err(wrong.hint("the units are B, KiB, MiB, GiB, KB, MB and GB"));
        }
    };
    match number.checked_mul(bytes) {
        Some(0) => Err(Wrong::new("this cannot be zero")),
        Some(bytes) => Ok(bytes),
        None => Err(Wrong::new(format!("`{text}` is more than can be counted"))),
    }
}

/// `"100/s"`, `"600/m"`, `"1000/h"`; never zero.
pub fn rate(text: &str) -> Result<Rate, Wrong> {
    let (amount, per) = amount_and_span(text, "\"20/s\" or \"600/m\"")?;
    let amount = whole(amount, text, "a rate such as \"20/s\"")?;
    match amount {
        0 => Err(Wrong::new("this cannot be zero")),
        amount => Ok(Rate { amount, per }),
    }
}

/// `"256KiB/s"`, `"10MB/m"`, in bytes; never zero.
pub fn byte_rate(text: &str) -> Result<Rate, Wrong> {
    let (amount, per) = amount_and_span(text, "\"256KiB/s\" or \"10MB/m\"")?;
    Ok(Rate { amount: size(amount)?, per })
}

fn amount_and_span<'a>(text: &'a str, examples: &str) -> Result<(&'a str, Duration), Wrong> {
    if text == "off" {
        return Err(Wrong::new("this cannot be switched off"));
    }
    let wrong = || {
        let wrong = Wrong::new(format!("`{text}` is not a rate"));
        wrong.hint(format!("write {examples}: so much in a second, minute or hour"))
    };
    let (amount, span) = text.split_once('/').ok_or_else(wrong)?;
    let seconds = match span {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    Ok((amount, Duration::from_secs(seconds)))
}

/// A duration as it would be written in the file.
pub fn written(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let fits = |it: &&(&str, u128)| milliseconds > 0 && milliseconds.is_multiple_of(it.1);
    // "60s" rather than "1m", "90m" rather than "5400s": the largest unit of which there are two.
    let several = units.iter().filter(fits).find(|it| milliseconds / it.1 > 1);
    match several.or(units.iter().find(fits)) {
        Some((unit, length)) => format!("{}{unit}", milliseconds / length),
        None => format!("{milliseconds}ms"),
    }
}

fn number_and_unit(text: &str) -> (&str, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at(digits)
}

fn whole(number: &str, text: &str, expected: &str) -> Result<u64, Wrong> {
    number.parse().map_err(|_| Wrong::new(format!("`{text}` is not {expected}")))
}

fn without_unit(text: &str, unit: &str, examples: &str) -> Wrong {
    let wrong = Wrong::new(format!("`{text}` has no unit"));
    wrong.hint(format!("write {examples}; perhaps \"{text}{unit}\" is meant"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("25s"), Ok(Duration::from_secs(25)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!(duration("1d"), Ok(Duration::from_secs(86_400)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in ["", "25", "s", "-1s", "1.5s", "1 s", "25sec", "366d", "off", "1h30m"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(duration("99999999999999999999d").is_err());
        assert!(positive_duration("0s").is_err());
    }

    #[test]
    fn a_number_without_unit_is_answered_with_one() {
        let wrong = duration("25").expect_err("no unit");
        assert!(wrong.hint.is_some_and(|it| it.contains("\"25s\"")));
    }

    #[test]
    fn sizes_are_binary_or_decimal() {
        assert_eq!(size("512B"), Ok(512));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("10MB"), Ok(10_000_000));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        for text in ["", "1", "1K", "0B", "1mib", "-1MiB", "99999999999GiB", "off"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_are_an_amount_in_a_second_a_minute_or_an_hour() {
        let rate_of = |amount, seconds| Ok(Rate { amount, per: Duration::from_secs(seconds) });
        assert_eq!(rate("20/s"), rate_of(20, 1));
        assert_eq!(rate("600/m"), rate_of(600, 60));
        assert_eq!(rate("1000/h"), rate_of(1000, 3600));
        assert_eq!(byte_rate("256KiB/s"), rate_of(262_144, 1));
        assert_eq!(byte_rate("10MB/m"), rate_of(10_000_000, 60));
        for text in ["", "20", "/s", "0/s", "20/d", "20/", "-1/s", "20 /s", "1KiB/s", "off"] {
            assert!(rate(text).is_err(), "{text}");
        }
        for text in ["256/s", "256KiB", "0B/s", "KiB/s", "1KiB/ms", "off"] {
            assert!(byte_rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn off_is_taken_only_where_asked_for() {
        assert_eq!(or_off("off", size), Ok(None));
        assert_eq!(or_off("1KiB", size), Ok(Some(1024)));
        assert!(or_off("0B", size).expect_err("zero").hint.is_some_and(|it| it.contains("off")));
    }

    #[test]
    fn durations_are_written_as_people_write_them() {
        let written = |it: u64| written(Duration::from_millis(it));
        assert_eq!(written(60_000), "60s");
        assert_eq!(written(5_400_000), "90m");
        assert_eq!(written(1_500), "1500ms");
        assert_eq!(written(1_000), "1s");
        assert_eq!(written(0), "0ms");
    }
}

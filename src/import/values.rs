//! Sizes, times and numbers as nginx writes them, and as wsgate does. Knows no directive.

use std::time::Duration;

use crate::config::accepts;

/// `10m`, `8k`, `1g`, `1024` as `10MiB`; `0` is `off`.
pub fn size(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let (number, unit) = match lower.as_bytes().last()? {
        b'k' => (&lower[..lower.len() - 1], "KiB"),
        b'm' => (&lower[..lower.len() - 1], "MiB"),
        b'g' => (&lower[..lower.len() - 1], "GiB"),
        _ => (lower.as_str(), "B"),
    };
    let number: u64 = number.parse().ok()?;
    // Beyond this the bytes could not be counted.
    if number > 1 << 30 {
        return None;
    }
    Some(if number == 0 { "off".to_owned() } else { format!("{number}{unit}") })
}

/// `60`, `60s`, `5m`, `1h 30m`, `500ms`, `1d`, in the configuration's words; at most a year.
pub fn duration(text: &str) -> Option<String> {
    let milliseconds = milliseconds(text)?;
    let longest = 365 * 86_400_000;
    Some(accepts::duration(Duration::from_millis(milliseconds.min(longest))))
}

/// The same in whole seconds, without a limit.
pub fn seconds(text: &str) -> Option<u64> {
    if text == "0s" { Some(0) } else { milliseconds(text).map(|it| it / 1000) }
}

fn milliseconds(text: &str) -> Option<u64> {
    let mut total = 0_u64;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = match rest.get(..letters)? {
            "ms" => 1,
            "" | "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            "M" => 30 * 86_400_000,
            "y" => 365 * 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = rest.get(letters..)?.trim_start();
    }
    Some(total).filter(|it| *it > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_written_in_other_words() {
        for (text, expected) in
            [("10m", "10MiB"), ("8K", "8KiB"), ("1g", "1GiB"), ("512", "512B"), ("0", "off")]
        {
            assert_eq!(size(text).as_deref(), Some(expected));
        }
        for (text, expected) in [
            ("60", "60s"),
            ("5m", "5m"),
            ("1h 30m", "90m"),
            ("500ms", "500ms"),
            ("86400s", "24h"),
            ("100y", "365d"),
        ] {
            assert_eq!(duration(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "x", "1x", "0", "-1s", "99999999999999999999s"] {
            assert_eq!(duration(text), None, "{text}");
        }
        assert_eq!(
            (seconds("90m"), seconds("0s"), seconds("1y")),
            (Some(5400), Some(0), Some(31_536_000))
        );
        assert_eq!((size("9x"), size(""), size("99999999999g")), (None, None, None));
    }
}

//! Numbers as people read them on a terminal. Pure.

/// `1234567` as `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes in the largest unit that leaves a digit before the point.
pub fn bytes(number: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut place) = (number, 0);
    while value >= 1024.0 && place + 1 < units.len() {
        value /= 1024.0;
        place += 1;
    }
    let unit = units.get(place).copied().unwrap_or_default();
    if place == 0 { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

/// A rate a second.
pub fn rate(number: f64) -> String {
    if number >= 100.0 { count(number.round() as u64) } else { format!("{number:.1}") }
}

/// Seconds in the two largest units.
pub fn seconds(number: f64) -> String {
    let whole = number.max(0.0) as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{whole}s"),
        (0, 0, minutes) => format!("{minutes}m {}s", whole % 60),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

/// Milliseconds, or a dash.
pub fn milliseconds(number: Option<f64>) -> String {
    match number {
        None => "-".to_owned(),
        Some(number) if number < 10.0 => format!("{number:.1} ms"),
        Some(number) => format!("{number:.0} ms"),
    }
}

/// Text from outside that cannot steer the terminal.
pub fn plain(text: &str) -> String {
    // A path in an access line may hold whatever a client has sent.
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let kept = (!c.is_control()).then_some(c);
            escaped.into_iter().flatten().chain(kept)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_legible() {
        assert_eq!([count(7), count(1234), count(1_234_567)], ["7", "1,234", "1,234,567"]);
        assert_eq!([bytes(12.0), bytes(2048.0), bytes(5e6)], ["12 B", "2.0 KiB", "4.8 MiB"]);
        assert_eq!([seconds(7.9), seconds(61.0), seconds(8130.0)], ["7s", "1m 1s", "2h 15m"]);
        assert_eq!(seconds(200_000.0), "2d 7h");
        assert_eq!([rate(2.04), rate(4321.6)], ["2.0", "4,322"]);
        assert_eq!([milliseconds(None), milliseconds(Some(0.25))], ["-", "0.2 ms"]);
        assert_eq!(plain("/a\u{1b}[31m\n"), "/a\\u{1b}[31m\\n");
    }
}

//! Measured figures as a table in Markdown. Knows nothing of how they came about.

use super::rows::Sample;

/// The middle one; 0 of none.
pub fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    match (all.get(all.len() / 2), all.len() % 2) {
        (Some(upper), 0) => (upper + all[all.len() / 2 - 1]) / 2.0,
        (Some(middle), _) => *middle,
        (None, _) => 0.0,
    }
}

/// The least; 0 of none. What else runs on a machine only ever adds.
pub fn least(all: impl Iterator<Item = f64>) -> f64 {
    all.reduce(f64::min).unwrap_or(0.0)
}

/// A line for one row: for every contender the least of its rounds, and its ratio to the first
/// one's. `rounds` holds for each contender what each round has shown.
pub fn line(name: &str, unit: &str, rounds: &[Vec<Sample>]) -> String {
    let mut out = format!("| {name}, µs per {unit} |");
    out += &cells(rounds, |it| it.cpu);
    if rounds.iter().flatten().any(|it| it.wait.is_some()) {
        let label = if name.starts_with("steady") { "p99" } else { "until all are up" };
        out += &format!("\n| {name}: {label}, ms |");
        out += &cells(rounds, |it| it.wait.unwrap_or(0.0));
    }
    out
}

fn cells(rounds: &[Vec<Sample>], of: impl Fn(&Sample) -> f64) -> String {
    let values: Vec<_> = rounds.iter().map(|it| least(it.iter().map(&of))).collect();
    let cell = |(samples, value): (&Vec<Sample>, &f64)| {
        self::cell(*value, value / values[0], samples.is_empty())
    };
    rounds.iter().zip(&values).map(cell).collect()
}

/// A line of kB for each socket.
pub fn memory(name: &str, bytes: &[Option<f64>]) -> String {
    let mut out = format!("| {name}, kB |");
    let first = bytes.first().copied().flatten().unwrap_or(f64::NAN);
    for it in bytes {
        out += &cell(it.unwrap_or(0.0) / 1000.0, it.unwrap_or(0.0) / first, it.is_none());
    }
    out
}

/// The head, with one column for each contender.
pub fn head(names: &[String]) -> String {
    format!("| row | {} |\n|---|{}", names.join(" | "), "---:|".repeat(names.len()))
}

fn cell(value: f64, ratio: f64, missing: bool) -> String {
    if missing { " failed |".to_owned() } else { format!(" {value:.1} ({ratio:.2}) |") }
}

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

/// A line for one row: for every contender the median and its ratio to the first one's, round by
/// round. `rounds` holds for each contender what each round has shown.
pub fn line(name: &str, unit: &str, rounds: &[Vec<Sample>]) -> String {
    let mut out = format!("| {name}, µs per {unit} |");
    for samples in rounds {
        let ratios = pairs(samples, &rounds[0]).map(|(it, first)| it.cpu / first.cpu).collect();
        let cpu = median(samples.iter().map(|it| it.cpu).collect());
        out += &cell(cpu, median(ratios), samples.is_empty());
    }
    if rounds.iter().flatten().any(|it| it.wait.is_some()) {
        let label = if name.starts_with("steady") { "p99" } else { "until all are up" };
        out += &format!("\n| {name}: {label}, ms |");
        for samples in rounds {
            let wait = |it: &Sample| it.wait.unwrap_or(0.0);
            let ratios =
                pairs(samples, &rounds[0]).map(|(it, first)| wait(it) / wait(first)).collect();
            let middle = median(samples.iter().map(wait).collect());
            out += &cell(middle, median(ratios), samples.is_empty());
        }
    }
    out
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

fn pairs<'a>(
    samples: &'a [Sample],
    first: &'a [Sample],
) -> impl Iterator<Item = (&'a Sample, &'a Sample)> {
    samples.iter().zip(first)
}

fn cell(value: f64, ratio: f64, missing: bool) -> String {
    if missing { " failed |".to_owned() } else { format!(" {value:.1} ({ratio:.2}) |") }
}

//! The text format of Prometheus (version 0.0.4): families of samples with their help and type.
//! Knows no metric by name.

use std::fmt::{Display, Write};

use crate::observe::histogram::Spread;

/// The media type of [`Exposition::finish`].
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is written, family by family.
#[derive(Debug, Default)]
pub struct Exposition {
    out: String,
}

/// The samples of one family.
pub struct Family<'a> {
    out: &'a mut String,
    name: &'static str,
}

/// Label names and values.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

impl Exposition {
    /// A number that only grows; its name ends in `_total`.
    pub fn counter(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "counter", help)
    }

    /// A number that goes up and down.
    pub fn gauge(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "gauge", help)
    }

    /// Counts by size.
    pub fn histogram(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "histogram", help)
    }

    /// The whole text.
    pub fn finish(self) -> String {
        self.out
    }

    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> Family<'_> {
        // Writing to a String cannot fail.
        let _ = write!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Family { out: &mut self.out, name }
    }
}

impl Family<'_> {
    /// One sample.
    pub fn sample(&mut self, labels: Labels<'_>, value: impl Display) -> &mut Self {
        self.line("", labels, None, value);
        self
    }

    /// The samples of one histogram; `unit` is what one of its units is in that of the metric,
    /// such as 1e-6 for microseconds in seconds.
    pub fn spread(&mut self, labels: Labels<'_>, spread: &Spread, unit: f64) -> &mut Self {
        let mut below = 0;
        for (place, count) in spread.counts.iter().enumerate() {
            below += count;
            match spread.bounds.get(place) {
                Some(bound) => {
                    let bound = shortest(*bound as f64 * unit);
                    self.line("_bucket", labels, Some(&bound), below);
                }
                None => self.line("_bucket", labels, Some("+Inf"), below),
            }
        }
        self.line("_sum", labels, None, shortest(spread.sum as f64 * unit));
        self.line("_count", labels, None, below);
        self
    }

    fn line(&mut self, end: &str, labels: Labels<'_>, bound: Option<&str>, value: impl Display) {
        let _ = write!(self.out, "{}{end}", self.name);
        let bound = bound.map(|it| ("le", it));
        for (place, (name, text)) in labels.iter().copied().chain(bound).enumerate() {
            let _ = write!(self.out, "{}{name}=\"", if place == 0 { '{' } else { ',' });
            escape(text, self.out);
            self.out.push('"');
        }
        if !labels.is_empty() || bound.is_some() {
            self.out.push('}');
        }
        let _ = writeln!(self.out, " {value}");
    }
}

/// A number without the noise of its last binary digits.
fn shortest(value: f64) -> String {
    let rounded = (value * 1e9).round() / 1e9;
    rounded.to_string()
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::histogram::{Histogram, WAITS};

    #[test]
    fn samples_have_help_type_and_escaped_labels() {
        let mut out = Exposition::default();
        let mut family = out.counter("a_total", "What it is.");
        family.sample(&[], 1).sample(&[("route", "~ ^/\\d+\"\n"), ("by", "client")], 2.5);
        let expected = "# HELP a_total What it is.\n# TYPE a_total counter\na_total 1\n\
                        a_total{route=\"~ ^/\\\\d+\\\"\\n\",by=\"client\"} 2.5\n";
        assert_eq!(out.finish(), expected);
    }

    #[test]
    fn buckets_are_cumulative_and_in_base_units() {
        let waits = Histogram::new(WAITS);
        [50, 200, 300, 20_000_000].iter().for_each(|it| waits.observe(*it));
        let mut out = Exposition::default();
        out.histogram("a_seconds", "Waits.").spread(&[("x", "y")], &waits.spread(), 1e-6);
        let text = out.finish();
        for line in [
            "a_seconds_bucket{x=\"y\",le=\"0.0001\"} 1",
            "a_seconds_bucket{x=\"y\",le=\"0.00025\"} 2",
            "a_seconds_bucket{x=\"y\",le=\"0.0005\"} 3",
            "a_seconds_bucket{x=\"y\",le=\"10\"} 3",
            "a_seconds_bucket{x=\"y\",le=\"+Inf\"} 4",
            "a_seconds_sum{x=\"y\"} 20.00055",
            "a_seconds_count{x=\"y\"} 4",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in {text}");
        }
    }
}

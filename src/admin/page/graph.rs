//! Small graphs as inline SVG, drawn where the numbers are, so that they are there without a
//! script. Knows lines of numbers and how to name them, not what they measure.

use std::fmt;

use super::html::Html;
use super::units;

/// What one graph shows.
pub struct Graph {
    /// Its id on the page, and the beginning of others.
    pub id: &'static str,
    /// What is measured.
    pub title: &'static str,
    /// A few words on it.
    pub note: &'static str,
    /// How a value is written.
    pub unit: fn(f64) -> String,
    /// The lines, the most important one first; each has as many values as there are moments.
    pub lines: Vec<Line>,
    /// The value of the moment, written large.
    pub now: String,
    /// The highest that this value has been.
    pub peak: f64,
    /// How much time it shows.
    pub window: Window,
}

/// The time that a graph shows, which ends now.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// How many moments fit: fewer leave room at the left.
    pub room: usize,
    /// Seconds between two moments.
    pub every_s: f64,
}

impl Window {
    /// How long ago it begins, in words.
    fn since(self) -> String {
        units::seconds(self.room as f64 * self.every_s)
    }
}

/// One line of a graph.
pub struct Line {
    /// What is written in the legend.
    pub name: String,
    /// The values, oldest first; `None` where nothing was measured.
    pub values: Vec<Option<f64>>,
}

/// Lines that can be told apart by their colour; the style sheet has as many.
pub const COLOURS: usize = 6;

/// What is written where nothing was measured.
const NOTHING: &str = "–";

const WIDTH: usize = 600;
const HEIGHT: f64 = 100.0;

impl Graph {
    /// Writes the graph with its title, its figure and its legend.
    pub fn draw(&self, out: &mut Html) {
        let top = round_up(self.highest());
        out.raw("<section class=\"card graph\"").attribute("id", self.id);
        out.raw("><h2>").text(self.title).raw(" <small>").text(self.note).raw("</small></h2>");
        out.raw("<p class=\"now\">").text(&self.now).raw(" <small>at most ");
        out.text((self.unit)(self.peak)).raw("</small></p>");
        out.raw("<div class=\"plot\"><span class=\"top\">").text((self.unit)(top)).raw("</span>");
        self.plot(out, top);
        out.raw("<i class=\"cursor\" hidden></i></div><p class=\"axis\"><span>")
            .text(self.window.since())
            .raw(" ago</span>");
        out.raw("<span>now</span></p>");
        self.legend(out);
        out.raw("</section>");
    }

    fn plot(&self, out: &mut Html, top: f64) {
        out.raw("<svg viewBox=\"0 0 600 100\" preserveAspectRatio=\"none\" role=\"img\"");
        out.attribute("aria-label", Spoken(self)).attribute("data-room", self.window.room);
        out.attribute("data-every", self.window.every_s).raw(">");
        out.raw("<path class=\"grid\" d=\"M0 1H600M0 50H600M0 99H600\"/>");
        for (number, line) in self.lines.iter().enumerate() {
            let path = self.path(&line.values, top);
            if !path.is_empty() {
                out.raw("<path").attribute("class", Colour(number)).attribute("d", path).raw("/>");
            }
        }
        out.raw("</svg>");
    }

    /// The commands of one line; where nothing was measured, the line is broken.
    fn path(&self, values: &[Option<f64>], top: f64) -> String {
        let mut path = String::new();
        let gaps = self.window.room.saturating_sub(1).max(1);
        let empty = self.window.room.saturating_sub(values.len());
        let mut drawing = false;
        for (at, value) in values.iter().enumerate() {
            let Some(value) = value else {
                drawing = false;
                continue;
            };
            let x = (empty + at) * WIDTH / gaps;
            let y = HEIGHT - 1.0 - value.clamp(0.0, top) / top * (HEIGHT - 2.0);
            let command = if drawing { 'L' } else { 'M' };
            path.push_str(&format!("{command}{x} {y:.0}"));
            drawing = true;
        }
        // A lone point has no length: a dot is drawn for it by the round cap of a line to itself.
        if path.matches('L').count() == 0 && !path.is_empty() {
            path.push_str("h0");
        }
        path
    }

    fn legend(&self, out: &mut Html) {
        out.raw("<ul class=\"legend\">");
        for (number, line) in self.lines.iter().enumerate() {
            let words = self.in_words(&line.values);
            out.raw("<li").attribute("data-values", words.join("|")).raw("><i");
            out.attribute("class", Colour(number)).raw("></i><span>").foreign(&line.name);
            out.raw("</span> <b>").text(words.last().map_or(NOTHING, String::as_str));
            out.raw("</b></li>");
        }
        out.raw("</ul>");
    }

    /// Each value as people read it: the script shows the one that is pointed at.
    fn in_words(&self, values: &[Option<f64>]) -> Vec<String> {
        values.iter().map(|it| it.map_or(NOTHING.to_owned(), self.unit)).collect()
    }

    fn highest(&self) -> f64 {
        self.lines.iter().flat_map(|it| it.values.iter().flatten()).copied().fold(0.0, f64::max)
    }
}

/// The class that gives a line its colour.
struct Colour(usize);

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0 % COLOURS)
    }
}

/// What the graph says to those who do not see it.
struct Spoken<'a>(&'a Graph);

impl fmt::Display for Spoken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Graph { title, now, window, unit, peak, .. } = self.0;
        let (peak, since) = (unit(*peak), window.since());
        write!(f, "{title}: {now} now, at most {peak} within {since}")
    }
}

/// The next round number: a scale that stays while values wander.
fn round_up(value: f64) -> f64 {
    let mut step = 1e-3;
    while step < 1e15 {
        for factor in [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0] {
            if step * factor >= value {
                return if value <= 0.0 { 1.0 } else { step * factor };
            }
        }
        step *= 10.0;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(values: Vec<Option<f64>>) -> Graph {
        Graph {
            id: "g",
            title: "Load",
            note: "",
            unit: units::decimal,
            lines: vec![Line { name: "<a>".to_owned(), values }],
            now: "3".to_owned(),
            peak: 4.0,
            window: Window { room: 5, every_s: 120.0 },
        }
    }

    #[test]
    fn a_line_ends_at_the_right_and_is_broken_where_nothing_was_measured() {
        let full = graph(vec![Some(0.0), Some(5.0), None, Some(10.0), Some(10.0)]);
        assert_eq!(full.path(&full.lines[0].values, 10.0), "M0 99L150 50M450 1L600 1");
        let young = graph(vec![Some(10.0)]);
        assert_eq!(young.path(&young.lines[0].values, 10.0), "M600 1h0");
        let none = graph(vec![None]);
        assert_eq!(none.path(&none.lines[0].values, 10.0), "");
    }

    #[test]
    fn a_graph_says_in_words_what_it_shows_and_escapes_names() {
        let mut out = Html::default();
        graph(vec![Some(1.0), Some(3.0)]).draw(&mut out);
        let html = out.finish();
        assert!(html.contains("aria-label=\"Load: 3 now, at most 4 within 10 min\""), "{html}");
        assert!(html.contains("<li data-values=\"1|3\">"), "{html}");
        assert!(html.contains("<bdi>&lt;a&gt;</bdi>"), "{html}");
    }

    #[test]
    fn scales_are_round() {
        for (value, top) in [(0.0, 1.0), (0.25, 0.3), (1.0, 1.0), (73.0, 80.0), (1001.0, 1500.0)] {
            assert!((round_up(value) - top).abs() < 1e-9, "{value} -> {}", round_up(value));
        }
    }
}

//! What was measured, printed as it comes and, with `--write`, put into docs/: the table between its
//! two marks, and the charts that the READMEs show.

use std::fs;
use std::io;
use std::path::Path;

use super::chart::{self, Group};
use super::rows::Sample;
use super::table;

/// Between these lines docs/performance.md has what was measured last.
const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->";

/// Everything of one comparison.
pub struct Report {
    names: Vec<String>,
    text: String,
    /// The least of each row: its name, its unit, and µs for each contender.
    rows: Vec<(&'static str, &'static str, Vec<Option<f64>>)>,
    /// kB for each contender's idle socket.
    idle: Vec<Option<f64>>,
}

impl Report {
    pub fn new(names: Vec<String>) -> Self {
        Self { names, text: String::new(), rows: Vec::new(), idle: Vec::new() }
    }

    /// Prints a line and keeps it.
    pub fn say(&mut self, line: &str) {
        println!("{line}");
        self.text += line;
        self.text.push('\n');
    }

    pub fn head(&mut self) {
        let head = table::head(&self.names);
        self.say(&head);
    }

    pub fn row(&mut self, name: &'static str, unit: &'static str, rounds: &[Vec<Sample>]) {
        self.say(&table::line(name, unit, rounds));
        let least = |samples: &Vec<Sample>| {
            (!samples.is_empty()).then(|| table::least(samples.iter().map(|it| it.cpu)))
        };
        self.rows.push((name, unit, rounds.iter().map(least).collect()));
    }

    pub fn memory(&mut self, sockets: usize, idle: &[Option<f64>], burst: &[Option<f64>]) {
        self.say(&table::memory(&format!("PSS per idle socket of {sockets}"), idle));
        self.say(&table::memory("the same after a burst of 200 KB on each", burst));
        self.idle = idle.iter().map(|it| it.map(|bytes| bytes / 1000.0)).collect();
    }

    /// Puts table and charts into the folder `docs`.
    pub fn write(&self, docs: &Path) -> io::Result<()> {
        let file = docs.join("performance.md");
        let old = fs::read_to_string(&file)?;
        let missing = || io::Error::other("the marks are missing in docs/performance.md");
        let (before, rest) = old.split_once(BEGIN).ok_or_else(missing)?;
        let (_, after) = rest.split_once(END).ok_or_else(missing)?;
        fs::write(&file, format!("{before}{BEGIN}\n{}\n{END}{after}", self.text.trim()))?;
        let idle = self.idle.iter().map(|it| it.map(|kb| (kb, format!("{kb:.1} kB")))).collect();
        let idle = [Group { title: "kB for each idle wss socket (PSS)".to_owned(), bars: idle }];
        let title = "Memory per idle socket";
        fs::write(docs.join("memory.svg"), chart::bars(title, &self.names, &idle))?;
        let cpu: Vec<_> = CHARTED.iter().filter_map(|it| self.group(it)).collect();
        let title = "Processor time, all on one core";
        fs::write(docs.join("cpu.svg"), chart::bars(title, &self.names, &cpu))
    }

    fn group(&self, charted: &str) -> Option<Group> {
        let (name, unit, values) = self.rows.iter().find(|it| it.0.starts_with(charted))?;
        let bar = |it: &Option<f64>| it.map(|us| (us, format!("{us:.1} µs")));
        Some(Group {
            title: format!("{name}: µs per {unit}"),
            bars: values.iter().map(bar).collect(),
        })
    }
}

/// The rows in the chart: messages, bulk, and coming back.
const CHARTED: [&str; 4] =
    ["echo 125 B, 64 sockets, 1 in", "echo 16 KiB", "broadcast", "reconnect"];

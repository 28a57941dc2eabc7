//! What was found wrong, and how it is printed: like rustc, with the line and a caret. Knows only
//! the text, not what it means.

use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level as Title, Renderer, Snippet};

use crate::config::model::{Source, Spot};

/// Whether a finding keeps the configuration from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It does.
    Error,
    /// It does not, but somebody should look at it.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub level: Level,
    /// Where in the file; `None` when it concerns the file or the machine as a whole.
    pub spot: Option<Spot>,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// An error.
    pub fn error(spot: Option<Spot>, message: impl Into<String>) -> Self {
        Self { level: Level::Error, spot, message: message.into(), hint: None }
    }

    /// A warning.
    pub fn warning(spot: Option<Spot>, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, spot, message: message.into(), hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Everything found in one file.
#[derive(Clone, Debug)]
pub struct Report {
    /// The text that the spots point into.
    pub source: Arc<Source>,
    /// In the order of the file, once sorted.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Nothing found yet.
    pub fn new(source: Arc<Source>) -> Self {
        Self { source, problems: Vec::new() }
    }

    /// Adds a finding.
    pub fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Whether one of the findings keeps the configuration from being used.
    pub fn has_errors(&self) -> bool {
        self.count(Level::Error) > 0
    }

    /// Puts the findings in the order of the file, those without a place last.
    pub fn sort(&mut self) {
        self.problems.sort_by_key(|it| it.spot.as_ref().map_or(usize::MAX, |spot| spot.start));
    }

    /// The findings as rustc would print them, and a line with their number; empty when there are
    /// none. No colours, so that it can go into a log.
    pub fn render(&self) -> String {
        if self.problems.is_empty() {
            return String::new();
        }
        let renderer = Renderer::plain();
        let mut text = String::new();
        for problem in &self.problems {
            text.push_str(&renderer.render(&[self.group(problem)]));
            text.push_str("\n\n");
        }
        text.push_str(&self.summary());
        text.push('\n');
        text
    }

    fn group<'a>(&'a self, problem: &'a Problem) -> Group<'a> {
        let title = match problem.level {
            Level::Error => Title::ERROR,
            Level::Warning => Title::WARNING,
        };
        let title = title.primary_title(problem.message.as_str());
        let mut group = Group::with_title(title);
        if let Some(spot) = &problem.spot {
            let caret = AnnotationKind::Primary.span(self.first_line_of(spot));
            let snippet = Snippet::source(self.source.text.as_str())
                .path(self.source.path.to_string_lossy().into_owned())
                .annotation(caret);
            group = group.element(snippet);
        }
        if let Some(hint) = &problem.hint {
            group = group.element(Title::HELP.message(hint.as_str()));
        }
        group
    }

    /// A table's spot may go over many lines; the first says enough.
    fn first_line_of(&self, spot: &Spot) -> Spot {
        let text = &self.source.text;
        let end = text
            .get(spot.clone())
            .and_then(|it| it.find(['\r', '\n']))
            .map_or(spot.end, |length| spot.start + length);
        spot.start.min(text.len())..end.min(text.len())
    }

    fn summary(&self) -> String {
        let counted = |level, one: &str| match self.count(level) {
            0 => None,
            1 => Some(format!("1 {one}")),
            more => Some(format!("{more} {one}s")),
        };
        let parts = [counted(Level::Error, "error"), counted(Level::Warning, "warning")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn count(&self, level: Level) -> usize {
        self.problems.iter().filter(|it| it.level == level).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> Report {
        let source = Source { path: "dir/gateway.toml".into(), text: text.to_owned() };
        Report::new(Arc::new(source))
    }

    #[test]
    fn a_finding_is_printed_with_its_line_a_caret_and_the_hint() {
        let mut report = report("[log]\nlevle = \"info\"\n");
        report.push(Problem::error(Some(6..11), "unknown key `levle`").hint("try `level`"));
        let expected = "error: unknown key `levle`\n --> dir/gateway.toml:2:1\n  |\n2 | levle = \"info\"\n  | ^^^^^\n  |\n  = help: try `level`\n\n1 error\n";
        assert_eq!(report.render(), expected);
    }

    #[test]
    fn a_spot_over_several_lines_is_shown_by_its_first() {
        let mut report = report("[[sites]]\ndomains = []\n");
        report.push(Problem::warning(Some(0..22), "look"));
        let text = report.render();
        assert!(text.contains("1 | [[sites]]\n  | ^^^^^^^^^"), "{text}");
        assert!(!text.contains("domains"), "{text}");
    }

    #[test]
    fn nothing_found_prints_nothing() {
        assert_eq!(report("").render(), "");
    }

    #[test]
    fn findings_are_sorted_by_place_and_those_without_one_come_last() {
        let mut report = report("abc");
        report.push(Problem::error(None, "c"));
        report.push(Problem::error(Some(2..3), "b"));
        report.push(Problem::warning(Some(0..1), "a"));
        report.sort();
        let order: Vec<_> = report.problems.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(order, ["a", "b", "c"]);
        assert!(report.render().ends_with("2 errors, 1 warning\n"));
    }
}

//! What became of each directive that was read: the report. Knows directives by their number and
//! not what they mean. Whatever nobody spoke of counts as not carried: nothing is dropped in silence.

use std::collections::HashMap;
use std::fmt;

use super::parser::Directive;
use super::place::Place;

/// What became of a directive, the harmless first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is in the result, or wsgate does the same of itself.
    Carried,
    /// It is in the result, and means something slightly different there.
    Different,
    /// It is not in the result.
    Not,
}

/// One directive and what was said of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// As it was written, in one line.
    pub text: String,
    /// The worst that was said of it.
    pub fate: Fate,
    /// Why, in one line; may be empty when it is carried.
    pub reason: String,
}

/// Everything that was said so far, by the number of the directive.
#[derive(Debug, Default)]
pub struct Ledger {
    said: Vec<Vec<(Fate, String)>>,
    overridden: Vec<bool>,
}

impl Ledger {
    /// It is in the result.
    pub fn carried(&mut self, directive: &Directive) {
        self.say(directive, Fate::Carried, "");
    }

    /// It needs nothing in the result, and why.
    pub fn carried_as(&mut self, directive: &Directive, reason: &str) {
        self.say(directive, Fate::Carried, reason);
    }

    /// It is in the result with this difference.
    pub fn differs(&mut self, directive: &Directive, reason: &str) {
        self.say(directive, Fate::Different, reason);
    }

    /// It is not in the result, and why.
    pub fn not(&mut self, directive: &Directive, reason: &str) {
        self.say(directive, Fate::Not, reason);
    }

    /// The same for a directive and everything inside it.
    pub fn whole(&mut self, directive: &Directive, fate: Fate, reason: &str) {
        self.say(directive, fate, reason);
        for child in directive.children() {
            self.whole(child, fate, reason);
        }
    }

    /// Another directive of its name stands nearer to what it would apply to.
    pub fn override_by_nearer(&mut self, directive: &Directive) {
        let overridden = slot(&mut self.overridden, directive.id);
        *overridden = true;
    }

    /// Whether anything was said of it.
    pub fn knows(&self, directive: &Directive) -> bool {
        self.said.get(directive.id).is_some_and(|it| !it.is_empty())
    }

    /// Whether it is not carried, as far as is known.
    pub fn is_lost(&self, directive: &Directive) -> bool {
        self.said.get(directive.id).is_some_and(|it| it.iter().any(|(fate, _)| *fate == Fate::Not))
    }

    /// Every directive of the trees with its fate, in their order. What stands in a block that is
    /// lost is lost with it; the entries of a table go with their table.
    pub fn finish(self, roots: &[Directive]) -> Report {
        let mut report = Report { entries: Vec::new() };
        for root in roots {
            self.close(root, false, &mut report);
        }
        report.join_twins();
        report
    }

    fn close(&self, directive: &Directive, lost_with_parent: bool, report: &mut Report) {
        let (fate, reason) = self.verdict(directive, lost_with_parent);
        let text = match directive.holds_data() {
            true => format!("{} {{ {} entries }}", directive.text(), directive.children().len()),
            false => directive.text(),
        };
        report.entries.push(Entry { place: directive.place.clone(), text, fate, reason });
        if directive.holds_data() {
            return;
        }
        for child in directive.children() {
            self.close(child, lost_with_parent || self.is_lost(directive), report);
        }
    }

    fn verdict(&self, directive: &Directive, lost_with_parent: bool) -> (Fate, String) {
        let said = self.said.get(directive.id).map(Vec::as_slice).unwrap_or_default();
        let worst = said.iter().map(|(fate, _)| *fate).max();
        match worst {
            Some(fate) if !(lost_with_parent && fate == Fate::Carried) => {
                let mut reasons: Vec<&str> = Vec::new();
                for (_, reason) in said.iter().filter(|(it, why)| *it == fate && !why.is_empty()) {
                    if !reasons.contains(&reason.as_str()) {
                        reasons.push(reason);
                    }
                }
                (fate, reasons.join("; "))
            }
            _ if lost_with_parent => (Fate::Not, LOST_WITH_ITS_BLOCK.to_owned()),
            _ if self.overridden.get(directive.id).copied().unwrap_or_default() => {
                (Fate::Carried, "overridden wherever it would apply".to_owned())
            }
            _ => (Fate::Not, "nothing that is carried uses it".to_owned()),
        }
    }

    /// One more thing about a directive; the worst counts.
    pub fn say(&mut self, directive: &Directive, fate: Fate, reason: &str) {
        slot(&mut self.said, directive.id).push((fate, reason.to_owned()));
    }
}

const LOST_WITH_ITS_BLOCK: &str = "stands in a block that is not carried";

fn slot<T: Default + Clone>(list: &mut Vec<T>, index: usize) -> &mut T {
    if list.len() <= index {
        list.resize(index + 1, T::default());
    }
    &mut list[index]
}

/// Every directive that was read and what became of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// In the order in which they were read, each directive once.
    pub entries: Vec<Entry>,
}

impl Report {
    /// How many directives met this fate.
    pub fn count(&self, fate: Fate) -> usize {
        self.entries.iter().filter(|it| it.fate == fate).count()
    }

    /// A file that is included at several places is listed once, with the worst that came of it.
    fn join_twins(&mut self) {
        let mut seen: HashMap<Place, usize> = HashMap::new();
        let mut joined: Vec<Entry> = Vec::new();
        for entry in self.entries.drain(..) {
            let Some(twin) = seen.get(&entry.place).and_then(|it| joined.get_mut(*it)) else {
                seen.insert(entry.place.clone(), joined.len());
                joined.push(entry);
                continue;
            };
            if entry.fate > twin.fate {
                *twin = entry;
            } else if entry.fate == twin.fate && !twin.reason.contains(&entry.reason) {
                twin.reason = format!("{}; {}", twin.reason, entry.reason);
            }
        }
        self.entries = joined;
    }

    fn section(&self, fate: Fate, title: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries: Vec<&Entry> = self.entries.iter().filter(|it| it.fate == fate).collect();
        if entries.is_empty() {
            return Ok(());
        }
        writeln!(f, "{title} ({}):", entries.len())?;
        let mut reasons: Vec<&str> = Vec::new();
        for entry in &entries {
            if !reasons.contains(&entry.reason.as_str()) {
                reasons.push(&entry.reason);
            }
        }
        for reason in reasons {
            let indent = if reason.is_empty() { "  " } else { "    " };
            if !reason.is_empty() {
                writeln!(f, "  {reason}:")?;
            }
            for entry in entries.iter().filter(|it| it.reason == reason) {
                writeln!(f, "{indent}{}: {}", entry.place, entry.text)?;
            }
        }
        writeln!(f)
    }
}

/// The three lists, the worst last, and a line with their sizes.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.section(Fate::Carried, "Carried", f)?;
        self.section(Fate::Different, "Carried with a difference", f)?;
        self.section(Fate::Not, "Not carried", f)?;
        let [carried, different, not] =
            [Fate::Carried, Fate::Different, Fate::Not].map(|it| self.count(it));
        let all = self.entries.len();
        writeln!(
            f,
            "{all} directives: {carried} carried, {different} carried with a difference, {not} not carried"
        )
    }
}

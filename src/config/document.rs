//! From the text to the raw form, with every unknown key and wrong type in the report at once.
//! Knows the shape of TOML, not what a key means.
//!
//! serde stops at its first error. So the document is kept as a tree with spans: what serde
//! complains about is reported, cut out of the tree, and serde asked again, until it is content.
//! The schema stays in one place, the structs of `raw`.

use std::collections::BTreeSet;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer, Error};

use crate::config::broken;
use crate::config::model::Spot;
use crate::config::raw::Raw;
use crate::config::report::{Problem, Report};
use crate::config::wording::{problem, unknown_key};

/// The keys whose values were cut out: whoever misses one later need not complain again.
#[derive(Debug, Default)]
pub struct Faulty(BTreeSet<(usize, String)>);

impl Faulty {
    /// Whether a key of this name was cut out of any table.
    pub fn has_anywhere(&self, key: &str) -> bool {
        self.0.iter().any(|(_, it)| it == key)
    }

    /// Whether `key` was written in the table at `table`, but with a value that was cut out.
    pub fn has(&self, table: &Spot, key: &str) -> bool {
        self.0.contains(&(table.start, key.to_owned()))
    }
}

/// What could be read of a text.
#[derive(Debug)]
pub struct Document {
    /// What is written, without what is in the report.
    pub raw: Raw,
    /// The keys that were written, but wrong.
    pub faulty: Faulty,
    /// Whether all of the text was understood. If not, what seems to be missing may be written.
    pub is_whole: bool,
}

/// Reads the text, or what is left of it when it is not TOML; `None` when nothing can be read.
pub fn read(text: &str, report: &mut Report) -> Option<Document> {
    if let Ok(tree) = DeTable::parse(text) {
        return read_tree(tree, text, report);
    }
    let rest = broken::without_broken_statements(text);
    let (tree, contradictions) = DeTable::parse_recoverable(&rest.text);
    for error in &contradictions {
        report.push(broken::contradiction(error, &rest.text, tree.get_ref()));
    }
    // What serde says of a line that is already known to be wrong is a consequence.
    let line = |it: &Problem| it.spot.as_ref().map(|it| text[..it.start].matches('\n').count());
    let harmless = |it: &Error| broken::leaves_the_tree_whole(it, &rest.text);
    let is_whole = rest.problems.is_empty() && contradictions.iter().all(harmless);
    rest.problems.into_iter().for_each(|it| report.push(it));
    let known: Vec<_> = report.problems.iter().map(line).collect();
    let before = known.len();
    let document = read_tree(tree, text, report);
    let mut place = 0;
    report.problems.retain(|it| {
        place += 1;
        place <= before || !known.contains(&line(it))
    });
    Some(Document { is_whole, ..document? })
}

fn read_tree(mut tree: Spanned<DeTable<'_>>, text: &str, report: &mut Report) -> Option<Document> {
    let mut faulty = Faulty::default();
    loop {
        let error = match Deserialize::deserialize(Deserializer::from(tree.clone())) {
            Ok(raw) => return Some(Document { raw, faulty, is_whole: true }),
            Err(error) => error,
        };
        report.push(problem(&error, text));
        let spot = error.span()?;
        let root = tree.span();
        let meant = unknown_key(&error).and_then(|it| it.meant());
        if !(Cut { spot, meant, faulty: &mut faulty }).out_of_table(tree.get_mut(), &root) {
            return None;
        }
    }
}

/// Takes what serde complained about out of the document.
struct Cut<'a> {
    /// Where the key or the value stands.
    spot: Spot,
    /// The key that was probably meant by an unknown one: it counts as written, too.
    meant: Option<String>,
    faulty: &'a mut Faulty,
}

impl Cut<'_> {
    /// False when it is not in this table.
    fn out_of_table(&mut self, table: &mut DeTable<'_>, place: &Spot) -> bool {
        let found = table
            .iter()
            .find(|(key, value)| key.span() == self.spot || value.span() == self.spot)
            .map(|(key, _)| key.get_ref().to_string());
        if let Some(name) = found {
            table.remove(name.as_str());
            for name in [Some(name), self.meant.take()].into_iter().flatten() {
                self.faulty.0.insert((place.start, name));
            }
            return true;
        }
        for (key, value) in table.iter_mut() {
            if self.out_of_value(value) {
                self.faulty.0.insert((place.start, key.get_ref().to_string()));
                return true;
            }
        }
        false
    }

    fn out_of_value(&mut self, value: &mut Spanned<DeValue<'_>>) -> bool {
        let place = value.span();
        match value.get_mut() {
            DeValue::Table(table) => self.out_of_table(table, &place),
            DeValue::Array(items) => self.out_of_array(items),
            _ => false,
        }
    }

    fn out_of_array(&mut self, items: &mut DeArray<'_>) -> bool {
        if items.iter().any(|it| it.span() == self.spot) {
            let items_before = std::mem::replace(items, DeArray::new());
            *items = items_before.into_iter().filter(|it| it.span() != self.spot).collect();
            return true;
        }
        items.iter_mut().any(|it| self.out_of_value(it))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::model::Source;

    fn found(text: &str) -> Vec<(String, String)> {
        let mut report = Report::new(Arc::new(Source::default()));
        let _ = read(text, &mut report);
        let under = |it: &Problem| it.spot.clone().map_or("", |spot| &text[spot]).to_owned();
        report.problems.iter().map(|it| (under(it), it.message.clone())).collect()
    }

    #[test]
    fn every_unknown_key_and_wrong_type_is_found_in_one_go() {
        let text = "gatewy = 1\n[gateway]\nworkers = \"two\"\nwrokers = 2\n[[sites]]\ndomains = [1, \"a\", 2]\ncertificate = {}\n[[sites.routes]]\nheartbeat = []\n";
        let mut found = found(text);
        found.sort();
        let expected = [
            ("\"two\"", "expected an integer, found string \"two\""),
            ("1", "expected a string, found integer `1`"),
            ("2", "expected a string, found integer `2`"),
            ("[]", "expected a table, found an array"),
            ("gatewy", "unknown key `gatewy`"),
            ("wrokers", "unknown key `wrokers`"),
            ("{}", "expected a string, found a table"),
        ];
        let expected: Vec<_> =
            expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_key_whose_value_was_cut_out_is_not_missing() {
        let mut report = Report::new(Arc::new(Source::default()));
        let text = "[[sites]]\ndomains = [1]\n[[sites]]\ncertificate = 5\n";
        let Document { raw, faulty, .. } = read(text, &mut report).expect("it is TOML");
        let sites = raw.sites.expect("there are sites").into_inner();
        let (first, second) = (sites[0].span(), sites[1].span());
        assert!(faulty.has(&first, "domains") && !faulty.has(&second, "domains"));
        assert!(faulty.has(&second, "certificate") && !faulty.has(&first, "certificate"));
    }

    #[test]
    fn a_misspelt_key_is_not_missing_too() {
        let mut report = Report::new(Arc::new(Source::default()));
        let text = "[[sites]]\ncertifcate = \"a\"\n";
        let Document { raw, faulty, .. } = read(text, &mut report).expect("it is TOML");
        let sites = raw.sites.expect("there is a site").into_inner();
        assert!(faulty.has(&sites[0].span(), "certificate"));
        assert!(!faulty.has(&sites[0].span(), "private_key"));
    }

    #[test]
    fn a_key_in_the_wrong_table_is_told_where_it_belongs() {
        let mut report = Report::new(Arc::new(Source::default()));
        let _ = read("[[sites]]\n[[sites.routes]]\nclient_ping = \"25s\"\n", &mut report);
        let hint = report.problems[0].hint.as_deref();
        assert_eq!(hint, Some("`client_ping` belongs in [sites.routes.heartbeat]"));
    }

    #[test]
    fn a_text_that_is_not_toml_is_reported_at_its_place() {
        let found = found("[gateway\nworkers = 0\n");
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

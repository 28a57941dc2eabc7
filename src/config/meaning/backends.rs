//! Every `[backends.NAME]` and every server that a route names inline, by name.

use std::collections::BTreeMap;

use toml::Spanned;

use super::backend;
use crate::config::model::{Backend, Spot};
use crate::config::raw::{self, Text};
use crate::config::reader::Reader;
use crate::config::values::{Wrong, address, closest};

/// The pools known so far, and which of them some route uses.
pub struct Backends {
    list: Vec<Backend>,
    /// Every name that may be used; wrong ones too, so that they are complained of only once.
    names: BTreeMap<String, Pool>,
}

struct Pool {
    place: Option<usize>,
    spot: Spot,
    used: bool,
}

impl Backends {
    /// Reads every `[backends.NAME]`.
    pub fn read(raw: BTreeMap<Text, Spanned<raw::Backend>>, reader: &mut Reader<'_>) -> Self {
        let mut all = Self { list: Vec::new(), names: BTreeMap::new() };
        let mut raw: Vec<_> = raw.into_iter().collect();
        raw.sort_by_key(|(name, _)| name.span().start);
        for (name, table) in raw {
            let spot = name.span();
            let name = name.into_inner();
            if name.is_empty() || address::is_inline_server(&name) {
                let wrong = Wrong::new("the name of a backend is not empty and has no colon");
                reader.error(spot.clone(), wrong);
            }
            let backend = backend::backend(&name, &table, reader);
            let place = backend.is_some().then_some(all.list.len());
            all.list.extend(backend);
            all.names.insert(name, Pool { place, spot, used: false });
        }
        all
    }

    /// The place of the backend that a route asks for: a pool's name, or a server inline.
    pub fn find(&mut self, raw: &Text, reader: &mut Reader<'_>) -> Option<usize> {
        let text = reader.expanded(raw, &[])?;
        if address::is_inline_server(&text) {
            return self.inline(&text, raw.span(), reader);
        }
        if let Some(pool) = self.names.get_mut(&text) {
            pool.used = true;
            return pool.place;
        }
        let wrong = Wrong::new(format!("there is no backend `{text}`"));
        let wrong = match closest(&text, self.names.keys().map(String::as_str)) {
            Some(meant) => wrong.hint(format!("did you mean `{meant}`?")),
            None => wrong.hint(format!(
                "define [backends.{text}], or name a server inline: \"127.0.0.1:9595\""
            )),
        };
        if !reader.is_faulty(&(0..0), "backends") {
            reader.error(raw.span(), wrong);
        }
        None
    }

    /// The list that routes refer into; a pool that no route uses gets a warning.
    pub fn finish(self, reader: &mut Reader<'_>) -> Vec<Backend> {
        // A route that was not understood may be the one.
        let understood = reader.understood(&["sites", "routes", "backend", "path"]);
        for (name, pool) in self.names.iter().filter(|(_, pool)| understood && !pool.used) {
            reader.warning(pool.spot.clone(), Wrong::new(format!("no route uses `{name}`")));
        }
        self.list
    }

    fn inline(&mut self, text: &str, spot: Spot, reader: &mut Reader<'_>) -> Option<usize> {
        let backend = backend::inline(text, spot, reader)?;
        let known = self.list.iter().position(|it| it.name == text);
        Some(known.unwrap_or_else(|| {
            self.list.push(backend);
            self.list.len() - 1
        }))
    }
}

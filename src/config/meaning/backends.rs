//! `[backends.NAME]`, and the servers that routes name inline.

use std::collections::BTreeMap;

use toml::Spanned;

use crate::config::defaults;
use crate::config::model::{Backend, Located, ServerAddress, Spot};
use crate::config::raw::{self, Server, Text};
use crate::config::reader::{Reader, Table};
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
            let backend = backend(&name, &table, reader);
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
        for (name, pool) in self.names.iter().filter(|(_, pool)| !pool.used) {
            reader.warning(pool.spot.clone(), Wrong::new(format!("no route uses `{name}`")));
        }
        self.list
    }

    fn inline(&mut self, text: &str, spot: Spot, reader: &mut Reader<'_>) -> Option<usize> {
        let value = server(text, &spot, reader)?;
        let known = self.list.iter().position(|it| it.name == text);
        Some(known.unwrap_or_else(|| {
            self.list.push(Backend {
                name: text.to_owned(),
                server: Located { value, spot },
                connect_timeout: defaults::CONNECT_TIMEOUT,
            });
            self.list.len() - 1
        }))
    }
}

fn backend(name: &str, table: &Spanned<raw::Backend>, reader: &mut Reader<'_>) -> Option<Backend> {
    let raw = table.get_ref();
    let connect_timeout =
        reader.duration_or(raw.connect_timeout.as_ref(), defaults::CONNECT_TIMEOUT);
    let header = format!("[backends.{name}]");
    let place = Table { name: &header, spot: &table.span() };
    let Some(servers) = &raw.servers else {
        reader.missing(place, "servers", "write e.g. servers = [\"127.0.0.1:9595\"]");
        return None;
    };
    let mut found: Vec<_> =
        servers.get_ref().iter().filter_map(|it| one_server(it, reader)).collect();
    if servers.get_ref().is_empty() && !reader.is_faulty(place.spot, "servers") {
        reader.error(servers.span(), format!("`servers` is empty in {header}"));
    }
    if let Some(second) = servers.get_ref().get(1) {
        let wrong = Wrong::new("more than one server is not yet supported");
        reader.error(second.span(), wrong.hint("give each server a backend of its own"));
    }
    let server = found.drain(..).next()?;
    Some(Backend { name: name.to_owned(), server, connect_timeout })
}

fn one_server(item: &Spanned<Server>, reader: &mut Reader<'_>) -> Option<Located<ServerAddress>> {
    let text = match item.get_ref() {
        Server::Address(text) => Spanned::new(item.span(), text.clone()),
        Server::Table(table) => match &table.address {
            Some(text) => text.clone(),
            None => {
                let place = Table { name: "this server", spot: &item.span() };
                reader.missing(place, "address", "write { address = \"127.0.0.1:9595\" }");
                return None;
            }
        },
    };
    let written = reader.expanded(&text, &[])?;
    let value = server(&written, &text.span(), reader)?;
    Some(Located { value, spot: text.span() })
}

fn server(text: &str, spot: &Spot, reader: &mut Reader<'_>) -> Option<ServerAddress> {
    let located = reader.checked(spot.clone(), address::server(text))?;
    Some(match located.value {
        ServerAddress::Unix(path) => ServerAddress::Unix(reader.path(&path)),
        tcp => tcp,
    })
}

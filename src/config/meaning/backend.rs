//! One `[backends.NAME]`: its servers, and the keys that say how one of them is chosen and reached.

use std::path::PathBuf;

use toml::Spanned;

use crate::config::defaults;
use crate::config::model::{
    Backend, BackendTls, Balance, HashOn, Health, Located, Server, ServerAddress, Spot,
};
use crate::config::raw::{self, Text};
use crate::config::reader::{Reader, Table};
use crate::config::values::{Wrong, address, backend, choice, quantity};

/// Heavier than any machine beside another.
const MOST_WEIGHT: usize = 1000;
/// More checks in a row than anybody waits for.
const MOST_CHECKS: usize = 100;

/// The pool of a table; `None` when it has no server that could be used.
pub fn backend(
    name: &str,
    table: &Spanned<raw::Backend>,
    reader: &mut Reader<'_>,
) -> Option<Backend> {
    let raw = table.get_ref();
    let header = format!("[backends.{name}]");
    let place = Table { name: &header, spot: &table.span() };
    let balance = balance(raw, reader);
    let connect_timeout =
        reader.duration_or(raw.connect_timeout.as_ref(), defaults::CONNECT_TIMEOUT);
    let hold = reader.wait_or(raw.hold.as_ref(), None);
    let proxy_protocol =
        reader.value_or(raw.proxy_protocol.as_ref(), None, backend::proxy_protocol);
    let resolve_every = reader.duration_or(raw.resolve_every.as_ref(), defaults::RESOLVE_EVERY);
    let health = raw.health.as_ref().and_then(|it| health(it, &header, reader));
    let servers = servers(raw, place, reader);
    let tls = tls(raw, &header, &servers, reader);
    (!servers.is_empty()).then(|| Backend {
        name: name.to_owned(),
        servers,
        balance,
        connect_timeout,
        hold,
        proxy_protocol,
        resolve_every,
        tls,
        health,
    })
}

/// A server that a route names inline: a pool of one, everything else at its default.
pub fn inline(name: &str, spot: Spot, reader: &mut Reader<'_>) -> Option<Backend> {
    let (value, tls) = server_address(name, &spot, reader)?;
    let address = Located { value, spot };
    Some(Backend {
        name: name.to_owned(),
        servers: vec![Server { address, tls, weight: defaults::WEIGHT, backup: false }],
        balance: Balance::LeastConnections,
        connect_timeout: defaults::CONNECT_TIMEOUT,
        hold: None,
        proxy_protocol: None,
        resolve_every: defaults::RESOLVE_EVERY,
        tls: BackendTls::default(),
        health: None,
    })
}

fn balance(raw: &raw::Backend, reader: &mut Reader<'_>) -> Balance {
    let hash_on = reader.value(raw.hash_on.as_ref(), backend::hash_on);
    let choices = [
        ("least_connections", Balance::LeastConnections),
        ("round_robin", Balance::RoundRobin),
        ("random_two", Balance::RandomTwo),
        ("hash", Balance::Hash(HashOn::ClientIp)),
    ];
    let chosen = reader.value(raw.balance.as_ref(), |it| choice(it, &choices));
    if raw.balance.is_some() && chosen.is_none() {
        return Balance::LeastConnections;
    }
    let chosen = chosen.map_or(Balance::LeastConnections, |it| it.value);
    match (chosen, hash_on) {
        (Balance::Hash(_), Some(on)) => Balance::Hash(on.value),
        (other, Some(on)) => {
            let wrong = Wrong::new("`hash_on` has no effect unless `balance` is \"hash\"");
            reader.error(on.spot, wrong.hint("write balance = \"hash\", or leave `hash_on` out"));
            other
        }
        (other, None) => other,
    }
}

fn health(table: &Spanned<raw::Health>, header: &str, reader: &mut Reader<'_>) -> Option<Health> {
    let raw = table.get_ref();
    let name = format!("`health` of {header}");
    let place = Table { name: &name, spot: &table.span() };
    let hint = ("path", "write e.g. health = { path = \"/healthz\" }");
    let path = reader.required(raw.path.as_ref(), place, hint, backend::health_path);
    let times = |it: u32| usize::try_from(it).unwrap_or(usize::MAX);
    let count = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
    let fall = reader.number_or(raw.fall.as_ref(), times(defaults::HEALTH_FALL), 1..=MOST_CHECKS);
    let rise = reader.number_or(raw.rise.as_ref(), times(defaults::HEALTH_RISE), 1..=MOST_CHECKS);
    let every = reader.duration_or(raw.every.as_ref(), defaults::HEALTH_EVERY);
    let timeout = reader.value(raw.timeout.as_ref(), quantity::positive_duration);
    let longest = timeout.as_ref().map_or(defaults::HEALTH_TIMEOUT.min(every), |it| it.value);
    if let Some(timeout) = timeout.filter(|it| it.value > every) {
        let wrong = Wrong::new("a check may take longer than the time to the next one");
        let every = quantity::written(every);
        reader.error(timeout.spot, wrong.hint(format!("`every` is {every}")));
    }
    Some(Health {
        path: path?.value,
        every,
        timeout: longest,
        fall: count(fall),
        rise: count(rise),
    })
}

fn servers(raw: &raw::Backend, place: Table<'_>, reader: &mut Reader<'_>) -> Vec<Server> {
    let Some(written) = &raw.servers else {
        reader.missing(place, "servers", "write e.g. servers = [\"127.0.0.1:9595\"]");
        return Vec::new();
    };
    if written.get_ref().is_empty() && !reader.is_faulty(place.spot, "servers") {
        reader.error(written.span(), format!("`servers` is empty in {}", place.name));
    }
    let mut servers: Vec<Server> = Vec::new();
    for item in written.get_ref() {
        let Some(server) = one_server(item, reader) else { continue };
        if servers.iter().any(|it| it.address.value == server.address.value) {
            let wrong = Wrong::new(format!("`{}` is in the list twice", server.address.value));
            reader.error(server.address.spot, wrong.hint("give it a greater `weight` instead"));
            continue;
        }
        servers.push(server);
    }
    let all_spare = servers.iter().all(|it| it.backup) && servers.len() == written.get_ref().len();
    if let Some(first) = servers.first().filter(|_| all_spare) {
        let wrong = Wrong::new(format!("every server of {} is a backup", place.name));
        let hint = "a backup stands in for others: leave `backup` out of at least one";
        reader.error(first.address.spot.clone(), wrong.hint(hint));
    }
    servers
}

fn one_server(item: &Spanned<raw::Server>, reader: &mut Reader<'_>) -> Option<Server> {
    let absent = raw::ServerTable::default();
    let (text, table) = match item.get_ref() {
        raw::Server::Address(text) => (Spanned::new(item.span(), text.clone()), &absent),
        raw::Server::Table(table) => match &table.address {
            Some(text) => (text.clone(), table),
            None => {
                let place = Table { name: "this server", spot: &item.span() };
                reader.missing(place, "address", "write { address = \"127.0.0.1:9595\" }");
                return None;
            }
        },
    };
    let default = usize::try_from(defaults::WEIGHT).unwrap_or(1);
    let weight = reader.number_or(table.weight.as_ref(), default, 1..=MOST_WEIGHT);
    let backup = table.backup.as_ref().is_some_and(|it| *it.get_ref());
    let written = reader.expanded(&text, &[])?;
    let (value, tls) = server_address(&written, &text.span(), reader)?;
    let address = Located { value, spot: text.span() };
    Some(Server { address, tls, weight: u32::try_from(weight).unwrap_or(1), backup })
}

fn server_address(
    text: &str,
    spot: &Spot,
    reader: &mut Reader<'_>,
) -> Option<(ServerAddress, bool)> {
    let located = reader.checked(spot.clone(), address::server(text))?;
    Some(match located.value {
        (ServerAddress::Unix(path), tls) => (ServerAddress::Unix(reader.path(&path)), tls),
        tcp => tcp,
    })
}

fn tls(
    raw: &raw::Backend,
    header: &str,
    servers: &[Server],
    reader: &mut Reader<'_>,
) -> BackendTls {
    let Some(table) = &raw.tls else { return BackendTls::default() };
    let raw = table.get_ref();
    if !servers.is_empty() && !servers.iter().any(|it| it.tls) {
        let wrong = Wrong::new(format!("`tls` has no effect: no server of {header} speaks TLS"));
        let hint = "write the servers that do as \"https://host:port\"";
        reader.error(table.span(), wrong.hint(hint));
    }
    let server_name = reader.value(raw.server_name.as_ref(), backend::server_name);
    let certificate = file(raw.client_certificate.as_ref(), reader);
    let key = file(raw.client_key.as_ref(), reader);
    if raw.client_certificate.is_some() != raw.client_key.is_some() {
        let wrong = Wrong::new("`client_certificate` and `client_key` belong together");
        reader.error(table.span(), wrong.hint("write both, or neither"));
    }
    BackendTls {
        ca: file(raw.ca.as_ref(), reader),
        server_name: server_name.map(|it| it.value),
        client: certificate.zip(key),
    }
}

fn file(raw: Option<&Text>, reader: &mut Reader<'_>) -> Option<Located<PathBuf>> {
    let located = reader.value(raw, |text| match text {
        "" => Err(Wrong::new("the path is empty")),
        path => Ok(PathBuf::from(path)),
    })?;
    Some(Located { value: reader.path(&located.value), spot: located.spot })
}

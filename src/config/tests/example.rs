//! `gateway.toml.example`: it must be valid, and have every key.

use std::path::Path;

use super::super::model::{Acme, Action, Gateway, Route};
use super::super::{parse, raw};
use super::{SMALLEST, valid};

const EXAMPLE: &str = include_str!("../../../gateway.toml.example");

#[test]
fn the_example_is_valid_and_raises_no_warning() {
    let parsed = parse(Path::new("/srv/gateway.toml"), EXAMPLE, &|_| None);
    let (_, report) = parsed.unwrap_or_else(|report| panic!("{}", report.render()));
    assert_eq!(report.render(), "");
}

#[test]
fn a_line_that_is_broken_anywhere_in_the_example_is_the_only_one_complained_of() {
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let mut broken = 0;
    for (place, line) in lines.iter().enumerate() {
        let code = line.split("  #").next().unwrap_or_default().trim_end();
        if code.is_empty() || code.starts_with('#') {
            continue;
        }
        let shorter = code[..code.len() - 1].to_owned();
        for instead in [shorter, format!("{code} x"), code.replacen('=', ":", 1)] {
            let mut text = lines.clone();
            text[place] = &instead;
            let text = text.join("\n");
            let Err(report) = parse(Path::new("/srv/gateway.toml"), &text, &|_| None) else {
                continue;
            };
            broken += 1;
            for problem in &report.problems {
                let spot = problem.spot.clone().unwrap_or_default();
                let found = text[..spot.start].matches('\n').count();
                // What an array lacks is missed before or behind the line.
                assert!(found.abs_diff(place) <= 1, "line {place}, `{instead}`: {problem:?}");
            }
        }
    }
    assert!(broken > 2 * 80, "{broken}");
}

#[test]
fn the_example_has_every_key_and_the_defaults_that_it_says() {
    let example: toml::Table = EXAMPLE.parse().expect("it is TOML");
    // In the example these two stand in their other form.
    let other = ["backends.NAME.servers", "sites.routes.heartbeat.application"];
    for (path, keys) in raw::tables().into_iter().filter(|it| !other.contains(&it.0)) {
        for key in keys {
            assert!(
                in_some_table(&example, path, key),
                "`{key}` of [{path}] is not in the example"
            );
        }
    }
    let (example, smallest) = (valid(EXAMPLE), valid(SMALLEST));
    let gateway = |it: &Gateway| {
        let numbers = (it.workers, it.max_connections, it.header_size, it.headers);
        let of_an_address = (it.max_connections_per_ip, it.handshakes_per_ip, it.memory);
        let rest = (it.ticket_keys.len(), it.http2_websocket);
        (numbers, of_an_address, it.drain.clone(), it.timeouts.clone(), rest)
    };
    assert_eq!(gateway(&example.gateway), gateway(&smallest.gateway));
    assert_eq!(example.listeners[0].protocol, smallest.listeners[0].protocol);
    assert_eq!(example.log, smallest.log);
    assert_eq!(example.admin, smallest.admin);
    let least = "[acme]\nagree_tos = true\n";
    let automatic = SMALLEST.replace("private_key = \"/etc/game.key\"\n", "");
    let automatic = automatic.replace("\"certs/game.crt\"", "\"acme\"");
    let plain = "[[listeners]]\naddress = \"[::]:80\"\nprotocol = \"http\"\n";
    let (one, other) = (example.acme, valid(&format!("{least}{plain}{automatic}")).acme);
    let acme = |it: Option<Acme>| {
        let it = it.expect("a site wants it");
        (it.directory, it.storage, it.folder, it.contact, it.challenge, it.renew_before)
    };
    assert_eq!(acme(one), acme(other));
    let (one, other) = (&example.sites[0], &smallest.sites[0]);
    assert_eq!(one.tls_min, other.tls_min);
    assert_eq!(one.strict_transport_security, other.strict_transport_security);
    let (example, smallest) = (&example.sites[0].routes[0], &smallest.sites[0].routes[0]);
    assert_eq!(example.heartbeat, smallest.heartbeat);
    assert_eq!(example.limits, smallest.limits);
    assert_eq!(example.timeouts, smallest.timeouts);
    let rest = |it: &Route| {
        let (upgrade, compression, forwarded) = (it.upgrade, it.compression, it.forwarded);
        (upgrade, compression, forwarded, it.subprotocol.clone(), it.replace_prefix.clone())
    };
    assert_eq!(rest(example), rest(smallest));
}

#[test]
fn the_example_of_a_folder_has_the_defaults_that_it_says() {
    let folder = |text: &str| {
        let action = valid(text).sites[0].routes.last().expect("a route").action.clone();
        let Action::Files(it) = action else { panic!("no folder") };
        (it.index, it.fallback, it.max_age, it.compress)
    };
    let smallest = SMALLEST.replace("backend = \"127.0.0.1:9595\"", "root = \"/srv\"");
    assert_eq!(folder(EXAMPLE), folder(&smallest));
}

/// Whether one of the tables at this path has the key; arrays and names are passed through.
fn in_some_table(table: &toml::Table, path: &str, key: &str) -> bool {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let below: Vec<&toml::Value> = match name {
        "" => return table.contains_key(key),
        "NAME" => table.values().collect(),
        _ => table.get(name).into_iter().collect(),
    };
    below.into_iter().any(|value| match value {
        toml::Value::Table(inner) => in_some_table(inner, rest, key),
        toml::Value::Array(items) => {
            items.iter().filter_map(toml::Value::as_table).any(|it| in_some_table(it, rest, key))
        }
        _ => false,
    })
}

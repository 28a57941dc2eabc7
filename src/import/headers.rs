//! `proxy_set_header` as `upgrade`, `forwarded`, `set_headers` and `remove_headers`. Knows the usual
//! variables; not where a request goes.

use super::draft::Route;
use super::parser::Directive;
use super::scope::{Scope, Work};
use crate::config::accepts;

const HEARTBEAT: &str = "an open WebSocket is watched: a client silent for 25 s is pinged and for 60 s is gone; see `heartbeat`";
const WORKS_NOW: &str =
    "without proxy_http_version 1.1 nginx lets no WebSocket through; here they work";
const NO_WEBSOCKET: &str = "a WebSocket handshake gets 403; nginx sends it on as a plain request";
const MORE_FIELDS: &str = "Forwarded and the other X-Forwarded fields are sent, too";

/// The fields by which a proxy tells of its client, with what `forwarded` writes into them.
const FORWARDED: [(&str, &[&str]); 4] = [
    ("x-real-ip", &["$remote_addr"]),
    ("x-forwarded-proto", &["$scheme", "$forward_scheme"]),
    ("x-forwarded-host", &["$host", "$http_host", "$host:$server_port"]),
    ("x-forwarded-port", &["$server_port"]),
];

/// Fills in what the headers of a location say. `proxy_host` is the Host that nginx sends by default.
pub fn headers<'a>(
    proxy_pass: &Directive,
    proxy_host: &str,
    scope: &Scope<'a>,
    route: &mut Route,
    work: &mut Work<'a>,
) {
    let set = scope.all("proxy_set_header", work.ledger);
    let value = |name: &str| set.iter().copied().rfind(|it| it.arg(0).eq_ignore_ascii_case(name));
    websocket(value("upgrade"), proxy_pass, scope, route, work);
    if value("host").is_none() && accepts::set_header("Host", proxy_host).is_ok() {
        route.set_headers.push(("Host".to_owned(), proxy_host.to_owned()));
    }
    let mode = mode(value("x-forwarded-for"), work);
    route.forwarded = (mode != "replace").then_some(mode);
    let mut seen: Vec<String> = Vec::new();
    // nginx sends each of two fields of one name; the last is the one that applications see.
    for directive in set.iter().rev() {
        let name = directive.arg(0).to_ascii_lowercase();
        if seen.contains(&name) {
            work.ledger.not(directive, "a field is set once");
            continue;
        }
        header(directive, &name, mode, scope, route, work);
        seen.push(name);
    }
    route.set_headers.sort();
    route.remove_headers.sort();
}

/// nginx carries a WebSocket when Upgrade is handed on, and from 1.1 on.
fn websocket<'a>(
    upgrade: Option<&'a Directive>,
    proxy_pass: &Directive,
    scope: &Scope<'a>,
    route: &mut Route,
    work: &mut Work<'a>,
) {
    let version = scope.last("proxy_http_version", work.ledger);
    if let Some(version) = version {
        match version.arg(0) {
            "1.0" => work.ledger.differs(version, "backends are always spoken to in HTTP/1.1"),
            _ => work.ledger.carried(version),
        }
    }
    let handed_on = |it: &&Directive| !it.arg(1).is_empty();
    match upgrade.filter(handed_on) {
        Some(upgrade) => {
            work.ledger.differs(upgrade, HEARTBEAT);
            if version.is_none_or(|it| it.arg(0) == "1.0") {
                work.ledger.differs(upgrade, WORKS_NOW);
            }
            // nginx knows no limit, and what is common today should not break on the way.
            route.limits.push(("message_size", "off".to_owned()));
        }
        None => {
            route.upgrade = Some("never");
            work.ledger.differs(proxy_pass, NO_WEBSOCKET);
        }
    }
}

fn mode(forwarded_for: Option<&Directive>, work: &mut Work<'_>) -> &'static str {
    let Some(directive) = forwarded_for else { return "off" };
    match directive.arg(1) {
        "$proxy_add_x_forwarded_for" => {
            work.ledger.differs(directive, MORE_FIELDS);
            "append"
        }
        "$remote_addr" | "$proxy_protocol_addr" => {
            work.ledger.differs(directive, MORE_FIELDS);
            "replace"
        }
        _ => "off",
    }
}

fn header(
    directive: &Directive,
    name: &str,
    mode: &str,
    scope: &Scope<'_>,
    route: &mut Route,
    work: &mut Work<'_>,
) {
    let (value, sets) = scope.resolved(directive.arg(1));
    for set in sets {
        work.ledger.carried(set);
    }
    let own = FORWARDED.iter().find(|(it, _)| *it == name).map(|(_, own)| *own);
    match name {
        "upgrade" if value.is_empty() => work.ledger.carried(directive),
        "upgrade" => {}
        "connection" => connection(directive, &value, work),
        "x-forwarded-for" if mode != "off" => {}
        "host" if ["$host", "$http_host", "$host:$server_port"].contains(&value.as_str()) => {
            work.ledger.carried(directive);
        }
        // `append` leaves what a client said of these; nginx does not.
        "x-real-ip" if mode != "off" && value == "$remote_addr" => work.ledger.carried(directive),
        _ if mode == "replace" && own.is_some_and(|it| it.contains(&value.as_str())) => {
            work.ledger.carried(directive);
        }
        _ if name.starts_with("sec-websocket-") => handshake(directive, name, &value, route, work),
        _ => other(directive, name, &value, route, work),
    }
}

fn connection(directive: &Directive, value: &str, work: &mut Work<'_>) {
    if let Some(map) = work.map(value) {
        if map.arg(0) == "$http_upgrade" {
            work.ledger.carried_as(map, "Connection follows from the request");
        }
        return work.ledger.carried(directive);
    }
    match value.to_ascii_lowercase().as_str() {
        "upgrade" | "" | "$http_connection" | "keep-alive" | "close" | "$connection_upgrade" => {
            work.ledger.carried(directive);
        }
        _ => work.ledger.not(directive, "Connection concerns one hop and follows from the request"),
    }
}

/// Fields of the handshake itself.
fn handshake(
    directive: &Directive,
    name: &str,
    value: &str,
    route: &mut Route,
    work: &mut Work<'_>,
) {
    let same = value == format!("$http_{}", name.replace('-', "_"));
    match (name, value) {
        _ if same => return work.ledger.carried(directive),
        ("sec-websocket-extensions", "") => route.decline_compression = true,
        ("sec-websocket-protocol", "") => route.strip_subprotocol = true,
        _ => {
            return work
                .ledger
                .not(directive, "fields of the handshake are not rewritten; see `subprotocol`");
        }
    }
    work.ledger.carried(directive);
}

fn other(directive: &Directive, name: &str, value: &str, route: &mut Route, work: &mut Work<'_>) {
    let written = directive.arg(0).to_owned();
    if value == format!("$http_{}", name.replace('-', "_")) {
        return work.ledger.carried_as(directive, "passed on as it came");
    }
    if value.is_empty() {
        if !accepts::remove_header(name) {
            return work.ledger.not(directive, "this field cannot be removed");
        }
        route.remove_headers.push(written);
        return work.ledger.carried(directive);
    }
    let Some((template, difference)) = template(value) else {
        return work
            .ledger
            .not(directive, &format!("`{value}` has a variable that is not known here"));
    };
    if let Err(why) = accepts::set_header(&written, &template) {
        return work.ledger.not(directive, &why);
    }
    route.set_headers.push((written, template));
    work.ledger.carried(directive);
    if let Some(difference) = difference {
        work.ledger.differs(directive, difference);
    }
}

/// The value with the names that `set_headers` knows, and what differs then.
pub fn template(value: &str) -> Option<(String, Option<&'static str>)> {
    let known = [
        ("proxy_add_x_forwarded_for", "${client_ip}"),
        ("remote_addr", "${client_ip}"),
        ("proxy_protocol_addr", "${client_ip}"),
        ("request_id", "${request_id}"),
        ("host:$server_port", "${host}"),
        ("http_host", "${host}"),
        ("host", "${host}"),
        ("scheme", "${scheme}"),
    ];
    let mut result = String::new();
    let mut difference = None;
    let mut rest = value;
    while let Some(at) = rest.find('$') {
        result.push_str(rest.get(..at)?);
        let behind = rest.get(at + 1..)?;
        let braced = behind.strip_prefix('{').and_then(|it| it.split_once('}'));
        let (name, after) = match braced {
            Some(found) => found,
            None => known
                .iter()
                .find(|(name, _)| ends_there(behind, name))
                .map(|(name, _)| behind.split_at(name.len()))?,
        };
        let (_, ours) = known.iter().find(|(it, _)| *it == name)?;
        if name == "host:$server_port" {
            difference = Some("the Host is passed on as it came, with a port if it has one");
        }
        result.push_str(ours);
        rest = after;
    }
    result.push_str(rest);
    Some((result, difference))
}

/// Whether the text begins with this name and no longer one.
fn ends_there(text: &str, name: &str) -> bool {
    let letters = |it: char| it.is_ascii_alphanumeric() || it == '_';
    text.strip_prefix(name).is_some_and(|it| !it.starts_with(letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_become_the_names_that_are_known() {
        let value = |it: &str| template(it).map(|(value, _)| value);
        assert_eq!(
            value("for=$remote_addr;${scheme}").as_deref(),
            Some("for=${client_ip};${scheme}")
        );
        assert_eq!(value("$host").as_deref(), Some("${host}"));
        assert_eq!(value("$hostname"), None);
        assert_eq!(value("plain").as_deref(), Some("plain"));
        assert_eq!((value("$"), value("${"), value("a$b")), (None, None, None));
    }
}

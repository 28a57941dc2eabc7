//! The keys of the contract that are not built yet. Each is refused by name and never ignored: a
//! file that asks for a limit must not run without it. Building one means deleting its line here
//! and adding its field to `raw`.

use toml::de::{DeTable, DeValue};

use crate::config::report::{Problem, Report};

/// A key that is refused, and what to do instead.
pub struct NotYet {
    /// From the root of the file; `*` stands for any name, arrays are passed through.
    pub path: &'static str,
    hint: &'static str,
}

const fn key(path: &'static str, hint: &'static str) -> NotYet {
    NotYet { path, hint }
}

const LEAVE_OUT: &str = "leave it out";

/// Every such key.
pub const KEYS: &[NotYet] = &[
    key("gateway.max_connections_per_ip", "limit connections per address in the firewall"),
    key("gateway.handshakes_per_ip", "limit new connections per address in the firewall"),
    key("gateway.timeouts.proxy_header", "it belongs to `proxy_protocol`: leave it out"),
    key("listeners.proxy_protocol", "let the load balancer pass TCP through unchanged"),
    key("sites.client_ca", LEAVE_OUT),
    key("sites.routes.limits.messages", LEAVE_OUT),
    key("sites.routes.limits.bytes", LEAVE_OUT),
    key("sites.routes.limits.over_limit", "it belongs to `messages` and `bytes`: leave it out"),
    key("sites.routes.limits.connections", LEAVE_OUT),
];

/// Takes every key that is not built yet out of the document, each with an error.
pub fn refuse(document: &mut DeTable<'_>, report: &mut Report) {
    for it in KEYS {
        let path: Vec<&str> = it.path.split('.').collect();
        refuse_in(document, &path, it.hint, report);
    }
}

fn refuse_in(table: &mut DeTable<'_>, path: &[&str], hint: &str, report: &mut Report) {
    match path {
        [] => {}
        [last] => {
            let Some((key, _)) = table.remove_entry(*last) else { return };
            let message = format!("`{last}` is not yet supported");
            report.push(Problem::error(Some(key.span()), message).hint(hint));
        }
        ["*", rest @ ..] => {
            for (_, value) in table.iter_mut() {
                refuse_below(value.get_mut(), rest, hint, report);
            }
        }
        [first, rest @ ..] => {
            if let Some(value) = table.get_mut(*first) {
                refuse_below(value.get_mut(), rest, hint, report);
            }
        }
    }
}

fn refuse_below(value: &mut DeValue<'_>, path: &[&str], hint: &str, report: &mut Report) {
    match value {
        DeValue::Table(table) => refuse_in(table, path, hint, report),
        DeValue::Array(items) => {
            for item in items.iter_mut() {
                refuse_below(item.get_mut(), path, hint, report);
            }
        }
        _ => {}
    }
}

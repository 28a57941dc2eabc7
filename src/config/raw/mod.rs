//! The file as written: what keys there are and of which TOML type, and where each value stands.
//! Knows nothing of what they mean.
//!
//! Plain structs on purpose: spans don't survive serde's `flatten`, `untagged` or internally
//! tagged enums. Every key is optional here, so that a missing one is reported with its table and
//! together with everything else.

mod form;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use toml::Spanned;

pub use form::{Application, Count, Server, StripPrefix};

/// A string.
pub type Text = Spanned<String>;
/// A whole number.
pub type Whole = Spanned<i64>;
/// An array of strings.
pub type Texts = Spanned<Vec<Text>>;

/// Declares a table: a struct whose keys are all optional and that takes no others.
///
/// What serde derives would also take an array, by position. So it is derived as a function of the
/// struct (`remote = "Self"`), and the trait lets only a table through to it.
macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($key:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(remote = "Self", default, deny_unknown_fields)]
        pub struct $name { $(pub $key: Option<$kind>,)* }

        impl $name {
            /// The names of its keys.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($key),)*];
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Form;
                impl<'de> Visitor<'de> for Form {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a table")
                    }
                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$name, A::Error> {
                        $name::deserialize(MapAccessDeserializer::new(map))
                    }
                }
                deserializer.deserialize_map(Form)
            }
        }
    };
}

table! {
    /// The root.
    Raw {
        gateway: Gateway,
        log: Log,
        admin: Admin,
        acme: Spanned<Acme>,
        listeners: Spanned<Vec<Spanned<Listener>>>,
        backends: BTreeMap<Text, Spanned<Backend>>,
        sites: Spanned<Vec<Spanned<Site>>>,
    }
}

table! {
    /// `[gateway]`
    Gateway {
        workers: Whole,
        max_connections: Whole,
        max_connections_per_ip: Spanned<Count>,
        handshakes_per_ip: Text,
        memory: Text,
        ticket_keys: Texts,
        http2_websocket: Spanned<bool>,
        drain: Drain,
        timeouts: ClientTimeouts,
        limits: HeadLimits,
    }
}

table! {
    /// `[gateway.drain]`
    Drain {
        timeout: Text,
        spread: Text,
        close_code: Whole,
        close_reason: Text,
    }
}

table! {
    /// `[gateway.timeouts]`
    ClientTimeouts {
        proxy_header: Text,
        tls_handshake: Text,
        request_head: Text,
        request_body: Text,
        keep_alive: Text,
        close: Text,
    }
}

table! {
    /// `[gateway.limits]`
    HeadLimits {
        header_size: Text,
        headers: Whole,
    }
}

table! {
    /// `[log]`
    Log {
        level: Text,
        format: Text,
        access: Text,
    }
}

table! {
    /// `[admin]`
    Admin {
        listen: Text,
    }
}

table! {
    /// `[acme]`
    Acme {
        agree_tos: Spanned<bool>,
        directory: Text,
        contact: Texts,
        storage: Text,
        challenge: Text,
        ca: Text,
        renew_before: Text,
        external_account: Spanned<ExternalAccount>,
    }
}

table! {
    /// `acme.external_account`
    ExternalAccount {
        key_id: Text,
        hmac_key: Text,
    }
}

table! {
    /// `[[listeners]]`
    Listener {
        address: Text,
        protocol: Text,
        http2: Spanned<bool>,
        redirect_to_https: Spanned<bool>,
        acme_challenge_root: Text,
        proxy_protocol: Texts,
    }
}

table! {
    /// `[backends.NAME]`
    Backend {
        servers: Spanned<Vec<Spanned<Server>>>,
        balance: Text,
        hash_on: Text,
        connect_timeout: Text,
        hold: Text,
        proxy_protocol: Text,
        resolve_every: Text,
        tls: Spanned<BackendTls>,
        health: Spanned<Health>,
    }
}

table! {
    /// A server in its table form.
    ServerTable {
        address: Text,
        weight: Whole,
        backup: Spanned<bool>,
    }
}

table! {
    /// `backends.NAME.tls`
    BackendTls {
        ca: Text,
        server_name: Text,
        client_certificate: Text,
        client_key: Text,
    }
}

table! {
    /// `backends.NAME.health`
    Health {
        path: Text,
        every: Text,
        timeout: Text,
        fall: Whole,
        rise: Whole,
    }
}

table! {
    /// `[[sites]]`
    Site {
        domains: Texts,
        certificate: Text,
        private_key: Text,
        tls_min: Text,
        client_ca: Text,
        ocsp_staple: Text,
        strict_transport_security: Text,
        response_headers: BTreeMap<Text, Text>,
        remove_response_headers: Texts,
        error_page: Text,
        error_pages: BTreeMap<Text, Text>,
        routes: Spanned<Vec<Spanned<Route>>>,
    }
}

table! {
    /// `[[sites.routes]]`
    Route {
        path: Text,
        backend: Text,
        root: Text,
        index: Texts,
        fallback: Text,
        cache: Text,
        compress: Spanned<bool>,
        redirect: Text,
        status: Whole,
        reply: Spanned<Reply>,
        upgrade: Text,
        strip_prefix: Spanned<StripPrefix>,
        set_headers: BTreeMap<Text, Text>,
        remove_headers: Texts,
        response_headers: BTreeMap<Text, Text>,
        remove_response_headers: Texts,
        subprotocol: Text,
        compression: Text,
        forwarded: Text,
        trusted_proxies: Texts,
        clients: Clients,
        heartbeat: Heartbeat,
        limits: RouteLimits,
        timeouts: RouteTimeouts,
    }
}

table! {
    /// `sites.routes.reply`
    Reply {
        status: Whole,
        body: Text,
        content_type: Text,
    }
}

table! {
    /// `[sites.routes.clients]`
    Clients {
        origins: Texts,
        mini_programs: Texts,
        missing_origin: Text,
        addresses: Addresses,
    }
}

table! {
    /// `sites.routes.clients.addresses`
    Addresses {
        allow: Texts,
        deny: Texts,
    }
}

table! {
    /// `[sites.routes.heartbeat]`
    Heartbeat {
        client_ping: Text,
        client_timeout: Text,
        backend_ping: Text,
        backend_timeout: Text,
        idle_timeout: Text,
        max_age: Text,
        close_code: Whole,
        application: Spanned<Application>,
        answer: Spanned<bool>,
    }
}

table! {
    /// `sites.routes.heartbeat.application` in its table form.
    Words {
        ping: Text,
        pong: Text,
    }
}

table! {
    /// `[sites.routes.limits]`
    RouteLimits {
        message_size: Text,
        messages: Text,
        bytes: Text,
        over_limit: Text,
        stalled_writer: Text,
        connections: Spanned<Count>,
        request_body: Text,
    }
}

table! {
    /// `[sites.routes.timeouts]`
    RouteTimeouts {
        upgrade_response: Text,
        response: Text,
    }
}

/// Every table with its keys, in the order of the contract. Tables inside a table are keys too.
pub fn tables() -> Vec<(&'static str, &'static [&'static str])> {
    vec![
        ("", Raw::KEYS),
        ("gateway", Gateway::KEYS),
        ("gateway.drain", Drain::KEYS),
        ("gateway.timeouts", ClientTimeouts::KEYS),
        ("gateway.limits", HeadLimits::KEYS),
        ("log", Log::KEYS),
        ("admin", Admin::KEYS),
        ("acme", Acme::KEYS),
        ("acme.external_account", ExternalAccount::KEYS),
        ("listeners", Listener::KEYS),
        ("backends.NAME", Backend::KEYS),
        ("backends.NAME.servers", ServerTable::KEYS),
        ("backends.NAME.tls", BackendTls::KEYS),
        ("backends.NAME.health", Health::KEYS),
        ("sites", Site::KEYS),
        ("sites.routes", Route::KEYS),
        ("sites.routes.reply", Reply::KEYS),
        ("sites.routes.clients", Clients::KEYS),
        ("sites.routes.clients.addresses", Addresses::KEYS),
        ("sites.routes.heartbeat", Heartbeat::KEYS),
        ("sites.routes.heartbeat.application", Words::KEYS),
        ("sites.routes.limits", RouteLimits::KEYS),
        ("sites.routes.timeouts", RouteTimeouts::KEYS),
    ]
}

/// The tables that have this key, as their headers are written.
pub fn tables_with(key: &str) -> Vec<String> {
    let having = tables().into_iter().filter(|(_, keys)| keys.contains(&key));
    having
        .map(|(table, _)| match table {
            "" => "the top of the file".to_owned(),
            "listeners" | "sites" | "sites.routes" => format!("[[{table}]]"),
            _ => format!("[{table}]"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_the_tables_that_have_it() {
        assert_eq!(tables_with("response"), ["[sites.routes.timeouts]"]);
        assert_eq!(tables_with("domains"), ["[[sites]]"]);
    }
}

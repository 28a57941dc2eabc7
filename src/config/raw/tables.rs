//! The tables of the file, with their keys. Knows nothing of how they are read.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use toml::Spanned;

use super::form::{Application, Count, Server, StripPrefix};
use super::{Text, Texts, Whole};

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

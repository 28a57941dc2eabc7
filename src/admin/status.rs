//! The shapes of `/api/status` and `/api/connections`: plain values that the page and `wsgate
//! status` show. Knows nothing of where they come from. docs/admin.md says what each field means.

#![allow(missing_docs, reason = "docs/admin.md has every field, for people who never see this")]

use serde::{Deserialize, Serialize};

/// Makes plain structs that can be written and read; what is missing when read is empty.
macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty),* $(,)? })*) => {
        $($(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type),* })*
    };
}

/// One number for each moment of a [`History`]; `None` before there was any.
pub type Values = Vec<Option<f64>>;

shapes! {
    /// `GET /api/status`
    Status {
        version: String,
        pid: u32,
        time: String,
        started: String,
        uptime_s: f64,
        memory_bytes: Option<u64>,
        open_files: Option<u64>,
        open_files_limit: Option<u64>,
        drain: Drain,
        connections: Connections,
        requests: Requests,
        sockets: Sockets,
        pings: Pings,
        handshakes: Handshakes,
        tls: Tls,
        ends: Vec<EndCount>,
        lost_lines: u64,
        reloads: Reloads,
        routes: Vec<Route>,
        backends: Vec<Backend>,
        certificates: Vec<Certificate>,
        orders: Vec<Order>,
        endings: Vec<Ending>,
        history: Option<History>,
    }
    /// How far the end has come.
    Drain {
        phase: String,
        since: Option<String>,
        cut_at: Option<String>,
        connections_at_start: Option<u64>,
        connections_left: u64,
    }
    /// Connections of clients.
    Connections { open: u64, most: u64, accepted: u64, accept_errors: u64 }
    /// Plain requests.
    Requests { open: u64 }
    /// WebSockets, and what they have carried.
    Sockets { open: u64, opened: u64, up: Flow, down: Flow }
    /// What went one way.
    Flow {
        frames: u64,
        messages: u64,
        bytes: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<Part>,
        #[serde(skip_serializing_if = "Option::is_none")]
        binary: Option<Part>,
        #[serde(skip_serializing_if = "Option::is_none")]
        control: Option<Part>,
    }
    /// Some of a [`Flow`].
    Part { frames: u64, bytes: u64 }
    /// The gateway's own pings.
    Pings { sent: u64, client: Times, backend: Times }
    /// Waits, from a histogram.
    Times {
        count: u64,
        mean_ms: Option<f64>,
        p50_ms: Option<f64>,
        p90_ms: Option<f64>,
        p99_ms: Option<f64>,
    }
    /// WebSocket handshakes.
    Handshakes { switched: u64, failed: u64, failures: Vec<Failures> }
    /// Handshakes that ended in one way.
    Failures { end: String, count: u64 }
    /// TLS handshakes that succeeded.
    Tls { full: u64, resumed: u64, versions: Vec<Version> }
    /// One version of TLS.
    Version { version: String, count: u64 }
    /// One way to end.
    EndCount { kind: String, by: String, end: String, count: u64 }
    /// Attempts to take a new configuration.
    Reloads { applied: u64, refused: u64, last: Option<Reload> }
    /// The last of them.
    Reload { time: String, outcome: String, words: String }
    /// One route and the backend behind it.
    Route { site: String, route: String, backend: String, requests_open: u64, sockets: Sockets }
    /// One backend.
    Backend { name: String, sockets_open: u64, requests_open: u64, servers: Vec<Server> }
    /// One server of a backend.
    Server {
        address: String,
        standing: String,
        weight: u32,
        backup: bool,
        live: u64,
        connected: u64,
        failed: u64,
        connect: Times,
        last_failure: Option<Failure>,
    }
    /// What went wrong with a server.
    Failure { time: String, words: String }
    /// One site's certificate.
    Certificate { names: Vec<String>, file: String, not_after: String, days_left: f64 }
    /// How it stands with a certificate that the gateway orders itself.
    Order { site: String, next: Option<String>, failures: u64, words: String }
    /// How something ended.
    Ending {
        time: String,
        kind: String,
        id: String,
        client: String,
        host: String,
        path: String,
        route: String,
        backend: String,
        server: String,
        app: String,
        status: u16,
        ms: u64,
        by: String,
        stage: String,
        end: String,
        detail: String,
        up: Flow,
        down: Flow,
    }
    /// The last minutes.
    History { every_s: f64, times: Vec<String>, all: Lines, routes: Vec<RouteLine> }
    /// The lines of a chart.
    Lines {
        sockets: Values,
        up_messages: Values,
        down_messages: Values,
        up_bytes: Values,
        down_bytes: Values,
    }
    /// Those of one route.
    RouteLine {
        site: String,
        route: String,
        backend: String,
        sockets: Values,
        up_messages: Values,
        down_messages: Values,
        up_bytes: Values,
        down_bytes: Values,
    }
    /// `GET /api/connections`
    Listing { total: usize, matching: usize, connections: Vec<Connection> }
    /// One live socket.
    Connection {
        id: String,
        site: String,
        route: String,
        backend: String,
        server: String,
        host: String,
        client: String,
        app: String,
        origin: String,
        since: String,
        age_s: f64,
        up: Side,
        down: Side,
    }
    /// One side of a live socket.
    Side { frames: u64, messages: u64, bytes: u64, silent_s: f64, round_trip_ms: Option<f64> }
    /// `DELETE /api/connections/ID`
    Ordered { ordered: usize }
    /// `POST /api/drain`
    Spread { ordered: usize, spread_s: f64 }
}

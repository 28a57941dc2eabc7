//! The configuration, valid by construction: whoever holds a [`Config`] need not check it again.
//! Knows nothing of files and spans but the [`Spot`] that later checks point at.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use regex::Regex;

/// Everything that one `gateway.toml` says.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it came from, for findings made after parsing.
    pub source: Arc<Source>,
    /// `[gateway]`
    pub gateway: Gateway,
    /// `[log]`
    pub log: Log,
    /// `[[listeners]]`, at least one.
    pub listeners: Vec<Listener>,
    /// `[backends.NAME]` and the servers named inline by routes; routes refer to them by place.
    pub backends: Vec<Backend>,
    /// `[[sites]]`, at least one.
    pub sites: Vec<Site>,
}

/// The text that a [`Spot`] points into.
#[derive(Debug, Default)]
pub struct Source {
    /// As given on the command line; relative paths inside are relative to its folder.
    pub path: PathBuf,
    /// The file's text as read.
    pub text: String,
}

/// A range of bytes in [`Source::text`], for the caret under a finding.
pub type Spot = Range<usize>;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub spot: Spot,
}

/// `[gateway]`, with `[gateway.drain]`, `[gateway.timeouts]` and `[gateway.limits]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Event-loop threads; 0 is one per core.
    pub workers: usize,
    /// Client connections in all; beyond it the accept queue waits.
    pub max_connections: usize,
    /// How live sockets are let go.
    pub drain: Drain,
    /// Waits on the client's side.
    pub timeouts: ClientTimeouts,
    /// Most bytes of a request head; beyond it 431.
    pub header_size: usize,
    /// Most fields of a request head; beyond it 431.
    pub headers: usize,
}

/// `[gateway.drain]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// Then what is left is cut.
    pub timeout: Duration,
    /// Closes are spread evenly over this long.
    pub spread: Duration,
    /// What WebSocket clients are told; a code that may be on the wire.
    pub close_code: u16,
    /// The reason beside it, at most 123 bytes.
    pub close_reason: String,
}

/// `[gateway.timeouts]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTimeouts {
    /// From accept to the end of the TLS handshake.
    pub tls_handshake: Duration,
    /// From the first byte of a request head to its last.
    pub request_head: Duration,
    /// Silence between two requests.
    pub keep_alive: Duration,
    /// For an answer to a Close frame, and for the rest after a half-close.
    pub close: Duration,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A level or a tracing filter, already known to parse.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
    /// Where access lines go.
    pub access: AccessLog,
}

/// `log.format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `key=value` for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `log.access`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// To standard output.
    Stdout,
    /// No access lines.
    Off,
    /// To this file, created or appended to, reopened on SIGUSR1.
    File(PathBuf),
}

/// One of `[[listeners]]`.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Where it listens.
    pub address: Located<ListenAddress>,
    /// What is spoken there.
    pub protocol: Protocol,
}

/// `listeners.address`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An address and port; `[::]` takes IPv4 too. Port 0 is any free one.
    Tcp(SocketAddr),
    /// A unix socket's path.
    Unix(PathBuf),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// `listeners.protocol`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TLS first.
    Https,
    /// Plain HTTP.
    Http {
        /// Answer 308 to https, never to an Upgrade request.
        redirect_to_https: bool,
        /// Files for an external ACME client, under `/.well-known/acme-challenge/`.
        acme_challenge_root: Option<PathBuf>,
    },
}

/// One pool of `[backends.NAME]`, or a server named inline by a route.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Its name in the file; for an inline server the address as written.
    pub name: String,
    /// The server. (Pools of several are not yet supported.)
    pub server: Located<ServerAddress>,
    /// For one connection attempt, name lookup included.
    pub connect_timeout: Duration,
}

/// Where a backend's server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerAddress {
    /// A host name or IP address, and a port.
    Tcp {
        /// A name or an address, without brackets.
        host: String,
        /// 1 to 65535.
        port: u16,
    },
    /// A unix socket's path.
    Unix(PathBuf),
}

/// One of `[[sites]]`.
#[derive(Clone, Debug)]
pub struct Site {
    /// Lower-case names, exact or `*.` and a name; no name is in two sites.
    pub domains: Vec<Located<String>>,
    /// The chain, leaf first.
    pub certificate: Located<PathBuf>,
    /// The leaf's key.
    pub private_key: Located<PathBuf>,
    /// The lowest TLS version taken.
    pub tls_min: TlsVersion,
    /// Where the site begins in the file.
    pub spot: Spot,
    /// In the order of the file; no two with the same path.
    pub routes: Vec<Route>,
}

/// `sites.tls_min`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsVersion {
    /// TLS 1.2 and 1.3.
    V12,
    /// TLS 1.3 only.
    V13,
}

/// One of `[[sites.routes]]`.
#[derive(Clone, Debug)]
pub struct Route {
    /// The path as written: the route's name in logs and counters.
    pub name: String,
    /// What it matches, on the normalised path.
    pub path: PathRule,
    /// The place in [`Config::backends`].
    pub backend: usize,
    /// Whether WebSockets are taken.
    pub upgrade: Upgrade,
    /// What replaces the matched prefix toward the backend; `None`: the raw path goes through.
    pub replace_prefix: Option<String>,
    /// Fields set toward the backend.
    pub set_headers: Vec<(String, Template)>,
    /// Lower-case names of fields removed toward the backend.
    pub remove_headers: Vec<String>,
    /// What the client is told of subprotocols.
    pub subprotocol: Subprotocol,
    /// What becomes of the client's compression offer.
    pub compression: Compression,
    /// What becomes of the forwarding headers.
    pub forwarded: Forwarded,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Who may come.
    pub clients: Clients,
    /// Which silence is death.
    pub heartbeat: Heartbeat,
    /// Sizes and rates.
    pub limits: RouteLimits,
    /// Waits for the backend.
    pub timeouts: RouteTimeouts,
}

/// `routes.path`
#[derive(Clone, Debug)]
pub enum PathRule {
    /// `= /exact`
    Exact(String),
    /// `~ regex`
    Regex(Regex),
    /// A prefix at segment borders; without a trailing slash unless written with one.
    Prefix(String),
}

/// `routes.upgrade`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// WebSocket and plain HTTP.
    Allow,
    /// WebSocket only; 426 otherwise.
    Only,
    /// Plain HTTP only.
    Never,
}

/// `routes.subprotocol`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subprotocol {
    /// The backend's choice, as it came.
    Pass,
    /// The offer is not shown to the backend and nothing is echoed.
    Strip,
    /// When the backend chose none, the first that the client offered is echoed.
    EchoFirst,
    /// This one is echoed whenever the client offered any.
    Forced(String),
}

/// `routes.compression`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// The offer goes to the backend as it came.
    Pass,
    /// The offer is removed toward the backend.
    Decline,
}

/// `routes.forwarded`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarded {
    /// What the client sent is removed, ours is set.
    Replace,
    /// Ours is added to what came.
    Append,
    /// Nothing is touched.
    Off,
}

/// A value of `set_headers`, cut at its `${…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub Vec<TemplatePart>);

/// A piece of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplatePart {
    /// Text as written; visible ASCII and spaces.
    Text(String),
    /// `${client_ip}`
    ClientIp,
    /// `${host}`
    Host,
    /// `${scheme}`
    Scheme,
    /// `${request_id}`
    RequestId,
}

/// `[sites.routes.clients]`; empty lists of origins and mini programs admit anyone.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    /// Admitted origins.
    pub origins: Vec<OriginRule>,
    /// Admitted app ids.
    pub mini_programs: Vec<AppId>,
    /// Whether a request with neither Origin nor a mini-program Referer is admitted.
    pub missing_origin_allowed: bool,
    /// When not empty, only these addresses may come.
    pub allow: Vec<IpNet>,
    /// These may never.
    pub deny: Vec<IpNet>,
}

/// One entry of `clients.origins`, lower-cased, default ports removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginRule {
    /// `https`, `weapp`, …
    pub scheme: String,
    /// The host; for a wildcard what stands behind `*.`.
    pub host: String,
    /// `*.host`: exactly one label in front.
    pub wildcard: bool,
    /// A port other than the scheme's own.
    pub port: Option<u16>,
}

/// One entry of `clients.mini_programs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppId {
    /// Which app hosts it.
    pub family: AppFamily,
    /// The id without the family's prefix.
    pub id: String,
}

/// The apps that host mini programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppFamily {
    /// `wx…`: WeChat.
    WeChat,
    /// `qq:`
    Qq,
    /// `tcmpp:`: apps built with Tencent's super-app SDK.
    Tcmpp,
    /// `douyin:`
    Douyin,
    /// `alipay:`
    Alipay,
    /// `baidu:`
    Baidu,
}

/// `[sites.routes.heartbeat]`; `None` is `"off"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// A client silent this long is sent a Ping.
    pub client_ping: Option<Duration>,
    /// A client silent this long is gone; longer than `client_ping`.
    pub client_timeout: Option<Duration>,
    /// A backend silent this long is sent a Ping.
    pub backend_ping: Option<Duration>,
    /// A backend silent this long is gone; longer than `backend_ping`.
    pub backend_timeout: Option<Duration>,
    /// No data message either way for this long.
    pub idle_timeout: Option<Duration>,
    /// Then closed like a drained socket.
    pub max_age: Option<Duration>,
    /// What the client is told when a heartbeat ran out; may be on the wire.
    pub close_code: u16,
}

/// `[sites.routes.limits]`; `None` is `"off"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteLimits {
    /// Most bytes of a message on the wire, all fragments together.
    pub message_size: Option<u64>,
    /// A peer that takes no byte this long while something waits for it is cut.
    pub stalled_writer: Option<Duration>,
    /// Most bytes of a plain request's body.
    pub request_body: Option<u64>,
}

/// `[sites.routes.timeouts]`; `None` is `"off"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTimeouts {
    /// For the backend's answer to a WebSocket handshake.
    pub upgrade_response: Option<Duration>,
    /// For the backend's answer to a plain request, and between two pieces of its body.
    pub response: Option<Duration>,
}

//! What a route says: where it leads, who may come, which silence is death.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use regex::Regex;

use super::{Action, Rate, ResponseHeaders};

/// One of `[[sites.routes]]`.
#[derive(Clone, Debug)]
pub struct Route {
    /// The path as written: the route's name in logs and counters.
    pub name: String,
    /// What it matches, on the normalised path.
    pub path: PathRule,
    /// What it does with a request.
    pub action: Action,
    /// Whether WebSockets are taken; never where the gateway answers itself.
    pub upgrade: Upgrade,
    /// What replaces the matched prefix toward the backend or the folder; `None`: the path as it is.
    pub replace_prefix: Option<String>,
    /// Fields set toward the backend.
    pub set_headers: Vec<(String, Template)>,
    /// Lower-case names of fields removed toward the backend.
    pub remove_headers: Vec<String>,
    /// What is changed in answers toward the client.
    pub response_headers: ResponseHeaders,
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

impl Route {
    /// The place in [`Config::backends`](super::Config::backends), where it leads to a backend.
    pub fn backend(&self) -> Option<usize> {
        match self.action {
            Action::Forward(place) => Some(place),
            Action::Files(_) | Action::Redirect(_) | Action::Reply(_) => None,
        }
    }
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

/// A value of `set_headers` or `response_headers`, cut at its `${…}`.
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

/// `[sites.routes.clients]`; the default admits anyone.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    /// Whether it matters who a request says it is from: `origins`, `mini_programs` or
    /// `missing_origin` is written. Where neither list has an entry, every Origin is refused.
    pub selective: bool,
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
    /// The application's own heartbeat.
    pub application: Option<Application>,
    /// The gateway answers the application's pings; only with [`Application::Words`].
    pub answer: bool,
}

/// `heartbeat.application`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Application {
    /// Socket.IO's transport: text `2` and `3`.
    EngineIo,
    /// ASP.NET Core SignalR: `{"type":6}` and its separator, or the same in MessagePack.
    SignalR,
    /// Two different texts of 1 to 125 bytes, shared by all sockets.
    Words {
        /// What asks.
        ping: Arc<str>,
        /// What answers.
        pong: Arc<str>,
    },
}

/// `[sites.routes.limits]`; `None` is `"off"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteLimits {
    /// Most bytes of a message on the wire, all fragments together.
    pub message_size: Option<u64>,
    /// Messages of one client.
    pub messages: Option<Rate>,
    /// Bytes of one client, those of frame headers included.
    pub bytes: Option<Rate>,
    /// What becomes of a client that sends faster.
    pub over_limit: OverLimit,
    /// A peer that takes no byte this long while something waits for it is cut.
    pub stalled_writer: Option<Duration>,
    /// WebSockets and plain requests on the route at a time; beyond it 503.
    pub connections: Option<usize>,
    /// Most bytes of a plain request's body.
    pub request_body: Option<u64>,
}

/// `limits.over_limit`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverLimit {
    /// Its socket is closed with 1008.
    Close,
    /// It is read no faster.
    Delay,
}

/// `[sites.routes.timeouts]`; `None` is `"off"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTimeouts {
    /// For the backend's answer to a WebSocket handshake.
    pub upgrade_response: Option<Duration>,
    /// For the backend's answer to a plain request, and between two pieces of its body.
    pub response: Option<Duration>,
}

//! The configuration, valid by construction: whoever holds a [`Config`] need not check it again.
//! Knows nothing of files and spans but the [`Spot`] that later checks point at.

mod acme;
mod action;
mod answer;
mod backend;
mod route;

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

pub use acme::*;
pub use action::*;
pub use answer::*;
pub use backend::*;
pub use route::*;

/// Everything that one `gateway.toml` says.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it came from, for findings made after parsing.
    pub source: Arc<Source>,
    /// Where single keys stand, for the same.
    pub places: Places,
    /// `[gateway]`
    pub gateway: Gateway,
    /// `[log]`
    pub log: Log,
    /// `[admin]`
    pub admin: Admin,
    /// `[acme]`; `None` when no site has its certificate from there.
    pub acme: Option<Acme>,
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
#[derive(Clone, Debug, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub spot: Spot,
}

/// Equal when the values are: the same thing may stand elsewhere in the next version of a file.
impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// Where keys are written whose values are judged beside something outside the text. `None` where
/// the file leaves them out.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// `gateway.max_connections`
    pub max_connections: Option<Spot>,
    /// `log.access`
    pub access_log: Option<Spot>,
    /// `admin.listen`
    pub admin: Option<Spot>,
    /// `acme.storage`
    pub acme_storage: Option<Spot>,
}

/// `[gateway]`, with `[gateway.drain]`, `[gateway.timeouts]` and `[gateway.limits]`.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// Event-loop threads; 0 is one per core.
    pub workers: usize,
    /// Client connections in all; beyond it the accept queue waits.
    pub max_connections: usize,
    /// Client connections of one address; `None` is off.
    pub max_connections_per_ip: Option<usize>,
    /// New client connections of one address; `None` is off.
    pub handshakes_per_ip: Option<Rate>,
    /// Resident memory in bytes beyond which nobody new is taken and slow sockets are cut; `None`
    /// is off.
    pub memory: Option<u64>,
    /// Files with the keys of session tickets, the first for new ones; none: keys of its own.
    pub ticket_keys: Vec<Located<PathBuf>>,
    /// Whether WebSockets are taken over HTTP/2 too (RFC 8441).
    pub http2_websocket: bool,
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
    /// From accept to the end of the PROXY protocol header.
    pub proxy_header: Duration,
    /// From accept to the end of the TLS handshake.
    pub tls_handshake: Duration,
    /// From the first byte of a request head to its last.
    pub request_head: Duration,
    /// How long a body of a plain request may keep the gateway waiting, besides a second for each
    /// 1024 bytes of it.
    pub request_body: Duration,
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

/// `[admin]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Where the gateway shows itself; `None` is off.
    pub listen: Option<ListenAddress>,
}

/// One of `[[listeners]]`.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Where it listens.
    pub address: Located<ListenAddress>,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Who has to begin with a PROXY protocol header; nobody else may.
    pub proxy_protocol: Vec<IpNet>,
}

/// So much in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How much; at least 1.
    pub amount: u64,
    /// In how long: a second, a minute or an hour.
    pub per: Duration,
}

impl Rate {
    /// In one second.
    pub fn per_second(self) -> f64 {
        self.amount as f64 / self.per.as_secs_f64()
    }
}

/// `listeners.address`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An address and port; `[::]` takes IPv4 too. Port 0 is any free one.
    Tcp(SocketAddr),
    /// A unix socket's path.
    Unix(PathBuf),
    /// A socket that systemd listens on already, by its `FileDescriptorName=`.
    Systemd(String),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Systemd(name) => write!(f, "systemd:{name}"),
        }
    }
}

/// `listeners.protocol`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TLS first.
    Https {
        /// Clients that can may speak HTTP/2 (ALPN `h2`).
        http2: bool,
    },
    /// Plain HTTP.
    Http {
        /// Answer 308 to https, never to an Upgrade request.
        redirect_to_https: bool,
        /// Files for an external ACME client, under `/.well-known/acme-challenge/`.
        acme_challenge_root: Option<Located<PathBuf>>,
    },
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
    /// `certificate = "acme"`: the gateway orders the certificate itself and keeps it, with its key, in the one file
    /// that both paths name. It may not be there yet.
    pub automatic: bool,
    /// The lowest TLS version taken.
    pub tls_min: TlsVersion,
    /// The CAs of which clients must present a certificate.
    pub client_ca: Option<Located<PathBuf>>,
    /// An OCSP response in DER; the file may be missing.
    pub ocsp_staple: Option<Located<PathBuf>>,
    /// The Strict-Transport-Security field of every answer over TLS (RFC 6797).
    pub strict_transport_security: Option<String>,
    /// What is changed in answers that no route has a say in; routes have it included in theirs.
    pub response_headers: ResponseHeaders,
    /// Pages for the gateway's own errors, the narrowest first.
    pub error_pages: Vec<ErrorPage>,
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

//! What a backend is: its servers, how one of them is chosen, and how it is reached.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::Located;

/// One pool of `[backends.NAME]`, or a server named inline by a route.
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    /// Its name in the file; for an inline server the address as written.
    pub name: String,
    /// At least one; no two with the same address.
    pub servers: Vec<Server>,
    /// How one of them is chosen.
    pub balance: Balance,
    /// For one connection attempt: name lookup, TLS and PROXY header included.
    pub connect_timeout: Duration,
    /// While no server is up, a request waits this long for one.
    pub hold: Option<Duration>,
    /// What a server is told of the client before anything else.
    pub proxy_protocol: Option<ProxyVersion>,
    /// How often names are looked up again.
    pub resolve_every: Duration,
    /// For servers written with `https://`.
    pub tls: BackendTls,
    /// Active checks; without them only failed connections count.
    pub health: Option<Health>,
}

/// One of `backends.NAME.servers`.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Where it listens.
    pub address: Located<ServerAddress>,
    /// It speaks TLS.
    pub tls: bool,
    /// Its share beside the others; from 1.
    pub weight: u32,
    /// Used only while no other is up.
    pub backup: bool,
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

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// `backends.NAME.balance`, with `hash_on`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Balance {
    /// The server with the fewest sockets and requests for its weight.
    LeastConnections,
    /// In turn, by weight.
    RoundRobin,
    /// The less busy of two drawn by lot.
    RandomTwo,
    /// Rendezvous hashing: the same key gets the same server from every gateway.
    Hash(HashOn),
}

/// `backends.NAME.hash_on`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashOn {
    /// The client's address, behind trusted proxies the forwarded one.
    ClientIp,
    /// A field of the request; its name in lower case.
    Header(String),
    /// A cookie, which the gateway gives to clients that come without it.
    Cookie(String),
    /// A parameter of the query.
    Query(String),
    /// The normalised path.
    Path,
}

/// `backends.NAME.proxy_protocol`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyVersion {
    /// The text form.
    V1,
    /// The binary form.
    V2,
}

/// `backends.NAME.tls`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackendTls {
    /// Whom to trust; the system's roots when absent.
    pub ca: Option<Located<PathBuf>>,
    /// The name that the certificate must have; the server's own when absent.
    pub server_name: Option<String>,
    /// What the gateway shows of itself: chain and key.
    pub client: Option<(Located<PathBuf>, Located<PathBuf>)>,
}

/// `backends.NAME.health`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Asked with GET; a status from 200 to 399 is well.
    pub path: String,
    /// From one check to the next.
    pub every: Duration,
    /// For the head of an answer.
    pub timeout: Duration,
    /// Failures in a row until a server is down.
    pub fall: u32,
    /// Successes in a row until it is up again.
    pub rise: u32,
}

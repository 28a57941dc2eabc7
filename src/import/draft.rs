//! The gateway.toml that comes out, before it is text. Knows the keys of the configuration; nothing of
//! nginx.

mod render;

pub use super::own::Own;

/// The whole file.
#[derive(Debug, Default)]
pub struct Draft {
    /// Lines at the top, without `#`.
    pub remarks: Vec<String>,
    /// `gateway.workers`
    pub workers: Option<u32>,
    /// `gateway.max_connections_per_ip`
    pub max_connections_per_ip: Option<u32>,
    /// `gateway.handshakes_per_ip`
    pub handshakes_per_ip: Option<String>,
    /// `gateway.timeouts.request_head`
    pub request_head: Option<String>,
    /// `gateway.timeouts.keep_alive`
    pub keep_alive: Option<String>,
    /// `gateway.limits.header_size`
    pub header_size: Option<String>,
    /// `log.access = "off"`
    pub access_off: bool,
    /// `[[listeners]]`
    pub listeners: Vec<Listener>,
    /// `[backends.NAME]`
    pub pools: Vec<Pool>,
    /// `[[sites]]`
    pub sites: Vec<Site>,
}

/// One of `[[listeners]]`.
#[derive(Debug, Default)]
pub struct Listener {
    /// Where it came from.
    pub remark: String,
    /// `address`
    pub address: String,
    /// `protocol`
    pub tls: bool,
    /// `http2`
    pub http2: bool,
    /// `redirect_to_https`
    pub redirect: bool,
    /// `proxy_protocol`
    pub proxy_protocol: Vec<String>,
    /// `acme_challenge_root`
    pub acme_root: Option<String>,
}

/// One `[backends.NAME]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Where it came from.
    pub remark: String,
    /// `NAME`
    pub name: String,
    /// `servers`
    pub servers: Vec<Server>,
    /// `balance`; with one server there is nothing to choose.
    pub balance: Option<&'static str>,
    /// `hash_on`
    pub hash_on: Option<String>,
    /// `connect_timeout`
    pub connect_timeout: Option<String>,
    /// `tls`, keys and values.
    pub tls: Vec<(&'static str, String)>,
}

/// One of `servers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `address`
    pub address: String,
    /// `weight`
    pub weight: u32,
    /// `backup`
    pub backup: bool,
}

/// One of `[[sites]]`.
#[derive(Debug, Default)]
pub struct Site {
    /// Where it came from, and what has to be filled in.
    pub remarks: Vec<String>,
    /// `domains`
    pub domains: Vec<String>,
    /// `certificate`
    pub certificate: String,
    /// `private_key`
    pub private_key: String,
    /// `client_ca`
    pub client_ca: Option<String>,
    /// `tls_min = "1.3"`
    pub only_tls13: bool,
    /// `strict_transport_security`
    pub strict_transport_security: Option<String>,
    /// `response_headers`
    pub response_headers: Vec<(String, String)>,
    /// `remove_response_headers`
    pub remove_response_headers: Vec<String>,
    /// `error_pages`
    pub error_pages: Vec<(String, String)>,
    /// `[[sites.routes]]`
    pub routes: Vec<Route>,
}

/// One of `[[sites.routes]]`.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// Where it came from, and what a person has to know.
    pub remarks: Vec<String>,
    /// `path`
    pub path: String,
    /// `backend`
    pub backend: String,
    /// `root` and what goes with it, instead of `backend`.
    pub files: Option<Files>,
    /// What there is instead of a backend.
    pub own: Option<Own>,
    /// `response_headers`
    pub response_headers: Vec<(String, String)>,
    /// `remove_response_headers`
    pub remove_response_headers: Vec<String>,
    /// What its site says for all of its routes.
    pub strict_transport_security: Option<String>,
    /// `upgrade`, when it is not `allow`.
    pub upgrade: Option<&'static str>,
    /// `strip_prefix`
    pub strip_prefix: Option<String>,
    /// `set_headers`
    pub set_headers: Vec<(String, String)>,
    /// `remove_headers`
    pub remove_headers: Vec<String>,
    /// `subprotocol = "strip"`
    pub strip_subprotocol: bool,
    /// `compression = "decline"`
    pub decline_compression: bool,
    /// `forwarded`, when it is not `replace`.
    pub forwarded: Option<&'static str>,
    /// `trusted_proxies`
    pub trusted_proxies: Vec<String>,
    /// `clients.origins`
    pub origins: Vec<String>,
    /// `clients.mini_programs`
    pub mini_programs: Vec<String>,
    /// `clients.missing_origin = "allow"`
    pub missing_origin_allowed: bool,
    /// `clients.addresses.allow`
    pub allow: Vec<String>,
    /// `clients.addresses.deny`
    pub deny: Vec<String>,
    /// Nobody may come, whatever the two lists say.
    pub closed: bool,
    /// `limits.connections`
    pub connections: Option<u32>,
    /// `limits`, keys and values.
    pub limits: Vec<(&'static str, String)>,
    /// `timeouts`, keys and values.
    pub timeouts: Vec<(&'static str, String)>,
}

/// What a route with `root` says of its folder.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// `root`
    pub root: String,
    /// `index`, when it is not the usual one.
    pub index: Option<Vec<String>>,
    /// `fallback`, when it is not `=404`.
    pub fallback: Option<String>,
    /// `cache`, when it is not `off`.
    pub cache: Option<String>,
    /// `compress = true`
    pub compress: bool,
}

//! The gateway.toml that comes out, before it is text. Knows the keys of the configuration and how
//! TOML is written; nothing of nginx.

use std::fmt::Write;

pub use super::own::Own;
use super::toml::{
    comment, dotted, inline_table, key, line, list, list_unless_empty, optional, quoted, remarks,
    table,
};

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

impl Draft {
    /// The text of the file.
    pub fn render(&self) -> String {
        let mut text = String::new();
        remarks(&mut text, &self.remarks);
        self.gateway(&mut text);
        for it in &self.listeners {
            it.render(&mut text);
        }
        for it in &self.pools {
            it.render(&mut text);
        }
        for it in &self.sites {
            it.render(&mut text);
        }
        text
    }

    fn gateway(&self, text: &mut String) {
        let numbers =
            [("workers", self.workers), ("max_connections_per_ip", self.max_connections_per_ip)];
        if numbers.iter().any(|(_, it)| it.is_some()) || self.handshakes_per_ip.is_some() {
            table(text, "[gateway]");
        }
        for (key, number) in numbers.iter().filter_map(|(key, it)| Some((key, (*it)?))) {
            line(text, key, &number.to_string());
        }
        optional(text, "handshakes_per_ip", self.handshakes_per_ip.as_deref());
        if self.request_head.is_some() || self.keep_alive.is_some() {
            table(text, "[gateway.timeouts]");
        }
        optional(text, "request_head", self.request_head.as_deref());
        optional(text, "keep_alive", self.keep_alive.as_deref());
        if self.header_size.is_some() {
            table(text, "[gateway.limits]");
        }
        optional(text, "header_size", self.header_size.as_deref());
        if self.access_off {
            table(text, "[log]");
            line(text, "access", &quoted("off"));
        }
    }
}

impl Listener {
    fn render(&self, text: &mut String) {
        table(text, "[[listeners]]");
        let address = quoted(&self.address);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "address = {address}  {}", comment(&self.remark));
        line(text, "protocol", &quoted(if self.tls { "https" } else { "http" }));
        if self.tls && !self.http2 {
            line(text, "http2", "false");
        }
        if self.redirect {
            line(text, "redirect_to_https", "true");
        }
        list_unless_empty(text, "proxy_protocol", &self.proxy_protocol);
        optional(text, "acme_challenge_root", self.acme_root.as_deref());
    }
}

impl Pool {
    fn render(&self, text: &mut String) {
        let _ = writeln!(text, "\n[backends.{}]  {}", key(&self.name), comment(&self.remark));
        let plain = self.servers.iter().all(|it| it.weight == 1 && !it.backup);
        if let (true, [only]) = (plain, self.servers.as_slice()) {
            line(text, "servers", &format!("[{}]", quoted(&only.address)));
        } else {
            let servers = self.servers.iter().map(Server::render).collect::<String>();
            line(text, "servers", &format!("[\n{servers}]"));
        }
        optional(text, "balance", self.balance);
        optional(text, "hash_on", self.hash_on.as_deref());
        optional(text, "connect_timeout", self.connect_timeout.as_deref());
        inline_table(text, "tls", &self.tls);
    }
}

impl Server {
    fn render(&self) -> String {
        let mut rest = String::new();
        if self.weight != 1 {
            let _ = write!(rest, ", weight = {}", self.weight);
        }
        if self.backup {
            rest.push_str(", backup = true");
        }
        let address = quoted(&self.address);
        if rest.is_empty() {
            format!("    {address},\n")
        } else {
            format!("    {{ address = {address}{rest} }},\n")
        }
    }
}

impl Site {
    fn render(&self, text: &mut String) {
        text.push('\n');
        remarks(text, &self.remarks);
        text.push_str("[[sites]]\n");
        list(text, "domains", &self.domains);
        line(text, "certificate", &quoted(&self.certificate));
        line(text, "private_key", &quoted(&self.private_key));
        optional(text, "client_ca", self.client_ca.as_deref());
        if self.only_tls13 {
            line(text, "tls_min", &quoted("1.3"));
        }
        let strict = self.strict_transport_security.as_deref();
        optional(text, "strict_transport_security", strict);
        inline_table(text, "response_headers", &self.response_headers);
        list_unless_empty(text, "remove_response_headers", &self.remove_response_headers);
        inline_table(text, "error_pages", &self.error_pages);
        for route in &self.routes {
            route.render(text);
        }
    }
}

impl Files {
    fn render(&self, text: &mut String) {
        line(text, "root", &quoted(&self.root));
        if let Some(index) = self.index.as_ref().filter(|it| **it != ["index.html"]) {
            list(text, "index", index);
        }
        optional(text, "fallback", self.fallback.as_deref());
        optional(text, "cache", self.cache.as_deref());
        if self.compress {
            line(text, "compress", "true");
        }
    }
}

impl Route {
    fn render(&self, text: &mut String) {
        text.push('\n');
        remarks(text, &self.remarks);
        text.push_str("[[sites.routes]]\n");
        line(text, "path", &quoted(&self.path));
        if let Some(own) = &self.own {
            own.render(text);
            self.response(text);
            return self.clients(text);
        }
        match &self.files {
            Some(files) => files.render(text),
            None => line(text, "backend", &quoted(&self.backend)),
        }
        optional(text, "upgrade", self.upgrade);
        optional(text, "strip_prefix", self.strip_prefix.as_deref());
        inline_table(text, "set_headers", &self.set_headers);
        list_unless_empty(text, "remove_headers", &self.remove_headers);
        self.response(text);
        optional(text, "subprotocol", self.strip_subprotocol.then_some("strip"));
        optional(text, "compression", self.decline_compression.then_some("decline"));
        optional(text, "forwarded", self.forwarded);
        list_unless_empty(text, "trusted_proxies", &self.trusted_proxies);
        self.clients(text);
        if let Some(connections) = self.connections {
            line(text, "limits.connections", &connections.to_string());
        }
        dotted(text, "limits", &self.limits);
        dotted(text, "timeouts", &self.timeouts);
    }

    fn response(&self, text: &mut String) {
        inline_table(text, "response_headers", &self.response_headers);
        list_unless_empty(text, "remove_response_headers", &self.remove_response_headers);
    }

    fn clients(&self, text: &mut String) {
        list_unless_empty(text, "clients.origins", &self.origins);
        list_unless_empty(text, "clients.mini_programs", &self.mini_programs);
        let choosy = !self.origins.is_empty() || !self.mini_programs.is_empty();
        let missing = (choosy && self.missing_origin_allowed).then_some("allow");
        optional(text, "clients.missing_origin", missing);
        if self.closed {
            let everybody = ["0.0.0.0/0", "::/0"].map(str::to_owned);
            return list(text, "clients.addresses.deny", &everybody);
        }
        list_unless_empty(text, "clients.addresses.allow", &self.allow);
        list_unless_empty(text, "clients.addresses.deny", &self.deny);
    }
}

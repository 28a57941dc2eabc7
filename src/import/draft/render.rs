//! The gateway.toml that comes out, as text. Knows how TOML is written.

use std::fmt::Write;

use super::{Draft, Files, Listener, Pool, Route, Server, Site};
use crate::import::toml::{
    comment, dotted, inline_table, key, line, list, list_unless_empty, optional, quoted, remarks,
    table,
};

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

//! `wsgate check`: everything that can be known before anything is bound. Knows the configuration,
//! the files it names and the limits of the machine; never connects.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustix::process::{Resource, getrlimit};

use super::places;
use crate::config::model::{
    Acme, Action, Backend, Config, Listener, LocationPart, Protocol, Redirect, Route, Server,
    ServerAddress, Site, TlsVersion, Upgrade,
};
use crate::config::{self, Level, Problem, Report};
use crate::http::inspect_pages;
use crate::tls::inspect::{Roots, covers, expiry, inspect_with};
use crate::tls::pem::read_chain;

/// What the findings depend on besides the files; a value, so that a test is the same anywhere.
#[derive(Debug)]
pub struct Machine {
    /// The time for which certificates are judged.
    pub now: SystemTime,
    /// What chains must lead to.
    pub roots: Roots,
    /// The hard limit on open files; `None` is unlimited.
    pub open_files: Option<u64>,
    /// The ports that connections to a backend leave from, first and last.
    pub source_ports: (u16, u16),
}

impl Machine {
    /// The one this runs on.
    pub fn this() -> Self {
        Self {
            now: SystemTime::now(),
            roots: Roots::of_the_system(),
            open_files: getrlimit(Resource::Nofile).maximum,
            source_ports: source_ports().unwrap_or(LINUX_SOURCE_PORTS),
        }
    }
}

/// Checks the file and everything it names. Gives the text to print, and whether wsgate would run.
pub fn check(path: &Path, machine: &Machine) -> (String, bool) {
    judge(config::examine(path), machine)
}

/// The same for a text that is to stand in the file `path`.
pub fn check_text(path: &Path, text: &str, machine: &Machine) -> (String, bool) {
    judge(config::examine_text(path, text, &|name| std::env::var(name).ok()), machine)
}

/// Everything in the files that `config` names for which it cannot be used, each at its place.
pub(super) fn faults(config: &Config) -> Report {
    let mut report = Report::new(Arc::clone(&config.source));
    // Roots decide about warnings alone.
    let found = inspect_with(config, &Roots::default(), SystemTime::now());
    let found = found.into_iter().chain(inspect_pages(config));
    found.filter(|it| it.level == Level::Error).for_each(|it| report.push(it));
    report.sort();
    report
}

/// Also of a text with errors the files are looked at that it names: one run tells everything.
fn judge((config, mut report): (Option<Config>, Report), machine: &Machine) -> (String, bool) {
    let Some(config) = config else { return (report.render(), false) };
    let found = inspect_with(&config, &machine.roots, machine.now)
        .into_iter()
        .chain(inspect_pages(&config))
        .chain(places::inspect(&config));
    let found: Vec<Problem> = found.collect();
    // Of a text with errors a default may only stand in for what was not understood.
    if !report.has_errors() || config.places.max_connections.is_some() {
        limits(&config, machine).into_iter().for_each(|it| report.push(it));
    }
    found.into_iter().for_each(|it| report.push(it));
    report.sort();
    if report.has_errors() {
        return (report.render(), false);
    }
    let mut text = report.render();
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&summary(&config, machine.now));
    (text, true)
}

/// Linux' own range, for where /proc is hidden.
const LINUX_SOURCE_PORTS: (u16, u16) = (32_768, 60_999);

/// Files that are open besides sockets: standard streams, logs, listeners, the event loop's own.
const OTHER_FILES: u64 = 64;

fn source_ports() -> Option<(u16, u16)> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut ports = text.split_whitespace().map(|it| it.parse().ok());
    Some((ports.next()??, ports.next()??))
}

fn limits(config: &Config, machine: &Machine) -> Vec<Problem> {
    let wanted = config.gateway.max_connections as u64;
    let mut problems = Vec::new();
    // Every tunnel is two sockets: the client's and the backend's.
    let files = wanted.saturating_mul(2).saturating_add(OTHER_FILES);
    if let Some(limit) = machine.open_files.filter(|limit| files > *limit) {
        let room = limit.saturating_sub(OTHER_FILES) / 2;
        let message = format!(
            "max_connections = {wanted} needs {files} open files, two per socket; the hard limit here is {limit}, room for {room}"
        );
        let hint = format!("set LimitNOFILE={files} in the systemd unit, or lower max_connections");
        let spot = config.places.max_connections.clone();
        problems.push(Problem::warning(spot, message).hint(hint));
    }
    problems.extend(config.backends.iter().find_map(|it| source_limit(it, wanted, machine)));
    problems
}

/// A pool whose servers together take fewer connections from here than clients may come.
fn source_limit(backend: &Backend, wanted: u64, machine: &Machine) -> Option<Problem> {
    let (first, last) = machine.source_ports;
    let ports = u64::from(last.saturating_sub(first)) + 1;
    // To a unix socket there are no ports, and to this machine itself connections leave from as
    // many addresses as are needed.
    let limited = |it: &Server| match &it.address.value {
        ServerAddress::Tcp { host, .. } => !host.parse().is_ok_and(|it: Ipv4Addr| it.is_loopback()),
        ServerAddress::Unix(_) => false,
    };
    let servers = &backend.servers;
    let room = ports.saturating_mul(servers.len() as u64);
    if wanted <= room || !servers.iter().all(limited) {
        return None;
    }
    let message = format!(
        "max_connections = {wanted}, but one TCP address takes {ports} connections from here (source ports {first}-{last})"
    );
    let hint = "more servers share them, a unix socket or 127.0.0.1 has no such limit; else widen net.ipv4.ip_local_port_range, or lower max_connections";
    let spot = servers.first()?.address.spot.clone();
    Some(Problem::warning(Some(spot), message).hint(hint))
}

/// What would be served.
fn summary(config: &Config, now: SystemTime) -> String {
    let mut text = String::from("The configuration is valid. It would serve:\n");
    // Writing to a String cannot fail.
    for listener in &config.listeners {
        let _ = writeln!(text, "  listener {}", listener_line(listener));
    }
    let admin = config.admin.listen.as_ref().map_or("off".to_owned(), ToString::to_string);
    let _ = writeln!(text, "  admin {admin}");
    for site in &config.sites {
        let _ = writeln!(text, "  site {}", site_line(site, config.acme.as_ref(), now));
        for route in &site.routes {
            let upgrade = match route.upgrade {
                Upgrade::Allow => "",
                Upgrade::Only => " (WebSocket only)",
                Upgrade::Never if route.backend().is_some() => " (no WebSocket)",
                Upgrade::Never => "",
            };
            let _ = writeln!(text, "    {} -> {}{upgrade}", route.name, leads_to(route, config));
        }
    }
    text
}

fn listener_line(listener: &Listener) -> String {
    let address = &listener.address.value;
    match &listener.protocol {
        Protocol::Https { http2: false } => format!("{address} https, HTTP/1.1 only"),
        Protocol::Https { .. } => format!("{address} https"),
        Protocol::Http { redirect_to_https: true, .. } => format!("{address} http, to https"),
        Protocol::Http { .. } => format!("{address} http"),
    }
}

fn site_line(site: &Site, acme: Option<&Acme>, now: SystemTime) -> String {
    let names: Vec<&str> = site.domains.iter().map(|it| it.value.as_str()).collect();
    let versions = match site.tls_min {
        TlsVersion::V12 => "TLS 1.2 and 1.3",
        TlsVersion::V13 => "TLS 1.3",
    };
    let left = expiry(site).and_then(|it| it.duration_since(now).ok());
    let left = left.map(|it| it.as_secs() / (24 * 60 * 60));
    let left = match (left, acme.filter(|_| site.automatic)) {
        (Some(days), None) => format!("certificate for {days} more days"),
        (None, None) => "certificate expired".to_owned(),
        (Some(days), Some(_)) if is_whole(site) => {
            format!("certificate for {days} more days, renewed automatically")
        }
        (_, Some(acme)) => {
            let (by, from) = (acme.challenge.name(), acme.authority());
            format!("no certificate yet: one would be ordered from {from} by {by}")
        }
    };
    format!("{} ({versions}, {left})", names.join(", "))
}

/// Whether the stored certificate is for all of the site's names.
fn is_whole(site: &Site) -> bool {
    let chain = read_chain(&site.certificate.value).unwrap_or_default();
    site.domains.iter().all(|it| covers(&chain, &it.value))
}

fn leads_to(route: &Route, config: &Config) -> String {
    match &route.action {
        Action::Forward(place) => config.backends.get(*place).map(backend_name).unwrap_or_default(),
        Action::Files(files) => format!("files in {}", files.root.value.display()),
        Action::Redirect(redirect) => redirect_name(redirect),
        Action::Reply(reply) => format!("answered with {}", reply.status),
    }
}

fn redirect_name(redirect: &Redirect) -> String {
    let part = |it: &LocationPart| match it {
        LocationPart::Text(text) => text.clone(),
        LocationPart::Host => "${host}".to_owned(),
        LocationPart::Uri => "${uri}".to_owned(),
        LocationPart::Path => "${path}".to_owned(),
        LocationPart::Query => "${query}".to_owned(),
        LocationPart::Rest => "${rest}".to_owned(),
    };
    let location: String = redirect.location.0.iter().map(part).collect();
    format!("{location} ({})", redirect.status)
}

fn backend_name(backend: &Backend) -> String {
    let server = |it: &Server| {
        let scheme = if it.tls { "https://" } else { "" };
        let backup = if it.backup { " as backup" } else { "" };
        format!("{scheme}{}{backup}", it.address.value)
    };
    let servers: Vec<String> = backend.servers.iter().map(server).collect();
    let servers = servers.join(", ");
    if backend.name.contains(':') { servers } else { format!("{} ({servers})", backend.name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_some_source_ports() {
        let (first, last) = Machine::this().source_ports;
        assert!(first < last);
    }
}

//! The status as text for a terminal: the same sections as the status page, in its order.

use std::fmt::Write;

use super::table::Table;
use super::units::{bytes, count, milliseconds, plain, rate, seconds};
use crate::admin::status::{History, Route, Server, Status, Times, Values};

/// How many of the last endings are shown.
const ENDINGS: usize = 15;

/// The whole text.
pub fn of(status: &Status) -> String {
    let mut out = String::new();
    head(&mut out, status);
    section(&mut out, "Routes", &routes(status));
    section(&mut out, "Backends", &backends(status));
    section(&mut out, "Certificates", &certificates(status));
    section(&mut out, "Handshakes that failed", &failures(status));
    section(&mut out, "Ends", &ends(status));
    section(&mut out, "Last endings", &endings(status));
    out
}

fn head(out: &mut String, it: &Status) {
    // Writing to a String cannot fail.
    let (version, pid, up) = (&it.version, it.pid, seconds(it.uptime_s));
    let _ = writeln!(out, "wsgate {version}, pid {pid}, up {up}: {}", phase(it));
    let open = format!("{} of {}", count(it.connections.open), count(it.connections.most));
    let accepted = count(it.connections.accepted);
    let mut lines = vec![
        (
            "sockets",
            format!("{} open, {} opened", count(it.sockets.open), count(it.sockets.opened)),
        ),
        ("connections", format!("{open} open, {accepted} accepted")),
        ("requests", format!("{} under way", count(it.requests.open))),
        ("rates", rates(it)),
        (
            "handshakes",
            format!(
                "{} switched, {} failed",
                count(it.handshakes.switched),
                count(it.handshakes.failed)
            ),
        ),
        ("TLS", tls(it)),
        ("pings", pings(it)),
        ("process", process(it)),
        ("reloads", reloads(it)),
    ];
    if it.connections.accept_errors > 0 {
        lines.push(("trouble", format!("{} accepts failed", count(it.connections.accept_errors))));
    }
    if it.lost_lines > 0 {
        lines.push(("trouble", format!("{} access lines were lost", count(it.lost_lines))));
    }
    for (name, words) in lines {
        let _ = writeln!(out, "  {name:<12} {words}");
    }
}

fn phase(it: &Status) -> String {
    let drain = &it.drain;
    let (Some(since), Some(cut_at)) = (&drain.since, &drain.cut_at) else {
        return drain.phase.clone();
    };
    let left = count(drain.connections_left);
    let start = count(drain.connections_at_start.unwrap_or_default());
    format!("{} since {since}, {left} of {start} connections left, cut at {cut_at}", drain.phase)
}

fn rates(it: &Status) -> String {
    let last = |values: &Values| values.last().copied().flatten();
    let words = it.history.as_ref().and_then(|it| {
        let all = &it.all;
        let (up, down) = (last(&all.up_messages)?, last(&all.down_messages)?);
        let (up_bytes, down_bytes) = (last(&all.up_bytes)?, last(&all.down_bytes)?);
        Some(format!(
            "up {} messages/s, {}/s; down {} messages/s, {}/s",
            rate(up),
            bytes(up_bytes),
            rate(down),
            bytes(down_bytes)
        ))
    });
    words.unwrap_or_else(|| "not known before the first 10 seconds are over".to_owned())
}

fn tls(it: &Status) -> String {
    let version = |it: &crate::admin::status::Version| {
        format!("{} with {}", count(it.count), plain(&it.version))
    };
    let versions: Vec<String> = it.tls.versions.iter().map(version).collect();
    let (full, resumed) = (count(it.tls.full), count(it.tls.resumed));
    format!("{full} full, {resumed} resumed; {}", versions.join(", "))
}

fn pings(it: &Status) -> String {
    let times =
        |it: &Times| format!("p50 {}, p99 {}", milliseconds(it.p50_ms), milliseconds(it.p99_ms));
    let mut words = format!("{} sent", count(it.pings.sent));
    for (side, of) in [("clients", &it.pings.client), ("backends", &it.pings.backend)] {
        if of.count > 0 {
            let _ = write!(words, "; {side} answer in {}", times(of));
        }
    }
    words
}

fn process(it: &Status) -> String {
    let memory = it.memory_bytes.map_or("-".to_owned(), |it| bytes(it as f64));
    let files = it.open_files.map_or("-".to_owned(), count);
    let limit = it.open_files_limit.map_or(String::new(), |it| format!(" of {}", count(it)));
    format!("{memory} of memory, {files}{limit} open files")
}

fn reloads(it: &Status) -> String {
    let reloads = &it.reloads;
    let mut words =
        format!("{} applied, {} refused", count(reloads.applied), count(reloads.refused));
    if let Some(last) = &reloads.last {
        let _ = write!(words, "; the last {} at {}", plain(&last.outcome), plain(&last.time));
        if let Some(first) = last.words.lines().next() {
            let _ = write!(words, ": {}", plain(first));
        }
    }
    words
}

fn section(out: &mut String, name: &str, table: &Table) {
    if !table.is_empty() {
        let _ = write!(out, "\n{name}\n{}", table.text());
    }
}

fn routes(it: &Status) -> Table {
    let headings = [
        "route",
        "backend",
        ">sockets",
        ">opened",
        ">requests",
        ">up msg/s",
        ">down msg/s",
        ">up",
        ">down",
    ];
    let mut table = Table::new(&headings);
    for route in &it.routes {
        let (up, down) = now(it.history.as_ref(), route);
        table.row([
            plain(&format!("{}{}", route.site, spaced(&route.route))),
            plain(&route.backend),
            count(route.sockets.open),
            count(route.sockets.opened),
            count(route.requests_open),
            up.map_or("-".to_owned(), rate),
            down.map_or("-".to_owned(), rate),
            bytes(route.sockets.up.bytes as f64),
            bytes(route.sockets.down.bytes as f64),
        ]);
    }
    table
}

/// A path stands right behind its site, a regex or an exact path apart.
fn spaced(route: &str) -> String {
    if route.starts_with('/') { route.to_owned() } else { format!(" {route}") }
}

/// Messages a second on a route, up and down.
fn now(history: Option<&History>, route: &Route) -> (Option<f64>, Option<f64>) {
    let same = |it: &&crate::admin::status::RouteLine| {
        (&it.site, &it.route, &it.backend) == (&route.site, &route.route, &route.backend)
    };
    let Some(line) = history.and_then(|it| it.routes.iter().find(same)) else {
        return (None, None);
    };
    let last = |values: &Values| values.last().copied().flatten();
    (last(&line.up_messages), last(&line.down_messages))
}

fn backends(it: &Status) -> Table {
    let headings = [
        "backend",
        "server",
        "standing",
        ">live",
        ">connected",
        ">failed",
        ">p50",
        ">p99",
        "last failure",
    ];
    let mut table = Table::new(&headings);
    for backend in &it.backends {
        if backend.servers.is_empty() {
            let mut cells = [const { String::new() }; 9];
            (cells[0], cells[1]) = (plain(&backend.name), "(no server)".to_owned());
            table.row(cells);
        }
        for server in &backend.servers {
            let role = if server.backup { " (backup)" } else { "" };
            table.row([
                plain(&backend.name),
                plain(&server.address),
                format!("{}{role}", plain(&server.standing)),
                count(server.live),
                count(server.connected),
                count(server.failed),
                milliseconds(server.connect.p50_ms),
                milliseconds(server.connect.p99_ms),
                failure(server),
            ]);
        }
    }
    table
}

fn failure(server: &Server) -> String {
    let words = |it: &crate::admin::status::Failure| plain(&format!("{} {}", it.time, it.words));
    server.last_failure.as_ref().map(words).unwrap_or_default()
}

fn certificates(it: &Status) -> Table {
    let mut table = Table::new(&["names", ">days left", "expires", "file"]);
    for certificate in &it.certificates {
        table.row([
            plain(&certificate.names.join(", ")),
            format!("{:.0}", certificate.days_left.floor()),
            plain(&certificate.not_after),
            plain(&certificate.file),
        ]);
    }
    table
}

fn failures(it: &Status) -> Table {
    let mut table = Table::new(&[">count", "end"]);
    for failure in &it.handshakes.failures {
        table.row([count(failure.count), plain(&failure.end)]);
    }
    table
}

fn ends(it: &Status) -> Table {
    let mut table = Table::new(&[">count", "what", "by", "end"]);
    for end in &it.ends {
        table.row([count(end.count), plain(&end.kind), plain(&end.by), plain(&end.end)]);
    }
    table
}

fn endings(it: &Status) -> Table {
    let mut table = Table::new(&["time", "what", "client", "route", ">after", "by", "end"]);
    for ending in it.endings.iter().take(ENDINGS) {
        let route = if ending.route.is_empty() { &ending.path } else { &ending.route };
        let mut end = plain(&ending.end);
        if !ending.detail.is_empty() {
            let _ = write!(end, ": {}", plain(&ending.detail));
        }
        table.row([
            plain(&ending.time),
            plain(&ending.kind),
            plain(&ending.client),
            plain(&format!("{}{}", ending.host, spaced(route))),
            seconds(ending.ms as f64 / 1000.0),
            plain(&ending.by),
            end,
        ]);
    }
    table
}

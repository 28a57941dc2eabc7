//! The gateway itself: its phase and its drain, what goes through its routes, handshakes, and the
//! process.

use super::html::Html;
use super::table::{Column, Table};
use super::units;
use crate::admin::status::{Sockets, Status};

/// Failed handshakes that are told apart on the page.
const FAILURES: usize = 6;

/// Lines of a reload's report that are shown.
const REPORT_LINES: usize = 12;

/// How its phase looks, and the word for it.
pub fn phase(status: &Status) -> (&'static str, &'static str) {
    match status.drain.phase.as_ref() {
        "running" => ("good", "ready"),
        "draining" => ("wait", "draining"),
        _ => ("bad", "stopping"),
    }
}

/// Who is speaking, and since when.
pub fn facts(out: &mut Html, status: &Status) {
    out.element("span", format_args!("version {}", status.version));
    out.element("span", format_args!("process {}", status.pid));
    out.element("span", format_args!("up {}", units::seconds(status.uptime_s)));
    out.element("span", format_args!("{} connections", units::count(status.connections.open)));
    out.element("span", format_args!("{} requests under way", units::count(status.requests.open)));
}

/// How far a drain has come; nothing when there is none.
pub fn drain(out: &mut Html, status: &Status) {
    let drain = &status.drain;
    out.raw("<div id=\"drain\" data-live>");
    if drain.phase != "running" {
        let left = drain.connections_left;
        let all = drain.connections_at_start.unwrap_or(left).max(left);
        out.raw("<section class=\"card\"><h2>Draining</h2><progress aria-label=\"Ended so far\"");
        out.attribute("max", all.max(1)).attribute("value", all - left).raw("></progress><p>");
        out.text(units::count(all - left)).raw(" of ").text(units::count(all));
        out.raw(" connections have ended, ").text(units::count(left)).raw(" are left.");
        if let Some(time) = &drain.since {
            out.raw(" It began at ").text(units::clock(time)).raw(".");
        }
        if let Some(time) = &drain.cut_at {
            out.raw(" What is left at ").text(units::clock(time)).raw(" is cut.");
        }
        out.raw("</p></section>");
    }
    out.raw("</div>");
}

/// The routes and what has gone through them.
pub fn routes(out: &mut Html, status: &Status) {
    const COLUMNS: [Column; 6] = [
        ("Route", "wide"),
        ("Backend", ""),
        ("Live", "n one"),
        ("Opened", "n one"),
        ("Messages ↑ / ↓", "n"),
        ("Bytes ↑ / ↓", "n"),
    ];
    out.raw("<section class=\"card\" id=\"routes\" data-live><h2>Routes</h2>");
    if status.routes.is_empty() {
        out.raw("<p class=\"empty\">No request has come yet.</p></section>");
        return;
    }
    let caption = "What has gone through since the start: ↑ to the backend, ↓ to the client.";
    let mut table = Table::begin(out, caption, &COLUMNS);
    for it in &status.routes {
        let Sockets { open, opened, up, down, .. } = &it.sockets;
        table.row().text(units::place(&it.site, &it.route)).text(&it.backend);
        table.text(units::count(*open)).text(units::count(*opened));
        let [sent, received] = [up, down].map(|it| units::count(it.messages));
        table.text(format_args!("{sent} / {received}"));
        let [sent, received] = [up, down].map(|it| units::bytes(it.bytes as f64));
        table.text(format_args!("{sent} / {received}"));
    }
    table.end();
    out.raw("</section>");
}

/// Handshakes by how they went.
pub fn handshakes(out: &mut Html, status: &Status) {
    let (handshakes, tls) = (&status.handshakes, &status.tls);
    out.raw("<section class=\"card\" id=\"handshakes\" data-live><h2>Handshakes</h2><dl>");
    fact(out, "WebSocket, switched", units::count(handshakes.switched));
    fact(out, "WebSocket, failed", units::count(handshakes.failed));
    for it in handshakes.failures.iter().take(FAILURES) {
        out.raw("<dt class=\"part\">").text(&it.end).raw("</dt><dd>");
        out.text(units::count(it.count)).raw("</dd>");
    }
    fact(out, "TLS, in full", units::count(tls.full));
    fact(out, "TLS, resumed", units::count(tls.resumed));
    for it in &tls.versions {
        out.raw("<dt class=\"part\">TLS ").text(&it.version).raw("</dt><dd>");
        out.text(units::count(it.count)).raw("</dd>");
    }
    out.raw("</dl></section>");
}

/// The process: what it may use, and its reloads.
pub fn process(out: &mut Html, status: &Status) {
    out.raw("<section class=\"card\" id=\"process\" data-live><h2>Process</h2><dl>");
    let started = (units::day(&status.started), units::clock(&status.started));
    fact(out, "Started", format_args!("{} {}", started.0, started.1));
    let (open, most) = (status.connections.open, status.connections.most);
    fact(out, "Connections", format_args!("{} of {}", units::count(open), units::count(most)));
    if let Some(bytes) = status.memory_bytes {
        fact(out, "Memory", units::bytes(bytes as f64));
    }
    if let (Some(open), Some(most)) = (status.open_files, status.open_files_limit) {
        fact(out, "Open files", format_args!("{} of {}", units::count(open), units::count(most)));
    }
    fact(out, "Lost access lines", units::count(status.lost_lines));
    let reloads = &status.reloads;
    fact(out, "Reloads", format_args!("{} applied, {} refused", reloads.applied, reloads.refused));
    if let Some(last) = &reloads.last {
        let when = units::clock(&last.time);
        fact(out, "Last reload", format_args!("{} at {when}", last.outcome));
    }
    out.raw("</dl>");
    if let Some(last) = reloads.last.as_ref().filter(|it| !it.words.is_empty()) {
        report(out, &last.words);
    }
    out.raw("</section>");
}

/// What a reload said: a report of several lines with carets, or a word.
fn report(out: &mut Html, words: &str) {
    out.raw("<pre>");
    for line in words.lines().take(REPORT_LINES) {
        out.text(units::clipped(line)).raw("\n");
    }
    if words.lines().count() > REPORT_LINES {
        out.raw("… the log has all of it");
    }
    out.raw("</pre>");
}

fn fact(out: &mut Html, name: &'static str, text: impl std::fmt::Display) {
    out.element("dt", name).element("dd", text);
}

//! Every metric of `/metrics`, with its name, labels and help. docs/metrics.md says the same for
//! people, and a test compares the two. Labels have only values that the configuration or this
//! program bounds: never an address of a client, a path that was asked for, or a close code as such.

mod backends;
mod process;
mod sockets;

use std::time::UNIX_EPOCH;

use super::Office;
use super::exposition::Exposition;
use crate::drain::Phase;
use crate::life::{By, Cause, Refusal, Timer, TlsFault};
use crate::observe::issuances::Issuances;
use crate::observe::line::Kind;
use crate::observe::metrics::Metrics;

/// The whole text.
pub fn text(office: &Office) -> String {
    let mut out = Exposition::default();
    let metrics = &office.books.metrics;
    connections(&mut out, office);
    tls(&mut out, metrics);
    handshakes(&mut out, metrics);
    ends(&mut out, metrics);
    sockets::write(&mut out, &office.books);
    backends::write(&mut out, office);
    certificates(&mut out, office);
    lifetime(&mut out, office);
    process::write(&mut out, &office.books);
    out.finish()
}

fn connections(out: &mut Exposition, office: &Office) {
    let metrics = &office.books.metrics;
    out.gauge("wsgate_connections", "Connections of clients that are open.")
        .sample(&[], metrics.connections.value());
    out.gauge("wsgate_connections_limit", "gateway.max_connections of the start.")
        .sample(&[], office.connections);
    out.counter("wsgate_connections_accepted_total", "Connections of clients that were accepted.")
        .sample(&[], metrics.accepted.value());
    out.counter("wsgate_accept_errors_total", "Accepts that failed, e.g. for want of descriptors.")
        .sample(&[], metrics.accept_errors.value());
    out.counter("wsgate_panics_total", "Connections that a mistake of the gateway's own ended.")
        .sample(&[], metrics.panics.value());
    out.gauge("wsgate_requests", "Plain requests and handshakes under way.")
        .sample(&[], metrics.requests.value());
}

fn tls(out: &mut Exposition, metrics: &Metrics) {
    let mut family =
        out.counter("wsgate_tls_handshakes_total", "TLS handshakes with clients, by outcome.");
    family.sample(&[("outcome", "full")], metrics.tls_full.value());
    family.sample(&[("outcome", "resumed")], metrics.tls_resumed.value());
    for fault in TlsFault::ALL {
        family.sample(&[("outcome", fault.name())], metrics.ends(Cause::Tls(*fault)));
    }
    let late = metrics.ends(Cause::Timer(Timer::TlsHandshake));
    family.sample(&[("outcome", "timeout")], late);
    out.counter("wsgate_tls_versions_total", "TLS handshakes that succeeded, by version.")
        .sample(&[("version", "1.2")], metrics.tls_12.value())
        .sample(&[("version", "1.3")], metrics.tls_13.value());
    out.counter("wsgate_http2_connections_total", "TLS handshakes that agreed on HTTP/2.")
        .sample(&[], metrics.http2.value());
}

fn handshakes(out: &mut Exposition, metrics: &Metrics) {
    let help = "WebSocket handshakes by outcome: switched, or the end that they came to.";
    let mut family = out.counter("wsgate_handshakes_total", help);
    family.sample(&[("outcome", "switched")], metrics.upgrades.value());
    for (cause, count) in metrics.handshake_failures() {
        family.sample(&[("outcome", &cause.label())], count);
    }
    let help = "Requests that were turned away before a backend saw them, by reason.";
    let mut family = out.counter("wsgate_refusals_total", help);
    for refusal in Refusal::ALL {
        family.sample(&[("reason", refusal.name())], metrics.ends(Cause::Refusal(*refusal)));
    }
}

fn ends(out: &mut Exposition, metrics: &Metrics) {
    let help = "Everything that ended: connections, requests and sockets, by whom, and why.";
    let mut family = out.counter("wsgate_ends_total", help);
    for (kind, by, cause, count) in metrics.all_ends() {
        let cause = cause.label();
        family.sample(&[("kind", kind.name()), ("by", by.name()), ("end", &cause)], count);
    }
    let help = "Sockets that a timer ended.";
    let mut family = out.counter("wsgate_heartbeat_deaths_total", help);
    for timer in [
        Timer::ClientSilent,
        Timer::BackendSilent,
        Timer::Idle,
        Timer::MaxAge,
        Timer::StalledWriter,
    ] {
        let of = |by: &By| metrics.ends_of(Kind::Socket, *by, Cause::Timer(timer));
        family.sample(&[("timer", timer.name())], By::ALL.iter().map(of).sum::<u64>());
    }
    let help = "Close codes that sockets ended with, by who said it first.";
    let mut family = out.counter("wsgate_close_codes_total", help);
    for (by, code, count) in metrics.all_closes() {
        family.sample(&[("by", by.name()), ("code", code)], count);
    }
}

fn certificates(out: &mut Exposition, office: &Office) {
    let help = "When the certificate of a site expires, in seconds since 1970; the site is named by its first domain.";
    let mut family = out.gauge("wsgate_certificate_expiry_timestamp_seconds", help);
    for certificate in office.snapshot.load().tls.certificates() {
        let site = certificate.names.first().map_or("", String::as_str);
        let since = certificate.not_after.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
        if let Some(since) = since {
            family.sample(&[("site", site)], since.as_secs());
        }
    }
    orders(out, &office.books.issuances);
}

/// Of the certificates that the gateway orders itself.
fn orders(out: &mut Exposition, issuances: &Issuances) {
    let help = "Orders for certificates at an ACME server, by outcome.";
    out.counter("wsgate_acme_orders_total", help)
        .sample(&[("outcome", "issued")], issuances.issued.value())
        .sample(&[("outcome", "failed")], issuances.failed.value());
    let all = issuances.all();
    let help = "Orders for the certificate of a site that failed since the last that did not.";
    let mut family = out.gauge("wsgate_acme_failures", help);
    for (site, standing) in &all {
        family.sample(&[("site", site)], standing.failures);
    }
    let help = "When the certificate of a site is ordered next, in seconds since 1970.";
    let mut family = out.gauge("wsgate_acme_next_order_timestamp_seconds", help);
    for (site, standing) in &all {
        let since = standing.next.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
        if let Some(since) = since {
            family.sample(&[("site", site)], since.as_secs());
        }
    }
}

fn lifetime(out: &mut Exposition, office: &Office) {
    let books = &office.books;
    out.counter("wsgate_reloads_total", "Attempts to take a new configuration, by outcome.")
        .sample(&[("outcome", "applied")], books.reloads.applied.value())
        .sample(&[("outcome", "refused")], books.reloads.refused.value());
    let last = books.reloads.last();
    let succeeded = last.as_ref().is_none_or(|it| it.applied);
    out.gauge(
        "wsgate_reload_last_successful",
        "Whether the last reload was applied; 1 before any.",
    )
    .sample(&[], u8::from(succeeded));
    let draining = u8::from(office.drain.phase() >= Phase::Draining);
    out.gauge("wsgate_draining", "Whether the gateway is on its way out.").sample(&[], draining);
    let begun = books.departure.get();
    out.gauge("wsgate_drain_connections_at_start", "Connections when the drain began; 0 before.")
        .sample(&[], begun.map_or(0, |it| it.connections));
    let left = if begun.is_some() { books.metrics.connections.value() } else { 0 };
    out.gauge("wsgate_drain_connections_left", "Those of them and others that are left; 0 before.")
        .sample(&[], left);
    let help = "Access lines that were lost because their queue was full.";
    out.counter("wsgate_access_lines_lost_total", help)
        .sample(&[], books.metrics.lost_lines.value());
}

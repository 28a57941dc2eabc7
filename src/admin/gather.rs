//! Puts the status together from what other rooms have noted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::course::course;
use super::status::{
    Backend, Certificate, Connections, Drain, EndCount, Ending, Failure, Failures, Flow,
    Handshakes, Order, Part, Pings, Reload, Reloads, Requests, Route, Server, Sockets, Status,
    Times, Tls, Version,
};
use super::{Office, process};
use crate::drain::Phase;
use crate::observe::books::Books;
use crate::observe::histogram::{Histogram, Spread};
use crate::observe::issuances::Standing;
use crate::observe::lane::Lane;
use crate::observe::line::{self, Line};
use crate::observe::metrics::Metrics;
use crate::observe::report;
use crate::observe::sockets::Totals;

/// Routes that are told of, the busiest.
const ROUTES_MOST: usize = 1024;

/// Everything that `/api/status` tells.
pub fn status(office: &Office, with_history: bool) -> Status {
    let (books, metrics) = (&office.books, &office.books.metrics);
    let snapshot = office.snapshot.load();
    let now = SystemTime::now();
    let lanes = busiest(books);
    let mut all = Totals::default();
    lanes.iter().for_each(|(_, totals)| all.add(totals));
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        time: time(now),
        started: time(books.started),
        uptime_s: books.opened.elapsed().as_secs_f64(),
        memory_bytes: process::memory(),
        open_files: process::open_files(),
        open_files_limit: process::open_files_limit(),
        drain: drain(office),
        connections: Connections {
            open: metrics.connections.value(),
            most: office.connections as u64,
            accepted: metrics.accepted.value(),
            accept_errors: metrics.accept_errors.value(),
        },
        requests: Requests { open: metrics.requests.value() },
        sockets: sockets(&all),
        pings: pings(metrics),
        handshakes: handshakes(metrics),
        tls: tls(metrics),
        ends: ends(metrics),
        lost_lines: metrics.lost_lines.value(),
        reloads: reloads(books),
        routes: lanes.iter().take(ROUTES_MOST).map(|(lane, totals)| route(lane, totals)).collect(),
        backends: backends(snapshot.pools.all().iter().map(|it| it.report()), &lanes),
        certificates: snapshot.tls.certificates().filter_map(|it| certificate(it, now)).collect(),
        orders: orders(books),
        endings: books.endings.newest().iter().map(|it| ending(it)).collect(),
        history: with_history.then(|| course(books, &lanes)),
    }
}

/// A moment as RFC 3339 has it, in UTC.
pub fn time(moment: SystemTime) -> String {
    humantime::format_rfc3339_millis(moment).to_string()
}

/// What a flow has carried, without its parts.
pub fn flow(flow: &line::Flow) -> Flow {
    Flow { frames: flow.frames, messages: flow.messages, bytes: flow.bytes, ..Flow::default() }
}

/// Lanes with requests or sockets since the start, the busiest first.
fn busiest(books: &Books) -> Vec<(Arc<Lane>, Totals)> {
    let mut lanes = books.sockets.totals();
    lanes.retain(|(lane, totals)| totals.opened > 0 || lane.requests.value() > 0);
    lanes.sort_by_key(|(lane, it)| {
        (std::cmp::Reverse((it.live, it.up.messages + it.down.messages)), lane.number)
    });
    lanes
}

fn drain(office: &Office) -> Drain {
    let begun = office.books.departure.get();
    let phase = match office.drain.phase() {
        Phase::Running => "running",
        Phase::Draining => "draining",
        Phase::Cutting => "cutting",
    };
    Drain {
        phase: phase.to_owned(),
        since: begun.map(|it| time(it.since)),
        cut_at: begun.map(|it| time(it.cut_at)),
        connections_at_start: begun.map(|it| it.connections),
        connections_left: office.books.metrics.connections.value(),
    }
}

fn sockets(totals: &Totals) -> Sockets {
    let parts = |it: &line::Flow| {
        let part = |it: line::Part| Some(Part { frames: it.frames, bytes: it.bytes });
        Flow {
            text: part(it.text()),
            binary: part(it.binary),
            control: part(it.control),
            ..flow(it)
        }
    };
    Sockets {
        open: totals.live,
        opened: totals.opened,
        up: parts(&totals.up),
        down: parts(&totals.down),
    }
}

fn times(spread: &Spread) -> Times {
    let milliseconds = |micros: Option<f64>| micros.map(|it| it / 1000.0);
    let quantile = |share| milliseconds(spread.quantile(share));
    Times {
        count: spread.count(),
        mean_ms: milliseconds(spread.mean()),
        p50_ms: quantile(0.5),
        p90_ms: quantile(0.9),
        p99_ms: quantile(0.99),
    }
}

fn pings(metrics: &Metrics) -> Pings {
    let of = |it: &Histogram| times(&it.spread());
    Pings {
        sent: metrics.pings.value(),
        client: of(&metrics.client_round_trips),
        backend: of(&metrics.backend_round_trips),
    }
}

fn handshakes(metrics: &Metrics) -> Handshakes {
    let found = metrics.handshake_failures();
    let mut failures: Vec<_> =
        found.iter().map(|(cause, count)| Failures { end: cause.label(), count: *count }).collect();
    failures.sort_by_key(|it| std::cmp::Reverse(it.count));
    Handshakes {
        switched: metrics.upgrades.value(),
        failed: found.iter().map(|it| it.1).sum(),
        failures,
    }
}

fn tls(metrics: &Metrics) -> Tls {
    let versions = [("1.2", metrics.tls_12.value()), ("1.3", metrics.tls_13.value())];
    let version = |(version, count): (&str, _)| Version { version: version.to_owned(), count };
    Tls {
        full: metrics.tls_full.value(),
        resumed: metrics.tls_resumed.value(),
        versions: versions.into_iter().map(version).collect(),
    }
}

fn ends(metrics: &Metrics) -> Vec<EndCount> {
    let mut ends: Vec<EndCount> = metrics
        .all_ends()
        .into_iter()
        .map(|(kind, by, cause, count)| EndCount {
            kind: kind.name().to_owned(),
            by: by.name().to_owned(),
            end: cause.label(),
            count,
        })
        .collect();
    ends.sort_by_key(|it| std::cmp::Reverse(it.count));
    ends
}

fn reloads(books: &Books) -> Reloads {
    let last = books.reloads.last().map(|it| Reload {
        time: time(it.time),
        outcome: if it.applied { "applied" } else { "refused" }.to_owned(),
        words: it.words,
    });
    let (applied, refused) = (&books.reloads.applied, &books.reloads.refused);
    Reloads { applied: applied.value(), refused: refused.value(), last }
}

fn route(lane: &Lane, totals: &Totals) -> Route {
    Route {
        site: lane.site.to_string(),
        route: lane.route.to_string(),
        backend: lane.backend.to_string(),
        requests_open: lane.requests.value(),
        sockets: sockets(totals),
    }
}

fn backends(
    all: impl Iterator<Item = report::Backend>,
    lanes: &[(Arc<Lane>, Totals)],
) -> Vec<Backend> {
    let mut open: HashMap<&str, (u64, u64)> = HashMap::new();
    for (lane, totals) in lanes {
        let sums = open.entry(&lane.backend).or_default();
        sums.0 += totals.live;
        sums.1 += lane.requests.value();
    }
    let backend = |it: report::Backend| {
        let (sockets_open, requests_open) = open.get(it.name.as_str()).copied().unwrap_or_default();
        let servers = it.servers.into_iter().map(server).collect();
        Backend { name: it.name, sockets_open, requests_open, servers }
    };
    all.map(backend).collect()
}

fn server(it: report::Server) -> Server {
    let failure = |it: report::Failure| Failure { time: time(it.time), words: it.words };
    Server {
        address: it.address,
        standing: it.standing.to_owned(),
        weight: it.weight,
        backup: it.backup,
        live: it.live,
        connected: it.connect.count(),
        failed: it.failed,
        connect: times(&it.connect),
        last_failure: it.last_failure.map(failure),
    }
}

fn certificate(it: &report::Certificate, now: SystemTime) -> Option<Certificate> {
    const DAY: f64 = 24.0 * 60.0 * 60.0;
    let not_after = it.not_after?;
    let left = match not_after.duration_since(now) {
        Ok(left) => left.as_secs_f64(),
        Err(past) => -past.duration().as_secs_f64(),
    };
    Some(Certificate {
        names: it.names.clone(),
        file: it.file.display().to_string(),
        not_after: time(not_after),
        days_left: left / DAY,
    })
}

fn orders(books: &Books) -> Vec<Order> {
    let all = books.issuances.all().into_iter();
    let order = |(site, it): (String, Standing)| Order {
        site,
        next: it.next.map(time),
        failures: it.failures.into(),
        words: it.words,
    };
    all.map(order).collect()
}

fn ending(line: &Line) -> Ending {
    Ending {
        time: time(line.time),
        kind: line.kind.name().to_owned(),
        id: line.id.clone(),
        client: line.client.clone(),
        host: line.host.clone(),
        path: line.target.clone(),
        route: line.route.clone(),
        backend: line.backend.clone(),
        server: line.server.clone(),
        app: line.app.clone(),
        status: line.status,
        ms: line.millis,
        by: line.end.by.name().to_owned(),
        stage: line.end.stage.name().to_owned(),
        end: line.end.cause.to_string(),
        detail: line.detail.clone(),
        up: flow(&line.up),
        down: flow(&line.down),
    }
}

/// A wait in milliseconds.
pub fn milliseconds(wait: Duration) -> f64 {
    wait.as_secs_f64() * 1000.0
}

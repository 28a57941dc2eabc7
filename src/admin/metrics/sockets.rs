//! What sockets carry, by route where that has a bound.

use std::sync::Arc;

use crate::admin::exposition::Exposition;
use crate::observe::books::Books;
use crate::observe::lane::Lane;
use crate::observe::line::{Flow, Part};
use crate::observe::sockets::Totals;

type Way = fn(&Totals) -> &Flow;
type Share = fn(&Flow) -> Part;

/// The two directions, by the side that sends.
const DIRECTIONS: [(&str, Way); 2] = [("up", |it| &it.up), ("down", |it| &it.down)];

const KINDS: [(&str, Share); 3] =
    [("text", Flow::text), ("binary", |it| it.binary), ("control", |it| it.control)];

/// Microseconds in seconds.
const MICROS: f64 = 1e-6;

/// Writes them.
pub fn write(out: &mut Exposition, books: &Books) {
    let mut lanes = books.sockets.totals();
    lanes.retain(|(lane, totals)| totals.opened > 0 || lane.requests.value() > 0);
    counts(out, &lanes);
    traffic(out, &lanes);
    let mut sizes = Totals::default();
    lanes.iter().for_each(|(_, it)| sizes.add(it));
    let help = "Payloads of messages as they were on the wire, by direction.";
    out.histogram("wsgate_message_size_bytes", help)
        .spread(&[("direction", "up")], &sizes.sizes[0].spread(), 1.0)
        .spread(&[("direction", "down")], &sizes.sizes[1].spread(), 1.0);
    let metrics = &books.metrics;
    out.counter("wsgate_pings_sent_total", "Pings of the gateway's own, to clients and backends.")
        .sample(&[], metrics.pings.value());
    let help = "How long a side took to answer a ping of the gateway's.";
    out.histogram("wsgate_ping_round_trip_seconds", help)
        .spread(&[("side", "client")], &metrics.client_round_trips.spread(), MICROS)
        .spread(&[("side", "backend")], &metrics.backend_round_trips.spread(), MICROS);
}

fn counts(out: &mut Exposition, lanes: &[(Arc<Lane>, Totals)]) {
    let mut family = out.gauge("wsgate_sockets", "WebSockets that are open.");
    for (lane, totals) in lanes {
        family.sample(&labels(lane), totals.live);
    }
    let mut family = out.counter("wsgate_sockets_opened_total", "WebSockets that were opened.");
    for (lane, totals) in lanes {
        family.sample(&labels(lane), totals.opened);
    }
    let help = "Plain requests under way on a route.";
    let mut family = out.gauge("wsgate_route_requests", help);
    for (lane, _) in lanes {
        family.sample(&labels(lane), lane.requests.value());
    }
}

fn traffic(out: &mut Exposition, lanes: &[(Arc<Lane>, Totals)]) {
    let mut family = out.counter("wsgate_messages_total", "Whole messages.");
    for (lane, totals) in lanes {
        for (direction, flow) in DIRECTIONS {
            family.sample(&with(lane, &[("direction", direction)]), flow(totals).messages);
        }
    }
    let mut family = out.counter("wsgate_frames_total", "Frames, by what they belong to.");
    each_part(lanes, |labels, part| {
        family.sample(labels, part.frames);
    });
    let help = "Bytes of frames with their headers, by what they belong to.";
    let mut family = out.counter("wsgate_bytes_total", help);
    each_part(lanes, |labels, part| {
        family.sample(labels, part.bytes);
    });
}

fn each_part(lanes: &[(Arc<Lane>, Totals)], mut put: impl FnMut(&[(&'static str, &str)], Part)) {
    for (lane, totals) in lanes {
        for (direction, flow) in DIRECTIONS {
            for (kind, part) in KINDS {
                let labels = with(lane, &[("direction", direction), ("kind", kind)]);
                put(&labels, part(flow(totals)));
            }
        }
    }
}

fn labels(lane: &Lane) -> [(&'static str, &str); 3] {
    [("site", &*lane.site), ("route", &*lane.route), ("backend", &*lane.backend)]
}

fn with<'a>(lane: &'a Lane, more: &[(&'static str, &'a str)]) -> Vec<(&'static str, &'a str)> {
    labels(lane).into_iter().chain(more.iter().copied()).collect()
}

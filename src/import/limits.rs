//! `limit_conn` and `limit_req`: how many of one address, as limits of the whole gateway, and how
//! many of a place, as a limit of a route. Knows zones and by what they count.

use super::draft::Route;
use super::locations::locations;
use super::parser::Directive;
use super::process::everywhere;
use super::scope::{Scope, Work};

const CONNECTIONS: &str = "counts the connections of an address to the whole gateway, refused before TLS; nginx counts requests under way, and answers 503";
const HANDSHAKES: &str = "counts the new connections of an address to the whole gateway, as many in a second as nginx takes requests at once; beyond it nginx answers 503";
const NOT_FOR_ALL: &str = "of one place: the limits of an address are those of the whole gateway; see max_connections_per_ip, handshakes_per_ip";
const TOO_FEW: &str =
    "idle connections would count, too: a browser alone has more; see max_connections_per_ip";
const OF_A_ROUTE: &str = "counts WebSockets and plain requests of each route for itself";
const NO_ADDRESS: &str = "nginx counts by what wsgate does not";

/// Fewest connections of an address that a browser gets along with, idle ones included.
const FEWEST: u32 = 8;

/// What a zone counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Address,
    Place,
    Other,
}

/// Fills in the limits of an address: those of `http`, or of the one server that serves.
pub fn limits(work: &mut Work<'_>) {
    let serving: Vec<Scope<'_>> = work
        .http
        .own("server")
        .into_iter()
        .map(|it| work.http.inside(it))
        .filter(|it| locations(it).iter().any(|it| !it.scope.own("proxy_pass").is_empty()))
        .collect();
    let of_all = |name: &str, work: &Work<'_>| match (work.http.own(name), serving.as_slice()) {
        (own, _) if !own.is_empty() => own.into_iter().map(|it| it.id).collect::<Vec<_>>(),
        (_, [only]) => only.own(name).into_iter().map(|it| it.id).collect(),
        _ => Vec::new(),
    };
    let (connections, requests) = (of_all("limit_conn", work), of_all("limit_req", work));
    for directive in everywhere(&work.http, "limit_conn") {
        match zone(directive.arg(0), "limit_conn_zone", work) {
            Some((Key::Address, zone)) if connections.contains(&directive.id) => {
                per_address(directive, zone, work);
            }
            Some((Key::Address, _)) => work.ledger.not(directive, NOT_FOR_ALL),
            // A route says what becomes of it.
            Some((Key::Place, _)) => {}
            _ => work.ledger.not(directive, NO_ADDRESS),
        }
    }
    for directive in everywhere(&work.http, "limit_req") {
        let name = directive.args.iter().find_map(|it| it.strip_prefix("zone="));
        match name.and_then(|it| zone(it, "limit_req_zone", work)) {
            Some((Key::Address, zone)) if requests.contains(&directive.id) => {
                rate(directive, zone, work);
            }
            Some((Key::Address, _)) => work.ledger.not(directive, NOT_FOR_ALL),
            _ => work.ledger.not(directive, NO_ADDRESS),
        }
    }
}

/// The zone of this name and what it counts by.
fn zone<'a>(name: &str, kind: &str, work: &Work<'a>) -> Option<(Key, &'a Directive)> {
    let named = |it: &&Directive| {
        let of = it.args.iter().find_map(|it| it.strip_prefix("zone="));
        of.and_then(|it| it.split(':').next()) == Some(name)
    };
    let zone = work.http.own(kind).into_iter().find(named)?;
    let key = match zone.arg(0) {
        "$binary_remote_addr" | "$remote_addr" => Key::Address,
        "$server_name" | "$host" | "$http_host" => Key::Place,
        _ => Key::Other,
    };
    Some((key, zone))
}

fn per_address(directive: &Directive, zone: &Directive, work: &mut Work<'_>) {
    match directive.arg(1).parse::<u32>() {
        Ok(number) if number >= FEWEST => {
            work.draft.max_connections_per_ip = Some(number);
            work.ledger.differs(directive, CONNECTIONS);
            work.ledger.carried(zone);
        }
        Ok(_) => work.ledger.not(directive, TOO_FEW),
        Err(_) => work.ledger.not(directive, "not a number"),
    }
}

fn rate(directive: &Directive, zone: &Directive, work: &mut Work<'_>) {
    let written = zone.args.iter().find_map(|it| it.strip_prefix("rate="));
    let rate = written.and_then(|it| it.split_once("r/")).and_then(|(number, unit)| {
        let number: u32 = number.parse().ok().filter(|it| *it > 0)?;
        match unit {
            "s" => Some(number),
            "m" => Some(number.div_ceil(60)),
            _ => None,
        }
    });
    let Some(rate) = rate else {
        return work.ledger.not(directive, "not a rate that is understood");
    };
    let burst = directive.args.iter().find_map(|it| it.strip_prefix("burst=")?.parse().ok());
    // Never fewer than nginx takes: a bucket here has no burst beside its rate.
    let at_once = rate.saturating_add(burst.unwrap_or(0));
    if work.draft.handshakes_per_ip.is_some() {
        return work.ledger.not(directive, "the gateway has one rate for an address");
    }
    work.draft.handshakes_per_ip = Some(format!("{at_once}/s"));
    work.ledger.differs(directive, HANDSHAKES);
    work.ledger.carried(zone);
}

/// Fills in `limits.connections` of a route, where nginx counts by the place.
pub fn of_route<'a>(scope: &Scope<'a>, route: &mut Route, work: &mut Work<'a>) {
    for directive in scope.all("limit_conn", work.ledger) {
        let Some((Key::Place, zone)) = zone(directive.arg(0), "limit_conn_zone", work) else {
            continue;
        };
        match directive.arg(1).parse::<u32>() {
            Ok(number) if number > 0 => {
                route.connections = Some(route.connections.map_or(number, |it| it.min(number)));
                work.ledger.differs(directive, OF_A_ROUTE);
                work.ledger.carried(zone);
            }
            _ => work.ledger.not(directive, "not a number"),
        }
    }
}

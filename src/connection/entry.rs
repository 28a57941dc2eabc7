//! The first steps of a connection, before TLS: whom it is from, and whether one more may come from
//! there. What is refused here costs no task, no buffer and no wait.

use std::io::ErrorKind::UnexpectedEof;
use std::net::SocketAddr;

use tokio::time::Instant;

use super::House;
use crate::accept::proxy::{self, Proxied, ProxyError};
use crate::accept::{Accepted, Allowance, Place};
use crate::drain::Phase;
use crate::http::{self, Door};
use crate::life::{By, Cause, Refusal, Stage};
use crate::observe::line::Kind;
use crate::observe::record::Record;
use crate::snapshot::Snapshot;
use crate::stream::Socket;

/// Lets a connection in that nobody speaks for, or turns it away before it costs anything. One
/// that has to say whom it is from is let in as far as that.
pub fn receive(accepted: Accepted, house: &House, snapshot: &Snapshot) -> Option<Accepted> {
    if is_spoken_for(&accepted, house) { Some(accepted) } else { admit(accepted, house, snapshot) }
}

/// Whether a load balancer has to say first whom the connection is from.
pub(super) fn is_spoken_for(accepted: &Accepted, house: &House) -> bool {
    proxy::is_due(accepted.peer.map(|it| it.ip()), &house.proxies)
}

/// Learns from the PROXY header whom the connection is from, and lets it in.
pub(super) async fn introduce(
    mut accepted: Accepted,
    house: &mut House,
    snapshot: &Snapshot,
) -> Option<Accepted> {
    let mut record = Record::new(&house.books, Kind::Connection, Stage::Accept);
    record.line.client = http::client_name(accepted.peer);
    let limit = snapshot.gateway.timeouts.proxy_header;
    let mut drain = house.drain.clone();
    let taken = tokio::select! {
        biased;
        taken = proxy::take_header(&mut accepted.socket, limit) => taken,
        () = drain.reached(Phase::Cutting) => return None,
    };
    match taken {
        Ok(Some(Proxied { client, local })) => {
            (accepted.peer, accepted.local) = (Some(client), Some(local));
            house.port = Some(local.port());
        }
        // The load balancer itself, to see whether we are well.
        Ok(None) => {}
        Err(error) => {
            let cause = match &error {
                ProxyError::Elapsed(elapsed) => Cause::Timer(elapsed.timer),
                ProxyError::Malformed(_) => Cause::Refusal(Refusal::ProxyHeader),
                ProxyError::Io(error) if error.kind() == UnexpectedEof => Cause::Fin,
                ProxyError::Io(_) => Cause::Reset,
            };
            record.end_here(By::Client, cause);
            record.detail(&error);
            accepted.socket.reset();
            return None;
        }
    }
    record.dismiss();
    admit(accepted, house, snapshot)
}

/// Lets a connection in if its address may have one more.
fn admit(mut accepted: Accepted, house: &House, snapshot: &Snapshot) -> Option<Accepted> {
    match enter(accepted.peer, house, snapshot) {
        Ok(place) => {
            accepted.held.place = place;
            Some(accepted)
        }
        Err(refusal) => {
            turn_away(accepted.socket, accepted.peer, refusal, house);
            None
        }
    }
}

/// Asks whether the address may have one more connection.
fn enter(
    peer: Option<SocketAddr>,
    house: &House,
    snapshot: &Snapshot,
) -> Result<Option<Place>, Refusal> {
    if house.books.metrics.memory.is_short() {
        return Err(Refusal::Memory);
    }
    let allowance = Allowance::of(&snapshot.gateway);
    house.crowd.enter(peer.map(|it| it.ip()), &allowance, Instant::now())
}

/// Ends a connection from which nothing was read: no TLS, no task, no wait.
fn turn_away(socket: Socket, peer: Option<SocketAddr>, refusal: Refusal, house: &House) {
    let mut record = Record::new(&house.books, Kind::Connection, Stage::Accept);
    record.line.client = http::client_name(peer);
    let by = if refusal == Refusal::Memory { By::Gateway } else { By::Client };
    record.end_here(by, Cause::Refusal(refusal));
    match house.door {
        Door::Https { .. } => socket.reset(),
        Door::Http(_) => socket.try_write(http::curt_denial(refusal).as_bytes()),
    }
}

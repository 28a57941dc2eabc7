//! The story of one connection: accept -> PROXY header -> TLS -> HTTP -> relay -> end. One task walks it from the
//! first line to the last; whatever it holds is let go when it returns.

use std::io::ErrorKind::UnexpectedEof;
use std::net::SocketAddr;
use std::sync::Arc;

use ipnet::IpNet;
use tokio::time::Instant;

use crate::accept::proxy::{self, Proxied, ProxyError};
use crate::accept::{Accepted, Allowance, Crowd, Place};
use crate::drain::{Phase, Watch};
use crate::http::{self, Door, Served, Spelling, Switched, Visit};
use crate::life::{By, Cause, Refusal, Stage, TlsFault};
use crate::observe::books::Books;
use crate::observe::line::Kind;
use crate::observe::record::Record;
use crate::relay::{self, Rules, Tunnel};
use crate::snapshot::Snapshot;
use crate::stream::{Socket, Stream};
use crate::tls::{self, Handshake, HandshakeError};

/// What all connections of a listener share.
#[derive(Clone)]
pub struct House {
    /// Counters and access log.
    pub books: Arc<Books>,
    /// Tells when to take nothing new, and when to stop.
    pub drain: Watch,
    /// How handshakes spell field names.
    pub spelling: Spelling,
    /// What the listener speaks.
    pub door: Door,
    /// The listener's port; `None` for a unix socket.
    pub port: Option<u16>,
    /// Who has to begin with a PROXY header there.
    pub proxies: Arc<[IpNet]>,
    /// What is known of every address.
    pub crowd: Arc<Crowd>,
}

/// Lets a connection in that nobody speaks for, or turns it away before it costs anything. One
/// that has to say whom it is from is let in as far as that.
pub fn receive(mut accepted: Accepted, house: &House, snapshot: &Snapshot) -> Option<Accepted> {
    if !proxy::is_due(accepted.peer.map(|it| it.ip()), &house.proxies) {
        accepted.held.place = match enter(accepted.peer, house, snapshot) {
            Ok(place) => place,
            Err(refusal) => {
                turn_away(accepted.socket, accepted.peer, refusal, house);
                return None;
            }
        };
    }
    Some(accepted)
}

/// Walks one connection through the rooms.
pub async fn walk(mut accepted: Accepted, mut house: House, snapshot: Arc<Snapshot>) {
    if proxy::is_due(accepted.peer.map(|it| it.ip()), &house.proxies) {
        accepted = match introduce(accepted, &mut house, &snapshot).await {
            Some(it) => it,
            None => return,
        };
    }
    let Accepted { socket, peer, local, held } = accepted;
    if let Some((stream, server_name)) = secure(socket, peer, &house, &snapshot).await {
        let visit = Visit {
            sites: Arc::clone(&snapshot.sites),
            gateway: Arc::clone(&snapshot.gateway),
            spelling: house.spelling,
            books: Arc::clone(&house.books),
            drain: house.drain.clone(),
            door: house.door,
            port: house.port,
            peer,
            local,
            server_name,
        };
        match http::serve(stream, visit).await {
            Served::Done => {}
            Served::Switched(switched) => {
                tunnel(*switched, &house.books, house.drain, &snapshot).await;
            }
        }
    }
    drop(held);
}

/// Learns from the PROXY header whom the connection is from.
async fn introduce(
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
    match enter(accepted.peer, house, snapshot) {
        Ok(place) => accepted.held.place = place,
        Err(refusal) => {
            turn_away(accepted.socket, accepted.peer, refusal, house);
            return None;
        }
    }
    Some(accepted)
}

/// Asks whether the address may have one more connection.
fn enter(
    peer: Option<SocketAddr>,
    house: &House,
    snapshot: &Snapshot,
) -> Result<Option<Place>, Refusal> {
    let allowance = Allowance::of(&snapshot.gateway);
    house.crowd.enter(peer.map(|it| it.ip()), &allowance, Instant::now())
}

/// Ends a connection from which nothing was read: no TLS, no task, no wait.
fn turn_away(socket: Socket, peer: Option<SocketAddr>, refusal: Refusal, house: &House) {
    let mut record = Record::new(&house.books, Kind::Connection, Stage::Accept);
    record.line.client = http::client_name(peer);
    record.end_here(By::Client, Cause::Refusal(refusal));
    match house.door {
        Door::Https => socket.reset(),
        Door::Http(_) => socket.try_write(http::curt_denial(refusal).as_bytes()),
    }
}

/// TLS where the listener speaks it: the stream, and the name that the client asked for.
async fn secure(
    socket: Socket,
    peer: Option<SocketAddr>,
    house: &House,
    snapshot: &Snapshot,
) -> Option<(Stream, Option<String>)> {
    if matches!(house.door, Door::Http(_)) {
        return Some((Stream::Plain(socket), None));
    }
    let mut record = Record::new(&house.books, Kind::Connection, Stage::Tls);
    record.line.client = http::client_name(peer);
    let limit = snapshot.gateway.timeouts.tls_handshake;
    let mut drain = house.drain.clone();
    let shaken = tokio::select! {
        biased;
        shaken = tls::handshake(socket, &snapshot.tls, limit) => shaken,
        () = drain.reached(Phase::Cutting) => return None,
    };
    match shaken {
        Ok(Handshake { stream, server_name, resumed }) => {
            let metrics = &house.books.metrics;
            let counter = if resumed { &metrics.tls_resumed } else { &metrics.tls_full };
            counter.add(1);
            record.dismiss();
            Some((stream, Some(server_name)))
        }
        Err(error) => {
            record.end_here(By::Client, refused(&error));
            if let HandshakeError::Name(TlsFault::UnknownName, name) = &error {
                record.line.host.clone_from(name);
            }
            record.detail(&error);
            None
        }
    }
}

fn refused(error: &HandshakeError) -> Cause {
    match error {
        HandshakeError::Elapsed(elapsed) => Cause::Timer(elapsed.timer),
        HandshakeError::Name(fault, _) | HandshakeError::Io(fault, _) => Cause::Tls(*fault),
    }
}

/// Frames in both directions, until the socket's one access line.
async fn tunnel(switched: Switched, books: &Books, drain: Watch, snapshot: &Snapshot) {
    let Switched { client, backend, lease, mut record, terms } = switched;
    let present = books.metrics.sockets.enter();
    let rules = Rules {
        heartbeat: terms.heartbeat,
        limits: terms.limits,
        compressed: terms.compressed,
        engine_io: terms.engine_io,
        drain: snapshot.gateway.drain.clone(),
        close: snapshot.gateway.timeouts.close,
    };
    let entered = books.sockets.enter(&record.line, terms.lane);
    let live = Arc::clone(entered.live());
    relay::run(Tunnel { client, backend, rules, live }, drain, &mut record).await;
    drop((lease, present, entered));
}

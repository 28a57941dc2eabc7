//! The story of one connection: accept -> PROXY header -> TLS -> HTTP -> relay -> end. One task walks it from the
//! first line to the last; whatever it holds is let go when it returns.

mod entry;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use ipnet::IpNet;

use crate::accept::{Accepted, Arrival, Crowd, Held};
use crate::drain::{Phase, Watch};
use crate::http::{self, Door, Served, Spelling, Switched, Visit};
use crate::life::{By, Cause, Stage, TlsFault};
use crate::observe::books::Books;
use crate::observe::line::Kind;
use crate::observe::record::Record;
use crate::relay::{Rules, Running, Tunnel};
use crate::snapshot::Snapshot;
use crate::stream::{Socket, Stream};
use crate::tls::{self, Handshake, HandshakeError};

pub use entry::receive;

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

/// A tunnel with everything that goes with it, until its socket's one access line.
type Tunnelled = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Walks one connection through the rooms. What it needs on the way is in boxes of their own time:
/// the task is as big as what is here, for as long as it lives.
pub fn walk(
    arrival: Arrival,
    house: House,
    snapshot: Arc<Snapshot>,
) -> impl Future<Output = ()> + Send {
    let arriving = Box::pin(arrive(arrival, house, snapshot));
    async move {
        let arrived = arriving.await;
        if let Some((tunnel, held)) = arrived {
            tunnel.await;
            drop(held);
        }
    }
}

/// Up to the switch of protocols, if there is one.
async fn arrive(
    arrival: Arrival,
    mut house: House,
    snapshot: Arc<Snapshot>,
) -> Option<(Tunnelled, Held)> {
    let mut accepted = arrival
        .settle()
        .inspect_err(|error| tracing::warn!(%error, "a connection could not change its loop"))
        .ok()?;
    if entry::is_spoken_for(&accepted, &house) {
        accepted = entry::introduce(accepted, &mut house, &snapshot).await?;
    }
    let Accepted { socket, peer, local, held } = accepted;
    let (stream, server_name) = secure(socket, peer, &house, &snapshot).await?;
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
        Served::Done => None,
        Served::Switched(switched) => {
            Some((tunnel(switched, &house.books, house.drain, &snapshot), held))
        }
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
        Ok(Handshake { stream, server_name, resumed, newest }) => {
            let metrics = &house.books.metrics;
            let counter = if resumed { &metrics.tls_resumed } else { &metrics.tls_full };
            counter.add(1);
            let version = if newest { &metrics.tls_13 } else { &metrics.tls_12 };
            version.add(1);
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

/// Frames in both directions. No async function: that would keep room for what it is given beside
/// room for what it makes of it.
fn tunnel(switched: Box<Switched>, books: &Books, drain: Watch, snapshot: &Snapshot) -> Tunnelled {
    let Switched { client, backend, lease, place, mut record, terms } = *switched;
    let present = books.metrics.sockets.enter();
    let rules = Rules {
        route: terms.route,
        gateway: Arc::clone(&snapshot.gateway),
        compressed: terms.compressed,
        engine_io: terms.engine_io,
    };
    let entered = books.sockets.enter(&record.line, terms.lane);
    let live = Arc::clone(entered.live());
    let tunnel = Tunnel { client, backend, rules, live, drain };
    let mut running = Running::new(tunnel, Arc::clone(record.books()));
    Box::pin(async move {
        running.run(&mut record).await;
        drop((lease, place, present, entered));
    })
}

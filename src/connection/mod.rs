//! The story of one connection: accept -> PROXY header -> TLS -> HTTP -> relay -> end. One task walks it from the
//! first line to the last; whatever it holds is let go when it returns.

mod entry;

use std::net::SocketAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::accept::{Accepted, Crowd};
use crate::drain::{Phase, Watch};
use crate::http::{self, Door, Served, Spelling, Switched, Visit};
use crate::life::{By, Cause, Stage, TlsFault};
use crate::observe::books::Books;
use crate::observe::line::Kind;
use crate::observe::record::Record;
use crate::relay::{self, Rules, Tunnel};
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

/// Walks one connection through the rooms.
pub async fn walk(mut accepted: Accepted, mut house: House, snapshot: Arc<Snapshot>) {
    if entry::is_spoken_for(&accepted, &house) {
        accepted = match entry::introduce(accepted, &mut house, &snapshot).await {
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

/// Frames in both directions, until the socket's one access line.
async fn tunnel(switched: Switched, books: &Books, drain: Watch, snapshot: &Snapshot) {
    let Switched { client, backend, lease, place, mut record, terms } = switched;
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
    drop((lease, place, present, entered));
}

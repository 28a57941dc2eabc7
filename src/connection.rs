//! The story of one connection: accept -> TLS -> HTTP -> relay -> end. One task walks it from the
//! first line to the last; whatever it holds is let go when it returns.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::accept::Accepted;
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
}

/// Walks one connection through the rooms.
pub async fn walk(accepted: Accepted, house: House, snapshot: Arc<Snapshot>) {
    let Accepted { socket, peer, local, held } = accepted;
    // Boxed, each for its own time: the task is as big as what is here, for as long as it lives.
    let stream = Box::pin(secure(socket, peer, &house, &snapshot)).await;
    if let Some((stream, server_name)) = stream {
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
        match Box::pin(http::serve(stream, visit)).await {
            Served::Done => {}
            Served::Switched(switched) => {
                Box::pin(tunnel(*switched, &house.books, house.drain, &snapshot)).await;
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

/// Frames in both directions, until the socket's one access line. No async function: that would keep
/// room for what it is given beside room for what it makes of it.
fn tunnel(
    switched: Switched,
    books: &Books,
    drain: Watch,
    snapshot: &Snapshot,
) -> impl Future<Output = ()> + Send + use<> {
    let Switched { client, backend, lease, mut record, terms } = switched;
    let present = books.metrics.sockets.enter();
    let rules = Rules {
        route: terms.route,
        gateway: Arc::clone(&snapshot.gateway),
        compressed: terms.compressed,
        engine_io: terms.engine_io,
    };
    let entered = books.sockets.enter(&record.line, terms.lane);
    let live = Arc::clone(entered.live());
    let mut running = Running::new(Tunnel { client, backend, rules, live });
    async move {
        running.run(drain, &mut record).await;
        drop((lease, present, entered));
    }
}

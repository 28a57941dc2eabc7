//! The story of one connection: accept -> PROXY header -> TLS -> HTTP -> relay -> end. One task walks it from the
//! first line to the last; whatever it holds is let go when it returns.

mod entry;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ipnet::IpNet;

use crate::accept::{Accepted, Arrival, Crowd, Held};
use crate::challenges::Challenges;
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
    /// What CAs may see just now.
    pub challenges: Arc<Challenges>,
    /// What is known of every address.
    pub crowd: Arc<Crowd>,
}

/// A tunnel with everything that goes with it, until its socket's one access line.
type Tunnelled = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The way up to the switch of protocols, if there is one.
type Arriving = Pin<Box<dyn Future<Output = Option<(Tunnelled, Held)>> + Send>>;

/// One connection on its way through the rooms. What it needs for that is in boxes of their own time: the task
/// is as big as this, for as long as it lives.
pub enum Walk {
    /// Up to the switch of protocols.
    Arriving(Arriving),
    /// Behind it.
    Tunnelled(Tunnelled, Held),
}

/// Walks one connection through the rooms.
pub fn walk(arrival: Arrival, house: House, snapshot: Arc<Snapshot>) -> Walk {
    Walk::Arriving(Box::pin(arrive(arrival, house, snapshot)))
}

impl Future for Walk {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            match this {
                Self::Arriving(arriving) => match ready!(arriving.as_mut().poll(cx)) {
                    Some((tunnel, held)) => *this = Self::Tunnelled(tunnel, held),
                    None => return Poll::Ready(()),
                },
                Self::Tunnelled(tunnel, _) => return tunnel.as_mut().poll(cx),
            }
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
    let Secured { stream, server_name, http2 } = secure(socket, peer, &house, &snapshot).await?;
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
    if http2 {
        let host = host(&house.books, house.drain, &snapshot);
        drop(snapshot);
        Box::pin(http::serve_http2(stream, visit, host)).await;
        return None;
    }
    match http::serve(stream, visit).await {
        Served::Done => None,
        Served::Switched(switched) => {
            Some((tunnel(switched, &house.books, house.drain, &snapshot), held))
        }
    }
}

/// A stream, and what was agreed on in TLS.
struct Secured {
    stream: Stream,
    /// The name that the client asked for.
    server_name: Option<String>,
    /// The client speaks HTTP/2.
    http2: bool,
}

/// TLS where the listener speaks it.
async fn secure(
    socket: Socket,
    peer: Option<SocketAddr>,
    house: &House,
    snapshot: &Snapshot,
) -> Option<Secured> {
    let Door::Https { http2 } = house.door else {
        return Some(Secured { stream: Stream::Plain(socket), server_name: None, http2: false });
    };
    let mut record = Record::new(&house.books, Kind::Connection, Stage::Tls);
    record.line.client = http::client_name(peer);
    let limit = snapshot.gateway.timeouts.tls_handshake;
    let mut drain = house.drain.clone();
    let shaken = tokio::select! {
        biased;
        shaken = tls::handshake(socket, &snapshot.tls, &house.challenges, http2, limit) => shaken,
        () = drain.reached(Phase::Cutting) => return None,
    };
    match shaken {
        Ok(Some(Handshake { stream, server_name, resumed, newest, http2 })) => {
            let metrics = &house.books.metrics;
            let counter = if resumed { &metrics.tls_resumed } else { &metrics.tls_full };
            counter.add(1);
            let version = if newest { &metrics.tls_13 } else { &metrics.tls_12 };
            version.add(1);
            record.dismiss();
            if http2 {
                metrics.http2.add(1);
            }
            Some(Secured { stream, server_name: Some(server_name), http2 })
        }
        Ok(None) => {
            record.end_here(By::Client, Cause::Finished);
            record.detail("a CA has seen the proof of tls-alpn-01");
            None
        }
        Err(error) => {
            let by = match &error {
                HandshakeError::NotIssued(_) => By::Gateway,
                _ => By::Client,
            };
            record.end_here(by, refused(&error));
            if let HandshakeError::Name(TlsFault::UnknownName, name)
            | HandshakeError::NotIssued(name) = &error
            {
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
        HandshakeError::NotIssued(_) => Cause::Tls(TlsFault::NotIssued),
        HandshakeError::Name(fault, _) | HandshakeError::Io(fault, _) => Cause::Tls(*fault),
    }
}

/// Takes the sockets of an HTTP/2 connection, one for each stream.
fn host(books: &Arc<Books>, drain: Watch, snapshot: &Arc<Snapshot>) -> http::Host {
    let (books, snapshot) = (Arc::clone(books), Arc::clone(snapshot));
    Arc::new(move |switched| tunnel(switched, &books, drain.clone(), &snapshot))
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

//! What is settled about a request before any backend is dialled, and what follows from it for the
//! way there.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::{Request, Uri};

use super::affinity::{Affinity, Traits};
use super::forwarded::Facts;
use super::head::Authority;
use super::here::Asked;
use super::outbound::Passage;
use super::router::Match;
use super::serve::Visit;
use super::site::Route;
use crate::upstream::{Errand, Parties, Pool};

/// A request that may come.
pub(super) struct Admitted<'a> {
    pub matched: Match<'a, Arc<Route>>,
    pub path: &'a str,
    /// The raw path could be read as one of another route: the backend is sent the normalised one.
    pub settled: bool,
    pub authority: &'a Authority,
    pub client_ip: Option<IpAddr>,
    pub by_trusted: bool,
}

impl<'a> Admitted<'a> {
    /// What its head is changed with.
    pub(super) fn passage(&'a self, visit: &Visit, id: &'a str) -> Passage<'a> {
        Passage {
            route: &self.matched.target.rules,
            path: self.path,
            settled: self.settled,
            prefix_len: self.matched.prefix_len,
            body_grace: visit.gateway.timeouts.request_body,
            request_id: id,
            facts: Facts {
                client_ip: self.client_ip,
                peer: visit.peer.map(|it| it.ip()),
                host: &self.authority.text,
                tls: visit.is_tls(),
                port: visit.port,
                by_trusted: self.by_trusted,
            },
        }
    }

    /// What a redirect is made of; `uri` is the request's.
    pub(super) fn asked(&'a self, uri: &'a Uri) -> Asked<'a> {
        let (host, prefix_len) = (&self.authority.host, self.matched.prefix_len);
        Asked { host, uri, path: self.path, prefix_len }
    }

    /// What ties it to a server, and what it is sent there for.
    pub(super) fn errand<B>(
        &self,
        visit: &Visit,
        request: &Request<B>,
        pool: &Pool,
    ) -> (Affinity, Errand) {
        let traits = Traits {
            headers: request.headers(),
            query: request.uri().query(),
            path: self.path,
            client_ip: self.client_ip,
        };
        let affinity = Affinity::of(pool.balance(), &traits);
        let is = |peer: &SocketAddr, ip: IpAddr| peer.ip().to_canonical() == ip;
        // Behind a trusted proxy the port is the proxy's.
        let client = self
            .client_ip
            .map(|ip| visit.peer.filter(|peer| is(peer, ip)).unwrap_or(SocketAddr::new(ip, 0)));
        let errand = Errand { key: affinity.key, parties: Parties { client, local: visit.local } };
        (affinity, errand)
    }
}

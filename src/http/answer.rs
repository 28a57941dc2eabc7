//! One request, from its head to its answer. Every way out is recorded.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError};

use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderValue, ORIGIN, REFERER, STRICT_TRANSPORT_SECURITY,
};
use hyper::{Request, Response};

use super::admission::{self, Asking};
use super::admitted::Admitted;
use super::client_ip;
use super::clock::Clock;
use super::diagnosis;
use super::files;
use super::forward::{self, Trouble};
use super::handshake::{self, Wish};
use super::head::{self, Authority};
use super::mini_program;
use super::notes::Notes;
use super::places::Place;
use super::plain;
use super::recorded::Recorded;
use super::reply::{ReplyBody, denial};
use super::serve::{Door, Prepared, Slot, Terms, Visit, client_name};
use super::site::{Leads, Route};
use super::upgrade::{self, Outcome};
use super::upload::Upload;
use super::{path, reply};
use crate::config::model::Upgrade;
use crate::config::networks::is_trusted;
use crate::drain::Phase;
use crate::life::{By, Cause, Refusal, Stage};
use crate::observe::line::Kind;
use crate::observe::record::Record;
use crate::observe::redact;
use crate::upstream::Pool;

/// Answers the requests of one connection.
pub(super) struct Desk {
    visit: Visit,
    clock: Clock,
    slot: Slot,
    strict_transport: Option<HeaderValue>,
    notes: Notes,
}

impl Desk {
    pub(super) fn new(visit: Visit, clock: Clock, slot: Slot, notes: Notes) -> Self {
        // Over TLS only (RFC 6797 section 7.2): without, there is no name from TLS either.
        let name = visit.server_name.as_deref();
        let site = name.and_then(|name| visit.sites.find(name, None));
        let strict_transport = site.and_then(|it| it.strict_transport.clone());
        Self { visit, clock, slot, strict_transport, notes }
    }

    /// Answers one request; hyper calls it for each.
    pub(super) async fn answer(
        &self,
        mut request: Request<Incoming>,
    ) -> Result<Response<Recorded>, Infallible> {
        self.clock.busy();
        self.notes.hear_interims(&mut request);
        let mut record = Record::new(&self.visit.books, Kind::Request, Stage::Request);
        let present = self.visit.books.metrics.requests.enter();
        let upload = Arc::new(Upload::default());
        self.describe(&request, &mut record);
        let answered = self.decide(request, &mut record, &upload).await;
        let (mut response, record, place, by) = match answered {
            Ok(Turned::Plain(response, place, by)) => (response, Some(record), place, by),
            Ok(Turned::Switched(response, rest)) => {
                self.leave(*rest, record);
                (response, None, None, By::Backend)
            }
            Err((by, cause)) => {
                record.end_here(by, cause);
                let mut response = denial(cause);
                // What came behind a refused request is not looked at.
                if self.notes.more() {
                    response.headers_mut().append(CONNECTION, HeaderValue::from_static("close"));
                }
                (response, Some(record), None, by)
            }
        };
        self.harden(&mut response);
        let (status, clock) = (response.status().as_u16(), self.clock.clone());
        let record = record.map(|mut record| {
            record.line.status = status;
            record
        });
        Ok(response.map(|body| Recorded {
            body,
            by,
            record,
            upload,
            clock,
            _present: present,
            _place: place,
        }))
    }

    /// What the access line can say from the head alone.
    fn describe(&self, request: &Request<Incoming>, record: &mut Record) {
        let line = &mut record.line;
        line.id = format!("{:016x}", rand::random::<u64>());
        line.client = client_name(self.visit.peer);
        line.method = request.method().to_string();
        let target = request.uri().path_and_query().map_or("", |it| it.as_str());
        line.target = redact::target(target).into_owned();
        line.host = self.visit.server_name.clone().unwrap_or_default();
        line.origin = field(request.headers(), &ORIGIN).unwrap_or_default().to_owned();
    }

    /// The gateway's own word about https takes the place of a backend's (RFC 6797 section 6.1).
    fn harden(&self, response: &mut Response<ReplyBody>) {
        if let Some(value) = &self.strict_transport {
            response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, value.clone());
        }
    }

    async fn decide(
        &self,
        request: Request<Incoming>,
        record: &mut Record,
        upload: &Arc<Upload>,
    ) -> Result<Turned, (By, Cause)> {
        let refuse = |refusal| (By::Client, Cause::Refusal(refusal));
        let authority = head::authority(&request).map_err(refuse)?;
        record.line.host.clone_from(&authority.host);
        let raw = request.uri().path().to_owned();
        let path = path::normalise(&raw).map_err(|_| refuse(Refusal::BadPath))?;
        let wish = handshake::wish(&request);
        record.line.handshake = wish == Wish::WebSocket;
        if let Some(response) = self.at_the_door(&request, &authority, &path, wish, record).await? {
            return Ok(Turned::Plain(response, None, By::Gateway));
        }
        let admitted = self.admit(&request, &authority, &path, record).map_err(refuse)?;
        let route = admitted.matched.target;
        match (wish, route.rules.upgrade) {
            (Wish::Foreign, _) => Err(refuse(Refusal::ForeignUpgrade)),
            (Wish::Plain, Upgrade::Only) => Err(refuse(Refusal::UpgradeRequired)),
            (Wish::WebSocket, Upgrade::Never) => Err(refuse(Refusal::UpgradeNever)),
            (Wish::Plain, _) => {
                let place = take_place(route).map_err(refuse)?;
                match &route.leads {
                    Leads::Pool(pool) => {
                        self.forward(request, pool, &admitted, place, record, upload).await
                    }
                    Leads::Files(folder) => {
                        let response = files::serve(&request, folder, &admitted, record).await?;
                        Ok(Turned::Plain(response, Some(place), By::Gateway))
                    }
                }
            }
            (Wish::WebSocket, _) => {
                let Leads::Pool(pool) = &route.leads else {
                    return Err(refuse(Refusal::UpgradeNever));
                };
                let key = handshake::check_request(&request).map_err(refuse)?;
                if self.visit.drain.phase() >= Phase::Draining {
                    return Err((By::Gateway, Cause::Refusal(Refusal::Draining)));
                }
                if self.visit.books.metrics.memory.is_short() {
                    return Err((By::Gateway, Cause::Refusal(Refusal::Memory)));
                }
                let place = take_place(route).map_err(refuse)?;
                self.upgrade(request, &key, pool, &admitted, place, record).await
            }
        }
    }

    /// What an http listener answers itself.
    async fn at_the_door(
        &self,
        request: &Request<Incoming>,
        authority: &Authority,
        path: &str,
        wish: Wish,
        record: &mut Record,
    ) -> Result<Option<Response<ReplyBody>>, (By, Cause)> {
        let Door::Http(door) = &self.visit.door else { return Ok(None) };
        if let Some(found) = door.challenge(path).await {
            let response = found.map_err(|refusal| (By::Client, Cause::Refusal(refusal)))?;
            record.end_here(By::Gateway, Cause::Finished);
            return Ok(Some(response));
        }
        if !door.redirects(path) {
            return Ok(None);
        }
        // A WebSocket client follows no redirect: it gets an answer that says what is wrong.
        if wish != Wish::Plain {
            return Err((By::Client, Cause::Refusal(Refusal::UpgradeNever)));
        }
        if self.visit.sites.find(&authority.host, None).is_none() {
            return Err((By::Client, Cause::Refusal(Refusal::Misdirected)));
        }
        record.end_here(By::Gateway, Cause::Refusal(Refusal::Redirected));
        Ok(Some(plain::to_https(request, authority)))
    }

    /// Finds the route and asks its rules about the client.
    fn admit<'a>(
        &'a self,
        request: &Request<Incoming>,
        authority: &'a Authority,
        path: &'a str,
        record: &mut Record,
    ) -> Result<Admitted<'a>, Refusal> {
        let server_name = self.visit.server_name.as_deref();
        let site =
            self.visit.sites.find(&authority.host, server_name).ok_or(Refusal::Misdirected)?;
        if site.needs_certificate && !self.visit.is_tls() {
            return Err(Refusal::NeedsCertificate);
        }
        let matched = site.router.find(path).ok_or(Refusal::NoRoute)?;
        let rules = &matched.target.rules;
        record.line.route.clone_from(&rules.name);
        record.stage = Stage::Admission;
        let headers = request.headers();
        let peer = self.visit.peer.map(|it| it.ip());
        let by_trusted = is_trusted(peer, &rules.trusted_proxies);
        let client_ip = client_ip::client_ip(peer, headers, &rules.trusted_proxies);
        if let Some(ip) = client_ip {
            record.line.client = ip.to_string();
        }
        if let Some(app) = field(headers, &REFERER).and_then(mini_program::app_of) {
            record.line.app = app.to_string();
        }
        let (host, tls) = (authority.text.as_str(), self.visit.is_tls());
        admission::admit(&rules.clients, &Asking { headers, host, tls, client: client_ip })?;
        Ok(Admitted { matched, path, authority, client_ip, by_trusted })
    }

    async fn forward(
        &self,
        request: Request<Incoming>,
        pool: &Pool,
        admitted: &Admitted<'_>,
        place: Place,
        record: &mut Record,
        upload: &Arc<Upload>,
    ) -> Result<Turned, (By, Cause)> {
        let route = admitted.matched.target;
        record.line.backend = pool.name().to_owned();
        record.present = Some(route.lane(&self.visit.books.sockets).requests.enter());
        let id = record.line.id.clone();
        let passage = admitted.passage(&self.visit, &id);
        let (affinity, errand) = admitted.errand(&self.visit, &request, pool);
        match forward::exchange(request, (route, pool), &passage, &errand, record, upload).await {
            Ok(mut response) => {
                affinity.mark(response.headers_mut(), self.visit.is_tls());
                Ok(Turned::Plain(response, Some(place), By::Backend))
            }
            Err(trouble) => Err(self.blame(explain(&trouble, record), record)),
        }
    }

    /// A body that the guard has cut off has not come to its end by itself.
    fn blame(&self, verdict: (By, Cause), record: &mut Record) -> (By, Cause) {
        let Some(stop) = self.notes.stop().filter(|_| verdict == (By::Client, Cause::Reset)) else {
            return verdict;
        };
        record.detail(stop);
        (By::Client, Cause::Refusal(Refusal::BadRequest))
    }

    async fn upgrade(
        &self,
        request: Request<Incoming>,
        key: &HeaderValue,
        pool: &Pool,
        admitted: &Admitted<'_>,
        place: Place,
        record: &mut Record,
    ) -> Result<Turned, (By, Cause)> {
        let route = admitted.matched.target;
        record.line.backend = pool.name().to_owned();
        let id = record.line.id.clone();
        let passage = admitted.passage(&self.visit, &id);
        let (affinity, errand) = admitted.errand(&self.visit, &request, pool);
        let engine_io = diagnosis::engine_io(request.uri().query());
        let (parts, _) = request.into_parts();
        let spelling = &self.visit.spelling;
        let asked =
            upgrade::ask(parts, key, (route, pool), &passage, &errand, spelling, record).await;
        match asked {
            Err(trouble) => Err(explain(&trouble, record)),
            Ok(Outcome::Declined(mut response)) => {
                affinity.mark(response.headers_mut(), self.visit.is_tls());
                Ok(Turned::Plain(response, Some(place), By::Backend))
            }
            Ok(Outcome::Switched(mut response, rest, agreed)) => {
                affinity.mark(response.headers_mut(), self.visit.is_tls());
                let (backend, lease) = *rest;
                let terms = Terms {
                    route: Arc::clone(&route.rules),
                    compressed: agreed.compressed,
                    engine_io,
                    lane: Arc::clone(route.lane(&self.visit.books.sockets)),
                };
                Ok(Turned::Switched(response, Box::new((backend, lease, place, terms))))
            }
        }
    }

    /// Leaves a tunnel for whoever holds the client's stream.
    fn leave(&self, (backend, lease, place, terms): Rest, mut record: Record) {
        record.line.kind = Kind::Socket;
        record.line.status = reply::SWITCHING;
        record.stage = Stage::Relay;
        self.visit.books.metrics.upgrades.add(1);
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = Some(Prepared { backend, lease, place, record, terms });
    }
}

type Rest = (crate::stream::Side, crate::upstream::Lease, Place, Terms);

/// What a request turned into.
enum Turned {
    /// An answer, and whose it is.
    Plain(Response<ReplyBody>, Option<Place>, By),
    Switched(Response<ReplyBody>, Box<Rest>),
}

/// One more on the route, if it takes one more.
fn take_place(route: &Route) -> Result<Place, Refusal> {
    route.places.enter(route.rules.limits.connections).ok_or(Refusal::RouteConnections)
}

/// Names a backend's trouble in the log, where the person who can mend it looks.
fn explain(trouble: &Trouble, record: &mut Record) -> (By, Cause) {
    let (by, cause) = trouble.verdict();
    match diagnosis::of_failure(record.stage, cause, &record.line.target) {
        Some(hint) => record.detail(format_args!("{trouble}: {hint}")),
        None => record.detail(trouble),
    }
    if by == By::Backend {
        let (backend, route, detail) =
            (&record.line.backend, &record.line.route, &record.line.detail);
        tracing::warn!(%backend, %route, %cause, %detail, "the backend failed");
    }
    (by, cause)
}

fn field<'a>(headers: &'a HeaderMap, name: &hyper::header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

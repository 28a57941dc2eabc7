//! One request, from its head to its answer. Every way out is recorded.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderValue, ORIGIN, REFERER, STRICT_TRANSPORT_SECURITY,
};
use hyper::{Method, Request, Response, StatusCode};

use super::accept::{self, Form};
use super::admission::{self, Asking};
use super::admitted::Admitted;
use super::client_ip;
use super::clock::Clock;
use super::files;
use super::found::Found;
use super::handshake::{self, Wish};
use super::head::{self, Authority};
use super::leg::Leg;
use super::mini_program;
use super::notes::Notes;
use super::passing::{Turned, leave};
use super::path;
use super::places::Place;
use super::plain;
use super::recorded::Recorded;
use super::reply::{ReplyBody, denial};
use super::serve::{Door, Visit, client_name};
use super::site::{Leads, Route};
use super::upload::Upload;
use crate::config::model::Upgrade;
use crate::config::networks::is_trusted;
use crate::drain::Phase;
use crate::life::{By, Cause, Refusal, Stage};
use crate::observe::line::Kind;
use crate::observe::record::Record;
use crate::observe::redact;

/// Answers the requests of one connection.
pub(super) struct Desk {
    pub(super) visit: Visit,
    clock: Clock,
    strict_transport: Option<HeaderValue>,
    pub(super) notes: Notes,
}

impl Desk {
    pub(super) fn new(visit: Visit, clock: Clock, notes: Notes) -> Self {
        // Over TLS only (RFC 6797 section 7.2): without, there is no name from TLS either.
        let name = visit.server_name.as_deref();
        let site = name.and_then(|name| visit.sites.find(name, None));
        let strict_transport = site.and_then(|it| it.strict_transport.clone());
        Self { visit, clock, strict_transport, notes }
    }

    /// What the desk serves with.
    pub(super) fn visit(&self) -> &Visit {
        &self.visit
    }

    /// Answers one request.
    pub(super) async fn answer(
        &self,
        mut request: Request<Incoming>,
        leg: Leg,
    ) -> Response<Recorded> {
        self.clock.busy();
        if !leg.http2 {
            self.notes.hear_interims(&mut request);
        }
        let mut record = Record::new(&self.visit.books, Kind::Request, Stage::Request);
        let present = self.visit.books.metrics.requests.enter();
        let upload = Arc::new(Upload::default());
        self.describe(&request, &mut record);
        record.line.proto = leg.proto();
        let form = accept::form(request.headers());
        let mut found = Found::default();
        let answered = match leg.refusal {
            Some(refusal) => Err((By::Client, Cause::Refusal(refusal))),
            None => self.decide(request, form, &mut record, &upload, &mut found).await,
        };
        let (mut response, record, place, by) = match answered {
            Ok(Turned::Plain(response, place, by)) => (response, Some(record), place, by),
            Ok(Turned::Switched(response, rest)) => {
                leave(&leg, *rest, record);
                (response, None, None, By::Backend)
            }
            Err((by, cause)) => {
                record.end_here(by, cause);
                let mut response = denial(cause, &found.told(form, &record));
                if response.status() == StatusCode::UPGRADE_REQUIRED {
                    self.visit.spelling.apply(response.extensions_mut());
                }
                found.dress(response.headers_mut(), self.visit.is_tls(), &record);
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
        response.map(|body| Recorded {
            body,
            by,
            record,
            upload,
            clock,
            _present: present,
            _place: place,
        })
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

    async fn decide<'a>(
        &'a self,
        request: Request<Incoming>,
        form: Form,
        record: &mut Record,
        upload: &Arc<Upload>,
        found: &mut Found<'a>,
    ) -> Result<Turned, (By, Cause)> {
        let refuse = |refusal| (By::Client, Cause::Refusal(refusal));
        let authority = head::authority(&request).map_err(refuse)?;
        record.line.host.clone_from(&authority.host);
        let wish = handshake::wish(&request);
        record.line.handshake = wish == Wish::WebSocket;
        let raw = request.uri().path().to_owned();
        // The target of a CONNECT is a host (RFC 9110 section 9.3.6).
        if raw.is_empty() && wish == Wish::Foreign {
            return Err(refuse(Refusal::ForeignUpgrade));
        }
        let path = path::normalise(&raw).map_err(|_| refuse(Refusal::BadPath))?;
        if let Some(response) = self.at_the_door(&request, &authority, &path, wish, record).await? {
            return Ok(Turned::Plain(response, None, By::Gateway));
        }
        let admitted = self.admit(&request, &authority, &path, record, found).map_err(refuse)?;
        let route = admitted.matched.target;
        let pool = match &route.leads {
            Leads::Pool(pool) => pool,
            // Whatever the method, and an Upgrade is not taken.
            Leads::Own(_) if request.method() == Method::CONNECT => {
                return Err(refuse(Refusal::ForeignUpgrade));
            }
            Leads::Own(own) => {
                let place = take_place(route).map_err(refuse)?;
                record.stage = Stage::Exchange;
                // Here already: of an answer to HEAD nobody reads the body.
                record.end_here(By::Gateway, Cause::Finished);
                let told = found.told(form, record);
                let mut response = own.answer(&admitted.asked(request.uri()), &told);
                found.dress(response.headers_mut(), self.visit.is_tls(), record);
                return Ok(Turned::Plain(response, Some(place), By::Gateway));
            }
            Leads::Files(folder) => {
                match wish {
                    Wish::Plain => {}
                    Wish::WebSocket => return Err(refuse(Refusal::UpgradeNever)),
                    Wish::Foreign => return Err(refuse(Refusal::ForeignUpgrade)),
                }
                let place = take_place(route).map_err(refuse)?;
                let mut response = files::serve(&request, folder, &admitted, record).await?;
                found.dress(response.headers_mut(), self.visit.is_tls(), record);
                return Ok(Turned::Plain(response, Some(place), By::Gateway));
            }
        };
        match (wish, route.rules.upgrade) {
            (Wish::Foreign, _) => Err(refuse(Refusal::ForeignUpgrade)),
            (Wish::Plain, Upgrade::Only) => Err(refuse(Refusal::UpgradeRequired)),
            (Wish::WebSocket, Upgrade::Never) => Err(refuse(Refusal::UpgradeNever)),
            (Wish::Plain, _) => {
                let place = take_place(route).map_err(refuse)?;
                self.forward(request, pool, &admitted, place, record, upload).await
            }
            (Wish::WebSocket, _) => {
                let key = handshake::check_request(&request).map_err(refuse)?;
                self.takes_more()?;
                let place = take_place(route).map_err(refuse)?;
                self.upgrade(request, &key, pool, &admitted, place, record).await
            }
        }
    }

    /// Whether the gateway as a whole takes new sockets.
    fn takes_more(&self) -> Result<(), (By, Cause)> {
        if self.visit.drain.phase() >= Phase::Draining {
            return Err((By::Gateway, Cause::Refusal(Refusal::Draining)));
        }
        if self.visit.books.metrics.memory.is_short() {
            return Err((By::Gateway, Cause::Refusal(Refusal::Memory)));
        }
        Ok(())
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
            return Err((By::Client, Cause::Refusal(Refusal::NeedsTls)));
        }
        if self.visit.sites.find(&authority.host, None).is_none() {
            return Err((By::Client, Cause::Refusal(Refusal::Misdirected)));
        }
        record.end_here(By::Gateway, Cause::Refusal(Refusal::Redirected));
        Ok(Some(plain::to_https(request, authority)))
    }

    /// Finds the route and asks its rules about the client.
    fn admit<'a, 'r>(
        &'a self,
        request: &Request<Incoming>,
        authority: &'r Authority,
        path: &'r str,
        record: &mut Record,
        found: &mut Found<'a>,
    ) -> Result<Admitted<'r>, Refusal>
    where
        'a: 'r,
    {
        let server_name = self.visit.server_name.as_deref();
        let site =
            self.visit.sites.find(&authority.host, server_name).ok_or(Refusal::Misdirected)?;
        found.site = Some(site);
        if site.needs_certificate && !self.visit.is_tls() {
            return Err(Refusal::NeedsCertificate);
        }
        let matched = site.router.find(path).ok_or(Refusal::NoRoute)?;
        // The backend is sent the path as it came: what it may make of it is under these rules too.
        let others = path::other_readings(request.uri().path()).map_err(|_| Refusal::BadPath)?;
        let same = |it: &String| site.router.leads_to(&matched, it);
        if !others.bare.iter().all(same) {
            return Err(Refusal::BadPath);
        }
        let settled = !others.raw.iter().all(same);
        found.route = Some(matched.target);
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
        Ok(Admitted { matched, path, settled, authority, client_ip, by_trusted })
    }
}

fn field<'a>(headers: &'a HeaderMap, name: &hyper::header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// One more on the route, if it takes one more.
fn take_place(route: &Route) -> Result<Place, Refusal> {
    route.places.enter(route.rules.limits.connections).ok_or(Refusal::RouteConnections)
}

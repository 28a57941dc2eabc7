//! An admitted request on its way to a backend, and what comes back on its way to the client. Knows
//! neither how it was admitted nor what the gateway answers itself.

use std::sync::{Arc, PoisonError};

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, Response};

use super::admitted::Admitted;
use super::answer::Desk;
use super::diagnosis;
use super::forward::{self, Trouble};
use super::leg::Leg;
use super::places::Place;
use super::reply::ReplyBody;
use super::serve::{Prepared, Terms};
use super::upgrade::{self, Outcome};
use super::upload::Upload;
use crate::life::{By, Cause, Refusal, Stage};
use crate::observe::line::Kind;
use crate::observe::record::Record;
use crate::upstream::Pool;

/// What a request turned into.
pub(super) enum Turned {
    /// An answer, the place that it has on its route until it is over, and whose it is.
    Plain(Response<ReplyBody>, Option<Place>, By),
    /// A 101, and what is left of the tunnel.
    Switched(Response<ReplyBody>, Box<Rest>),
}

/// A tunnel without its client's side and its record.
pub(super) type Rest = (crate::stream::Side, crate::upstream::Lease, Place, Terms);

impl Desk {
    /// Sends a plain request on.
    pub(super) async fn forward(
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
                route.dress.backend(response.headers_mut(), &passage.words());
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

    /// Asks the backend for a WebSocket.
    pub(super) async fn upgrade(
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
        let finish = |response: &mut Response<ReplyBody>| {
            route.dress.backend(response.headers_mut(), &passage.words());
            affinity.mark(response.headers_mut(), self.visit.is_tls());
        };
        match asked {
            Err(trouble) => Err(explain(&trouble, record)),
            Ok(Outcome::Declined(mut response)) => {
                finish(&mut response);
                Ok(Turned::Plain(response, Some(place), By::Backend))
            }
            Ok(Outcome::Switched(mut response, rest, agreed)) => {
                finish(&mut response);
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
}

/// Leaves a tunnel for whoever holds the client's stream.
pub(super) fn leave(leg: &Leg, (backend, lease, place, terms): Rest, mut record: Record) {
    record.line.kind = Kind::Socket;
    record.line.status = leg.switched();
    record.stage = Stage::Relay;
    record.books().metrics.upgrades.add(1);
    let mut slot = leg.slot.lock().unwrap_or_else(PoisonError::into_inner);
    *slot = Some(Prepared { backend, lease, place, record, terms });
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

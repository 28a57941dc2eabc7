//! A pool at work: a request comes, one of its servers is chosen and reached, and when that fails
//! the next one, before anything was sent.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Notify, watch};
use tokio::time::sleep;

use super::attempt::Attempt;
use super::balance::{self, Turn};
use super::connect::{DialError, Parties, Way};
use super::health::Standing;
use super::member::Member;
use super::resolver::Resolver;
use super::roster::Roster;
use super::server::{Lease, Server};
use super::upkeep::Charge;
use super::wire::Wire;
use crate::config::model::{Backend, Balance};
use crate::life::{Timer, within};
use crate::observe::report;
use crate::stream::Stream;
use crate::tls::LoadError;
use crate::tls::client::Client;

/// While requests are held, one of them asks the servers this often.
const HOLD_ASKS: Duration = Duration::from_millis(200);

/// One pool.
#[derive(Debug)]
pub struct Pool {
    pub(super) charge: Arc<Charge>,
    /// Ends with the pool, and with it what is done for it.
    pub(super) in_use: watch::Sender<()>,
    /// What it was made of.
    definition: Backend,
    turn: Turn,
    /// Whoever holds it asks the servers on behalf of all that are held.
    asking: Mutex<()>,
    came_up: Notify,
}

/// What a connection is wanted for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Errand {
    /// What the request is hashed by, if the pool hashes and the request has it.
    pub key: Option<u64>,
    /// Whom it is for.
    pub parties: Parties,
}

/// A connection to a server.
pub enum Reached<K = Wire> {
    /// Kept from an earlier exchange.
    Kept(K),
    /// New; nothing was sent.
    New(Stream),
}

/// With what counts it toward its server.
type Leased<K> = Result<(Reached<K>, Lease), DialError>;

impl Pool {
    /// The pool of `backend`. Files for TLS are read now. `previous` stays where it was made of just the
    /// same, files included; else what it knows of the same servers is carried over.
    ///
    /// # Errors
    /// [`LoadError`] when a file cannot be used.
    pub(super) fn of(
        backend: &Backend,
        previous: Option<&Arc<Self>>,
        resolver: &Resolver,
    ) -> Result<Arc<Self>, LoadError> {
        let secure = backend.servers.iter().any(|it| it.tls);
        let tls = secure.then(|| Client::load(&backend.tls)).transpose()?;
        if let Some(same) =
            previous.filter(|it| it.definition == *backend && it.charge.way.tls == tls)
        {
            return Ok(Arc::clone(same));
        }
        let charge = Charge {
            name: backend.name.clone(),
            roster: Roster::new(backend, previous.map(|it| &it.charge.roster), resolver),
            way: Way { limit: backend.connect_timeout, proxy: backend.proxy_protocol, tls },
            health: backend.health.clone(),
            resolve_every: backend.resolve_every,
            sooner: Notify::default(),
        };
        Ok(Arc::new(Self {
            charge: Arc::new(charge),
            in_use: watch::Sender::new(()),
            definition: backend.clone(),
            turn: Turn::default(),
            asking: Mutex::default(),
            came_up: Notify::default(),
        }))
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// How its servers are chosen; a hash needs a key from the request.
    pub fn balance(&self) -> &Balance {
        &self.definition.balance
    }

    /// How it is.
    pub fn report(&self) -> report::Backend {
        let now = Instant::now();
        let servers = self.charge.roster.members().iter().map(|it| it.report(now)).collect();
        report::Backend { name: self.name().to_owned(), servers }
    }

    /// A new connection to a server.
    ///
    /// # Errors
    /// [`DialError`] when no server could be reached; nothing was sent.
    pub async fn dial(&self, errand: &Errand) -> Result<(Stream, Lease), DialError> {
        let nothing_kept = |_: &Server, _: &mut Context<'_>| None::<Infallible>;
        match self.reach_some(errand, nothing_kept).await? {
            (Reached::New(stream), lease) => Ok((stream, lease)),
            (Reached::Kept(never), _) => match never {},
        }
    }

    /// A connection to a server, kept from an earlier exchange where there is a good one.
    ///
    /// # Errors
    /// As [`Pool::dial`].
    pub async fn reach(&self, errand: &Errand) -> Result<(Reached, Lease), DialError> {
        self.reach_some(errand, Server::reuse).await
    }

    /// Tries every server that could be used, and while none is up holds the request.
    async fn reach_some<K>(
        &self,
        errand: &Errand,
        kept: impl Fn(&Server, &mut Context<'_>) -> Option<K>,
    ) -> Leased<K> {
        match (self.try_each(errand, &kept).await, self.definition.hold) {
            (Err(_), Some(limit)) => Ok(within(Some(limit), Timer::Hold, self.held(errand)).await?),
            (result, _) => result,
        }
    }

    /// One server after another, the best first, each once.
    async fn try_each<K>(
        &self,
        errand: &Errand,
        kept: &impl Fn(&Server, &mut Context<'_>) -> Option<K>,
    ) -> Leased<K> {
        let way = &self.charge.way;
        let members = self.charge.roster.some_members(way.limit).await;
        let mut left: Vec<&Member> = members.iter().collect();
        let mut last = DialError::NoServer;
        while let Some(Member { server, .. }) = self.take_best(&mut left, errand) {
            // With a PROXY header a connection is one client's for ever.
            let lease = server.lease(way.proxy.is_none());
            if let Some(it) = poll_fn(|cx| Poll::Ready(kept(server, cx))).await {
                return Ok((Reached::Kept(it), lease));
            }
            let attempt = Attempt::new(self.name(), server);
            match way.dial(server, errand.parties).await {
                Ok(stream) => {
                    attempt.connected();
                    return Ok((Reached::New(stream), lease));
                }
                Err(error) => {
                    attempt.failed(&error);
                    last = error;
                }
            }
        }
        Err(last)
    }

    /// Takes the server to try next out of `left`: one that is up, else a backup that is, else one
    /// whose connections failed lately. One that the checks took out is not tried.
    fn take_best<'a>(&self, left: &mut Vec<&'a Member>, errand: &Errand) -> Option<&'a Member> {
        let now = Instant::now();
        let rank = |it: &Member| match it.standing(now) {
            Standing::Down => None,
            standing => Some((standing, it.backup)),
        };
        let best = left.iter().filter_map(|it| rank(it)).min()?;
        let among: Vec<&Member> =
            left.iter().copied().filter(|it| rank(it) == Some(best)).collect();
        let place = balance::choose(self.balance(), &among, errand.key, &self.turn)?;
        let chosen = *among.get(place)?;
        left.retain(|it| !Arc::ptr_eq(&it.server, &chosen.server));
        Some(chosen)
    }

    /// Waits until a server is up. Of all that wait one asks; when it gets through, so do they.
    async fn held<K>(&self, errand: &Errand) -> (Reached<K>, Lease) {
        loop {
            let news = self.came_up.notified();
            tokio::select! {
                reached = self.ask(errand) => return reached,
                () = news => {
                    if let Ok(reached) = self.try_each(errand, &|_, _| None).await {
                        return reached;
                    }
                }
            }
        }
    }

    async fn ask<K>(&self, errand: &Errand) -> (Reached<K>, Lease) {
        let _asking = self.asking.lock().await;
        loop {
            sleep(HOLD_ASKS).await;
            if let Ok(reached) = self.try_each(errand, &|_, _| None).await {
                self.came_up.notify_waiters();
                return reached;
            }
        }
    }
}

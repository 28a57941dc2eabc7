//! The listeners that are open, and what a reload changes about them: what stays is not touched,
//! what is new is bound before anything else changes, what is gone is closed last.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use tokio::sync::{Notify, Semaphore};

use super::contained::contained;
use super::gateway::{Shared, spawn};
use super::loops::Loops;
use crate::accept::{self, Accepted, Bound, Crowd, Inherited, ListenError, Loan};
use crate::challenges::Challenges;
use crate::config::model::{ListenAddress, Listener, Protocol};
use crate::connection::{House, receive, walk};
use crate::drain::{Phase, Watch};
use crate::http::{Door, PlainDoor, Spelling};

/// What every listener lets its connections into.
#[derive(Clone)]
pub(super) struct Porch {
    pub shared: Arc<Shared>,
    pub permits: Arc<Semaphore>,
    pub drain: Watch,
    pub spelling: Spelling,
    pub crowd: Arc<Crowd>,
    pub loops: Arc<Loops>,
}

/// The listeners of the running configuration, in its order.
pub(super) struct Doors {
    porch: Porch,
    /// Systemd's sockets, also those that nobody has asked for: a reload may.
    inherited: Inherited,
    open: Vec<OpenDoor>,
}

struct OpenDoor {
    /// As the configuration has it.
    address: ListenAddress,
    bound: Arc<Bound>,
    /// Until it is closed nobody else gets that socket of systemd's.
    _loan: Option<Loan>,
    /// What is spoken there from now on.
    manners: Arc<ArcSwap<Manners>>,
    closing: Arc<Notify>,
}

/// What is spoken on a listener, and by whom.
struct Manners {
    door: Door,
    /// Who has to begin with a PROXY header.
    proxies: Arc<[IpNet]>,
}

/// Listeners that are bound and not yet open.
pub(super) struct Plan(Vec<(Listener, Option<Bound>)>);

impl Doors {
    /// No listener yet.
    pub(super) fn new(porch: Porch, inherited: Inherited) -> Self {
        Self { porch, inherited, open: Vec::new() }
    }

    /// Binds whatever of `listeners` is not open yet.
    ///
    /// # Errors
    /// [`ListenError`]; nothing has changed then.
    pub(super) async fn plan(&mut self, listeners: &[Listener]) -> Result<Plan, ListenError> {
        let mut left: Vec<&ListenAddress> = self.open.iter().map(|it| &it.address).collect();
        let mut plan = Vec::new();
        for listener in listeners {
            let address = &listener.address.value;
            let bound = match left.iter().position(|it| *it == address) {
                Some(place) => {
                    left.remove(place);
                    None
                }
                None => Some(self.inherited.bind(address).await?),
            };
            plan.push((listener.clone(), bound));
        }
        Ok(Plan(plan))
    }

    /// A socket for another listener than these: one that is there already, else a new one.
    ///
    /// # Errors
    /// [`ListenError`] with the address and the operating system's reason.
    pub(super) async fn bind(&mut self, address: &ListenAddress) -> Result<Bound, ListenError> {
        self.inherited.bind(address).await
    }

    /// Opens what is new, changes what is spoken elsewhere, and closes what the plan lacks.
    pub(super) fn apply(&mut self, plan: Plan) {
        let mut before = std::mem::take(&mut self.open);
        for (listener, bound) in plan.0 {
            let manners = Manners::of(&listener, &self.porch.shared.challenges);
            let address = listener.address.value;
            let known = before.iter().position(|it| it.address == address);
            match (bound, known) {
                (Some(bound), _) => self.open(address, bound, manners),
                (None, Some(place)) => {
                    let kept = before.remove(place);
                    kept.manners.store(Arc::new(manners));
                    self.open.push(kept);
                }
                // A plan binds what is not open.
                (None, None) => {}
            }
        }
        before.iter().for_each(|it| it.closing.notify_one());
    }

    /// Closes what a predecessor handed over and the configuration lacks. What is systemd's stays:
    /// a reload, or the next process, may ask for it.
    pub(super) fn forget_unclaimed(&mut self) {
        self.inherited.keep_systemds();
    }

    fn open(&mut self, address: ListenAddress, mut bound: Bound, manners: Manners) {
        tracing::info!(address = %bound.address(), "listening");
        let loan = bound.take_loan();
        let (bound, closing) = (Arc::new(bound), Arc::new(Notify::new()));
        let manners = Arc::new(ArcSwap::from_pointee(manners));
        let parts = (Arc::clone(&bound), Arc::clone(&manners), Arc::clone(&closing));
        spawn(listen(parts, self.porch.clone()));
        self.open.push(OpenDoor { address, bound, _loan: loan, manners, closing });
    }

    /// Where it listens, in the order of the configuration; port 0 has become a real one.
    pub(super) fn addresses(&self) -> Vec<ListenAddress> {
        self.open.iter().map(|it| it.bound.address().clone()).collect()
    }

    /// Every listening socket under the name that [`Inherited`] finds it by, also those that nobody
    /// has asked for.
    pub(super) fn sockets(&self) -> Vec<(String, BorrowedFd<'_>)> {
        let open = self.open.iter().map(|it| (it.address.to_string(), it.bound.as_fd()));
        open.chain(self.inherited.left()).collect()
    }

    /// Lets go of all of them; each closes when its queue has been taken.
    pub(super) fn close(&mut self) {
        self.open.clear();
    }

    /// Another process goes on with them: nothing more is accepted here, not even what is queued.
    pub(super) fn give_away(&mut self) {
        self.open.drain(..).for_each(OpenDoor::give_away);
    }

    /// Gives those back that systemd keeps: what is queued there is for the process that it starts
    /// next. Whether there was one.
    pub(super) fn give_back(&mut self) -> bool {
        let before = std::mem::take(&mut self.open);
        let kept = |it: &OpenDoor| matches!(it.address, ListenAddress::Systemd(_));
        let (kept, own): (Vec<_>, Vec<_>) = before.into_iter().partition(kept);
        self.open = own;
        let any = !kept.is_empty();
        kept.into_iter().for_each(OpenDoor::give_away);
        any
    }
}

impl OpenDoor {
    fn give_away(self) {
        self.bound.give_away();
        self.closing.notify_one();
    }
}

/// Accepts on one listener until it is closed or the drain begins.
async fn listen(
    (bound, manners, closing): (Arc<Bound>, Arc<ArcSwap<Manners>>, Arc<Notify>),
    porch: Porch,
) {
    let (permits, drain) = (&porch.permits, &porch.drain);
    let books = &porch.shared.books;
    let take = |accepted: Accepted| {
        let manners = manners.load();
        let house = House {
            books: Arc::clone(books),
            drain: drain.clone(),
            spelling: porch.spelling.clone(),
            door: manners.door.clone(),
            port: port(bound.address()),
            proxies: Arc::clone(&manners.proxies),
            challenges: Arc::clone(&porch.shared.challenges),
            crowd: Arc::clone(&porch.crowd),
        };
        let snapshot = porch.shared.snapshot.load_full();
        if let Some(accepted) = receive(accepted, &house, &snapshot) {
            let walk = |arrival| contained(walk(arrival, house, snapshot), Arc::clone(books));
            porch.loops.settle(accepted, walk);
        }
    };
    let mut draining = drain.clone();
    tokio::select! {
        () = accept::accept_on(&bound, permits, drain, books, take) => {}
        () = draining.reached(Phase::Draining) => {}
        () = closing.notified() => tracing::info!(address = %bound.address(), "no longer listening"),
    }
    if !bound.is_given_away() {
        accept::accept_rest(&bound, permits, drain, books, take).await;
    }
}

impl Manners {
    fn of(listener: &Listener, challenges: &Arc<Challenges>) -> Self {
        let proxies = listener.proxy_protocol.as_slice().into();
        Self { door: door(&listener.protocol, challenges), proxies }
    }
}

fn door(protocol: &Protocol, challenges: &Arc<Challenges>) -> Door {
    match protocol {
        Protocol::Https { http2 } => Door::Https { http2: *http2 },
        Protocol::Http { redirect_to_https, acme_challenge_root } => {
            Door::Http(Arc::new(PlainDoor {
                redirect_to_https: *redirect_to_https,
                acme_challenge_root: acme_challenge_root.as_ref().map(|it| it.value.clone()),
                challenges: Arc::clone(challenges),
            }))
        }
    }
}

fn port(address: &ListenAddress) -> Option<u16> {
    match address {
        ListenAddress::Tcp(address) => Some(address.port()),
        ListenAddress::Unix(_) | ListenAddress::Systemd(_) => None,
    }
}

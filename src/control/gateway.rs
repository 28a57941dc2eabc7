//! A running gateway: its listeners, its snapshot, and the tasks of its connections.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::certificates::{Files, warn_of_expiry};
use super::chores;
use super::doors::{Doors, Porch};
use super::faults::{ReloadError, StartError};
use super::fixed::Fixed;
use super::handover::{HandoverError, Program, Successor, hand_over};
use super::issuing::Issuing;
use super::lines::open_access;
use super::loops::Loops;
use super::memory;
use super::removed::{Forerunners, let_go};
use super::upkeep::Upkeep;
use super::window::Window;
use crate::accept::Inherited;
use crate::acme::Plan;
use crate::challenges::Challenges;
use crate::config::Config;
use crate::config::model::ListenAddress;
use crate::drain::{Phase, Signal};
use crate::http::Spelling;
use crate::life::{Timer, within};
use crate::observe::books::{Books, Departure};
use crate::observe::live::Farewell;
use crate::snapshot::{BuildError, Snapshot};
use crate::tls::Tickets;

/// For tasks that are cut to end; they need one poll.
const CUT: Duration = Duration::from_secs(2);

/// A gateway that runs. Dropping it cuts every connection.
pub struct Gateway {
    signal: Signal,
    shared: Arc<Shared>,
    config: Config,
    fixed: Fixed,
    forerunners: Forerunners,
    doors: Doors,
    window: Window,
    files: Files,
    upkeep: Upkeep,
    issuing: Issuing,
    loops: Arc<Loops>,
}

/// What outlives a reload.
pub(super) struct Shared {
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
    tickets: Tickets,
    pub(super) challenges: Arc<Challenges>,
    pub(super) books: Arc<Books>,
}

impl Gateway {
    /// Starts a gateway that writes access lines as `config` says, on the event loop of the caller, a tokio
    /// runtime, and on those beside it that `gateway.workers` asks for.
    ///
    /// # Errors
    /// [`StartError`]; certificates are read before anything is bound.
    pub async fn start(config: Config, inherited: Inherited) -> Result<Self, StartError> {
        let access = open_access(&config)?;
        let loops = Loops::start(config.gateway.workers).map_err(StartError::Loops)?;
        Self::open(config, Books::new(access), inherited, loops).await
    }

    /// Starts a gateway with books of the caller's, on the event loop of the caller alone.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub async fn start_with(
        config: Config,
        books: Books,
        inherited: Inherited,
    ) -> Result<Self, StartError> {
        Self::open(config, books, inherited, Loops::default()).await
    }

    async fn open(
        config: Config,
        books: Books,
        inherited: Inherited,
        loops: Loops,
    ) -> Result<Self, StartError> {
        let tickets = Tickets::default();
        // Before they are read: what changes from here on is news.
        let files = Files::of(&config);
        let snapshot = Snapshot::build(&config, &tickets, None)?;
        let orders = Plan::of(&config).map_err(BuildError::Tls)?;
        let snapshot = Arc::new(ArcSwap::from_pointee(snapshot));
        let spelling = Spelling::learn().await?;
        let shared = Arc::new(Shared {
            snapshot,
            tickets,
            challenges: Arc::default(),
            books: Arc::new(books),
        });
        let (signal, watch) = Signal::new();
        let fixed = Fixed::of(&config);
        let permits = Arc::new(Semaphore::new(fixed.max_connections));
        let loops = Arc::new(loops);
        let porch = Porch {
            shared: Arc::clone(&shared),
            permits,
            drain: watch.clone(),
            spelling,
            crowd: Arc::default(),
            loops: Arc::clone(&loops),
        };
        let mut doors = Doors::new(porch, inherited);
        let mut window = Window::new(&shared, &watch, fixed.max_connections);
        let plan = doors.plan(&config.listeners).await?;
        let view = window.plan(&config.admin, &mut doors).await?;
        doors.apply(plan);
        window.apply(view);
        doors.forget_unclaimed();
        let mut upkeep = Upkeep::new(watch.clone());
        upkeep.follow(&shared.snapshot.load().pools);
        spawn(chores::sweep(Arc::clone(&shared), watch.clone()));
        spawn(chores::remember(Arc::clone(&shared.books), watch.clone()));
        spawn(memory::watch(Arc::clone(&shared), watch.clone()));
        let mut issuing = Issuing::new(&shared, watch);
        issuing.follow(orders);
        let forerunners = Forerunners::default();
        let this = Self {
            signal,
            shared,
            config,
            fixed,
            forerunners,
            doors,
            window,
            files,
            upkeep,
            issuing,
            loops,
        };
        Ok(this)
    }

    /// Where it listens, in the order of the configuration; port 0 has become a real one.
    pub fn addresses(&self) -> Vec<ListenAddress> {
        self.doors.addresses()
    }

    /// Where the admin listener is, if there is one; port 0 has become a real one.
    pub fn admin_address(&self) -> Option<&ListenAddress> {
        self.window.address()
    }

    /// Counters and access log.
    pub fn books(&self) -> &Arc<Books> {
        &self.shared.books
    }

    /// The event loops that connections are on.
    pub(super) fn loops(&self) -> &Arc<Loops> {
        &self.loops
    }

    /// Connections that have not ended yet.
    pub fn live(&self) -> usize {
        self.signal.held()
    }

    /// Makes `config` hold for new connections and returns what needs a restart to change.
    /// Connections keep the snapshot that they began with.
    ///
    /// # Errors
    /// [`ReloadError`]; everything stays as it was then.
    pub async fn reload(&mut self, config: Config) -> Result<Vec<&'static str>, ReloadError> {
        let running = self.shared.snapshot.load_full();
        // Before they are read: what changes from here on is news.
        let files = Files::of(&config);
        let next = Snapshot::build(&config, &self.shared.tickets, Some(&running))?;
        let orders = Plan::of(&config).map_err(BuildError::Tls)?;
        let plan = self.doors.plan(&config.listeners).await?;
        let view = self.window.plan(&config.admin, &mut self.doors).await?;
        self.upkeep.follow(&next.pools);
        self.shared.snapshot.store(Arc::new(next));
        self.forerunners.add(&running);
        self.doors.apply(plan);
        self.window.apply(view);
        self.files = files;
        self.issuing.follow(orders);
        let_go(&self.shared.books.sockets, &config);
        self.config = config;
        Ok(self.fixed.differing(&self.config))
    }

    /// Looks whether a certificate, a key or a ticket key was renewed, and takes what is whole:
    /// where a pair does not match (yet), the old one stays. Connections notice nothing.
    pub fn renew(&mut self) {
        if !self.files.changed(&self.config) {
            return;
        }
        let running = self.shared.snapshot.load_full();
        let next = running.renewed(&self.config, &self.shared.tickets);
        self.files.tell(&next.1);
        self.shared.snapshot.store(Arc::new(next.0));
        self.forerunners.add(&running);
    }

    /// Lets those sockets go, too, that have come since a reload by a route or to a backend that it
    /// removed: their connections had begun before it.
    pub fn let_late_ones_go(&mut self) {
        if self.forerunners.had_any() {
            let_go(&self.shared.books.sockets, &self.config);
        }
    }

    /// Warns of every certificate in use that expires soon after `now`, or has.
    pub fn warn_of_expiry(&self, now: SystemTime) {
        warn_of_expiry(&self.config, self.shared.snapshot.load().tls.certificates(), now);
    }

    /// Rings when a certificate that was ordered here is on disk: then it is time to [`Gateway::renew`].
    pub fn issued(&self) -> Arc<Notify> {
        self.issuing.bell()
    }

    /// The configuration that holds now.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Starts `program` on the same listening sockets and waits until it takes connections, or until
    /// `stop`. What is left to do here is to drain, when those who have come here last have their
    /// WebSocket.
    ///
    /// # Errors
    /// [`HandoverError`]; everything goes on here then, and nothing of the new process is left.
    pub async fn hand_over(
        &mut self,
        program: &Program,
        stop: impl Future<Output = ()>,
    ) -> Result<Successor, HandoverError> {
        let mut sockets = self.doors.sockets();
        sockets.extend(self.window.socket());
        let successor = hand_over(program, &sockets, stop).await?;
        self.doors.give_away();
        self.window.give_away();
        self.issuing.stop();
        Ok(successor)
    }

    /// Accepts no more on the listening sockets that systemd keeps, and leaves their queues to the
    /// process that it starts next. Whether there are any.
    pub fn give_back(&mut self) -> bool {
        self.doors.give_back()
    }

    /// Drains: takes nothing new, lets everything end as configured, and cuts what is left after
    /// `gateway.drain.timeout`, or as soon as `impatience` is over. Returns how many connections
    /// were cut.
    pub async fn stop(mut self, impatience: impl Future<Output = ()>) -> usize {
        let limit = self.note_departure();
        self.advance(Phase::Draining);
        self.doors.close();
        tokio::select! {
            _ = within(Some(limit), Timer::Drain, self.signal.released()) => {}
            () = impatience => {}
        }
        let cut = self.signal.held();
        self.cut().await;
        cut
    }

    /// Tunnels do not wait for the signal: they look at it when they are woken.
    fn advance(&self, phase: Phase) {
        self.signal.advance(phase);
        self.shared.books.sockets.wake();
    }

    /// Says how everybody is let go, as the running configuration has it: before the signal, which has
    /// them look. Returns when what is left is cut.
    fn note_departure(&self) -> Duration {
        let drain = &self.config.gateway.drain;
        let since = SystemTime::now();
        let departure = Departure {
            since,
            cut_at: since + drain.timeout,
            connections: self.signal.held() as u64,
            farewell: Farewell::drained(drain.close_code, &drain.close_reason),
            told_by: Instant::now() + drain.spread,
        };
        // Only the first counts, and there is no second.
        let _ = self.shared.books.departure.set(departure);
        drain.timeout
    }

    /// Stops at once.
    pub async fn cut(self) {
        self.shared.books.cut();
        self.advance(Phase::Cutting);
        // What does not end now is stuck in the kernel, and the process is about to end.
        let _ = within(Some(CUT), Timer::Drain, self.signal.released()).await;
        self.shared.books.access().finish();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.shared.books.cut();
        self.advance(Phase::Cutting);
    }
}

/// The one place where tasks begin.
#[allow(clippy::disallowed_methods, reason = "control is the room that spawns")]
pub(super) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
    tokio::spawn(work).abort_handle()
}

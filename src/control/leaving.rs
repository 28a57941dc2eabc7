//! How the process leaves: the last handshakes, the drain, and who is waited for. Knows nothing of what
//! it was asked by.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::gateway::Gateway;
use super::handover::{Predecessor, Successor};
use super::signals::Signals;
use crate::life::{Timer, within};
use crate::observe::books::Books;

/// When another process goes on with the sockets, handshakes under way here may still succeed this
/// long, before the drain answers them with 503.
const LAST_HANDSHAKES: Duration = Duration::from_secs(1);

/// Beyond the drain's own time, for a predecessor to cut what is left, write its last lines, and end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Why the process leaves, and what follows from that.
pub(super) struct Leave {
    /// The queues of the listening sockets are another process's from here on.
    queues_are_taken: bool,
    /// It may wait for the end of this one.
    successor: Option<Successor>,
    /// The signal to stop that stops at once: the first one is always polite.
    signals_left: u8,
}

impl Leave {
    /// A signal asked for it; whether listening sockets were given back to systemd.
    pub(super) fn asked(given_back: bool) -> Self {
        Self { queues_are_taken: given_back, successor: None, signals_left: 1 }
    }

    /// Another process has taken over.
    pub(super) fn succeeded(by: Successor) -> Self {
        Self { queues_are_taken: true, successor: Some(by), signals_left: 2 }
    }

    /// Drains `gateway`, and waits for the `predecessor` that may still drain beside it: systemd kills
    /// whatever is left of a service when its main process has ended.
    pub(super) async fn with(
        self,
        gateway: Gateway,
        signals: &mut Signals,
        predecessor: Option<Predecessor>,
    ) {
        let books = Arc::clone(gateway.books());
        let mut patience = Patience { signals, books, left: self.signals_left };
        if self.queues_are_taken {
            tokio::select! {
                () = sleep(LAST_HANDSHAKES) => {}
                () = patience.shorten() => {}
            }
        }
        let live = gateway.live();
        tracing::info!(live, "draining; a second signal stops at once");
        let (since, limit) = (Instant::now(), gateway.config().gateway.drain.timeout);
        let cut = gateway.stop(patience.over()).await;
        tracing::info!(cut, "stopped");
        let limit = (limit + LAST_WORDS).saturating_sub(since.elapsed());
        if let Some(predecessor) = predecessor.filter(Predecessor::lives) {
            tracing::info!("the process before this one still drains; a signal ends the wait");
            tokio::select! {
                _ = within(Some(limit), Timer::Drain, predecessor.gone()) => {}
                () = patience.over() => {}
            }
        }
        // It hears of our end by this.
        drop(self.successor);
    }
}

/// How many signals to stop are borne until it stops at once.
struct Patience<'a> {
    signals: &'a mut Signals,
    books: Arc<Books>,
    left: u8,
}

impl Patience<'_> {
    /// Until none is left. It may be dropped and asked again.
    async fn over(&mut self) {
        while self.left > 0 {
            self.shorten().await;
            if self.left > 0 {
                tracing::info!("draining already; another signal stops at once");
            }
        }
    }

    /// Until the next signal to stop. Log files are reopened meanwhile.
    async fn shorten(&mut self) {
        self.signals.stop(|| self.books.access().reopen()).await;
        self.left = self.left.saturating_sub(1);
    }
}

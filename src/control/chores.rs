//! What is done at regular times for as long as the gateway lives, whether anybody comes or not.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::time::{MissedTickBehavior, interval};

use super::gateway::Shared;
use crate::drain::{Phase, Watch};
use crate::observe::books::Books;
use crate::observe::history;

/// How often kept backend connections are looked through.
const SWEEP: Duration = Duration::from_secs(10);

/// Closes backend connections that nobody has used for long.
pub(super) async fn sweep(shared: Arc<Shared>, mut drain: Watch) {
    let mut every = interval(SWEEP);
    loop {
        tokio::select! {
            _ = every.tick() => shared.snapshot.load().pools.sweep(Instant::now()),
            () = drain.reached(Phase::Draining) => return,
        }
    }
}

/// Notes what the sockets have come to, for the history of the last minutes.
pub(super) async fn remember(books: Arc<Books>, mut drain: Watch) {
    let mut every = interval(history::EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every.tick() => {
                books.history.sample(&books.sockets, SystemTime::now(), Instant::now());
            }
            () = drain.reached(Phase::Cutting) => return,
        }
    }
}

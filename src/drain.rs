//! Letting go: one [`Signal`] tells every [`Watch`] how far the end has come, and waits for every
//! [`Guard`]. Knows no other room.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use tokio::sync::{Notify, watch};

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nobody has asked for an end.
    Running,
    /// Finish what is under way, take nothing new.
    Draining,
    /// Stop at once.
    Cutting,
}

/// The one owner of a drain. Dropping it cuts.
#[derive(Debug)]
pub struct Signal {
    phase: watch::Sender<Phase>,
    seen: Arc<AtomicU8>,
    guards: Arc<Guards>,
}

/// Sees the phase; cheap to clone, one for every task.
#[derive(Clone, Debug)]
pub struct Watch {
    phase: watch::Receiver<Phase>,
    /// The same phase, to be looked at without a lock.
    seen: Arc<AtomicU8>,
    guards: Arc<Guards>,
}

/// Held by whatever the drain has to wait for.
#[derive(Debug)]
pub struct Guard(Arc<Guards>);

#[derive(Debug, Default)]
struct Guards {
    held: AtomicUsize,
    released: Notify,
}

impl Signal {
    /// A signal that nobody has given yet, and the first watch on it.
    pub fn new() -> (Self, Watch) {
        let (sender, phase) = watch::channel(Phase::Running);
        let (guards, seen) = (Arc::new(Guards::default()), Arc::new(AtomicU8::new(0)));
        let signal = Self { phase: sender, seen: Arc::clone(&seen), guards: Arc::clone(&guards) };
        (signal, Watch { phase, seen, guards })
    }

    /// Moves on to `phase`; a phase already passed stays passed.
    pub fn advance(&self, phase: Phase) {
        // Before the news goes out: who is woken by it must see it.
        self.seen.fetch_max(phase as u8, Ordering::AcqRel);
        self.phase.send_if_modified(|now| {
            let further = phase > *now;
            if further {
                *now = phase;
            }
            further
        });
    }

    /// How many guards are held.
    pub fn held(&self) -> usize {
        self.guards.held.load(Ordering::Acquire)
    }

    /// Waits until no guard is held.
    pub async fn released(&self) {
        loop {
            let released = self.guards.released.notified();
            if self.held() == 0 {
                return;
            }
            released.await;
        }
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        self.advance(Phase::Cutting);
    }
}

impl Watch {
    /// The phase now. Takes no lock: it may be asked on every wake-up of a socket.
    pub fn phase(&self) -> Phase {
        match self.seen.load(Ordering::Acquire) {
            0 => Phase::Running,
            1 => Phase::Draining,
            _ => Phase::Cutting,
        }
    }

    /// Waits until the phase is `phase` or a later one.
    pub async fn reached(&mut self, phase: Phase) {
        // An error means that the signal is gone, and its drop cuts: reached as well.
        let _ = self.phase.wait_for(|now| *now >= phase).await;
    }

    /// Makes the drain wait until the guard is dropped.
    pub fn guard(&self) -> Guard {
        self.guards.held.fetch_add(1, Ordering::AcqRel);
        Guard(Arc::clone(&self.guards))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.0.held.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.released.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_drain_waits_for_every_guard_and_never_goes_back() {
        let (signal, mut watch) = Signal::new();
        let guard = watch.guard();
        signal.advance(Phase::Cutting);
        signal.advance(Phase::Draining);
        assert_eq!(watch.phase(), Phase::Cutting);
        watch.reached(Phase::Draining).await;
        assert_eq!(signal.held(), 1);
        let (_, ()) = tokio::join!(async { drop(guard) }, signal.released());
        assert_eq!(signal.held(), 0);
    }

    #[tokio::test]
    async fn a_dropped_signal_cuts() {
        let (signal, mut watch) = Signal::new();
        drop(signal);
        watch.reached(Phase::Cutting).await;
        assert_eq!(watch.phase(), Phase::Cutting);
    }
}

//! The task that keeps the certificates of the sites that have theirs from an ACME server. Knows when to begin and
//! when to stop, not how.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::gateway::{Shared, spawn};
use crate::acme::{Plan, Surroundings, keep};
use crate::drain::{Phase, Watch};

/// Orders certificates for as long as it lives and nothing drains.
pub(super) struct Issuing {
    drain: Watch,
    around: Surroundings,
    running: Option<(Plan, AbortHandle)>,
}

impl Issuing {
    /// Nothing is ordered yet.
    pub(super) fn new(shared: &Shared, drain: Watch) -> Self {
        let around = Surroundings {
            challenges: Arc::clone(&shared.challenges),
            books: Arc::clone(&shared.books),
            renewed: Arc::default(),
            again: Arc::default(),
        };
        Self { drain, around, running: None }
    }

    /// Orders what `plan` says from now on. Where it is what is ordered already, that goes on, and what failed is tried
    /// again.
    pub(super) fn follow(&mut self, plan: Option<Plan>) {
        if let (Some((running, _)), Some(plan)) = (&self.running, &plan)
            && running.is_like(plan)
        {
            self.around.again.notify_one();
            return;
        }
        self.stop();
        let Some(plan) = plan else {
            self.around.books.issuances.retain(|_| false);
            return;
        };
        let (mut drain, keeping) = (self.drain.clone(), keep(plan.clone(), self.around.clone()));
        let task = spawn(async move {
            tokio::select! {
                () = keeping => {}
                () = drain.reached(Phase::Draining) => {}
            }
        });
        self.running = Some((plan, task));
    }

    /// Orders nothing more; another process may.
    pub(super) fn stop(&mut self) {
        if let Some((_, task)) = self.running.take() {
            task.abort();
        }
    }

    /// Rings when a certificate is new on disk.
    pub(super) fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.around.renewed)
    }
}

impl Drop for Issuing {
    fn drop(&mut self) {
        self.stop();
    }
}

//! The tasks that look after pools: one for each that has names to look up or servers to check.

use std::sync::{Arc, Weak};

use super::gateway::spawn;
use crate::drain::{Phase, Watch};
use crate::upstream::{Pool, Pools};

/// Looks after pools, each until nobody has it any more, or until the gateway is cut: while it drains
/// there are still requests that need a server, and after a reload older connections that have their
/// pool.
pub(super) struct Upkeep {
    drain: Watch,
    /// Those of the running snapshot that are looked after.
    tended: Vec<Weak<Pool>>,
}

impl Upkeep {
    /// Looks after none.
    pub(super) fn new(drain: Watch) -> Self {
        Self { drain, tended: Vec::new() }
    }

    /// `pools` are those of the running snapshot from here on. A pool that stays has its names looked up
    /// now: it is what somebody who reloads would expect.
    pub(super) fn follow(&mut self, pools: &Pools) {
        let before = std::mem::take(&mut self.tended);
        for pool in pools.all().iter().filter(|it| it.needs_upkeep()) {
            if before.iter().any(|it| std::ptr::eq(it.as_ptr(), Arc::as_ptr(pool))) {
                pool.look_up_soon();
            } else {
                self.begin(pool);
            }
            self.tended.push(Arc::downgrade(pool));
        }
    }

    fn begin(&self, pool: &Pool) {
        let (upkeep, mut drain) = (pool.upkeep(), self.drain.clone());
        spawn(async move {
            tokio::select! {
                () = upkeep => {}
                () = drain.reached(Phase::Cutting) => {}
            }
        });
    }
}

//! The tasks that look after the pools of the running snapshot: one for each pool that has names to
//! look up or servers to check.

use std::sync::Arc;

use tokio::task::AbortHandle;

use super::gateway::spawn;
use crate::drain::{Phase, Watch};
use crate::upstream::{Pool, Pools};

/// Looks after the pools of one snapshot until it is dropped, or until the gateway is cut: while it
/// drains there are still requests that need a server.
pub(super) struct Upkeep {
    pub(super) drain: Watch,
    tasks: Vec<AbortHandle>,
}

impl Upkeep {
    /// Begins to look after `pools`.
    pub(super) fn of(pools: &Pools, drain: Watch) -> Self {
        let needy = pools.all().iter().filter(|it| it.needs_upkeep());
        let task = |pool: &Arc<Pool>| {
            let (pool, mut drain) = (Arc::clone(pool), drain.clone());
            spawn(async move {
                tokio::select! {
                    () = pool.upkeep() => {}
                    () = drain.reached(Phase::Cutting) => {}
                }
            })
        };
        let tasks = needy.map(task).collect();
        Self { drain, tasks }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

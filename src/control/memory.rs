//! The memory budget: what the process takes is looked at now and then, and while it is too much,
//! nobody new is let in and the sockets that hold most for a side that takes nothing are cut.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, interval};

use super::gateway::Shared;
use crate::drain::{Phase, Watch};
use crate::life::{Cause, Refusal};
use crate::observe::live::{Farewell, Live, Order};
use crate::observe::sockets::Sockets;

/// How often the memory is looked at.
const LOOKS: Duration = Duration::from_millis(250);

/// What was freed is often kept by the allocator for others. So more sockets are cut only when the
/// memory grows all the same, or when it is still too much after this long.
const SETTLES: Duration = Duration::from_secs(5);

/// What a slow socket holds besides the bytes that are known to wait: about what TLS has buffered.
const BESIDES: u64 = 64 * 1024;

/// Most sockets that one look cuts.
const CUT_MOST: usize = 256;

/// Keeps the process within `gateway.memory`, until the gateway is cut.
pub(super) async fn watch(shared: Arc<Shared>, mut drain: Watch) {
    let Some(page) = u64::try_from(rustix::param::page_size()).ok() else { return };
    let mut every = interval(LOOKS);
    let mut last: Option<LastCut> = None;
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = drain.reached(Phase::Cutting) => return,
        }
        let memory = &shared.books.metrics.memory;
        let Some(budget) = shared.snapshot.load().gateway.memory else {
            memory.note(0, false);
            continue;
        };
        let Some(resident) = resident_pages().map(|it| it * page) else {
            tracing::error!("/proc/self/statm cannot be read: gateway.memory has no effect");
            memory.note(0, false);
            return;
        };
        let (was_short, short) = (memory.is_short(), resident > budget);
        memory.note(resident, short);
        if was_short != short {
            tell(resident, budget);
        }
        if !short {
            last = None;
        } else if last.as_ref().is_none_or(|it| it.is_over(resident)) {
            last = Some(LastCut { resident, at: Instant::now() });
            cut_slowest(&shared.books.sockets, resident - budget);
        }
    }
}

/// The sockets that were cut last, and what memory was like then.
struct LastCut {
    resident: u64,
    at: Instant,
}

impl LastCut {
    fn is_over(&self, resident: u64) -> bool {
        resident > self.resident || self.at.elapsed() >= SETTLES
    }
}

fn tell(resident: u64, budget: u64) {
    match resident > budget {
        true => tracing::warn!(resident, budget, "memory is short: nobody new, slow sockets go"),
        false => tracing::info!(resident, budget, "memory is within its budget again"),
    }
}

/// Cuts those that hold most, and of equals those that have been blocked longest, until what they
/// hold comes to `excess`.
fn cut_slowest(sockets: &Sockets, excess: u64) {
    let now = Instant::now();
    let (slow, _) = sockets.list(|it| it.held(now).is_some(), usize::MAX);
    let farewell = Farewell {
        cause: Cause::Refusal(Refusal::Memory),
        code: crate::ws::close::INTERNAL_ERROR,
        reason: "memory is short".into(),
    };
    let chosen = slowest(&slow, excess, now);
    for live in &chosen {
        live.order(Order { farewell: farewell.clone(), at: now });
    }
    if !chosen.is_empty() {
        tracing::warn!(sockets = chosen.len(), of = slow.len(), "slow sockets are cut");
    }
}

fn slowest(slow: &[Arc<Live>], excess: u64, now: Instant) -> Vec<Arc<Live>> {
    let mut slow: Vec<_> = slow.iter().filter_map(|it| Some((it.held(now)?, it))).collect();
    slow.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
    let mut freed = 0;
    let enough = slow.iter().take_while(|((bytes, _), _)| {
        let before = freed;
        freed += bytes + BESIDES;
        before < excess
    });
    enough.take(CUT_MOST).map(|(_, live)| Arc::clone(live)).collect()
}

/// The second number of /proc/self/statm (proc(5)).
fn resident_pages() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::line::Line;

    #[test]
    fn this_process_is_resident() {
        assert!(resident_pages().is_some_and(|it| it > 100));
    }

    #[test]
    fn those_that_hold_most_go_first_and_no_more_than_needed() {
        let sockets = Arc::new(Sockets::default());
        let lane = sockets.lane("a.test", "/", "game");
        let now = Instant::now();
        // Bytes that wait, and for how many milliseconds already.
        let held = [(0, 9000), (60_000, 10), (60_000, 500), (1000, 10)];
        let entered: Vec<_> = (0..5_u64)
            .map(|id| {
                let line = Line { id: format!("{id:016x}"), ..Line::default() };
                sockets.enter(&line, Arc::clone(&lane))
            })
            .collect();
        let later = now + Duration::from_secs(10);
        for (it, (bytes, millis)) in entered.iter().zip(held) {
            it.live().hold(bytes, Some(later - Duration::from_millis(millis)));
        }
        let (slow, _) = sockets.list(|it| it.held(later).is_some(), usize::MAX);
        assert_eq!(slow.len(), 4, "one is not blocked at all");
        let ids =
            |excess| -> Vec<u64> { slowest(&slow, excess, later).iter().map(|it| it.id).collect() };
        assert_eq!(ids(1), [2]);
        assert_eq!(ids(130_000), [2, 1]);
        assert_eq!(ids(u64::MAX), [2, 1, 3, 0]);
        let settled = LastCut { resident: 100, at: Instant::now() };
        assert!(settled.is_over(101) && !settled.is_over(100));
    }
}

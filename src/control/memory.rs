//! The memory budget: what the process takes is looked at now and then, and while it is too much,
//! nobody new is let in and the sockets that hold most for a side that takes nothing are cut. How much
//! of it the allocator only keeps is known to `kept`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, interval};

use super::gateway::Shared;
use super::kept::Kept;
use crate::drain::{Phase, Watch};
use crate::life::{Cause, Refusal};
use crate::observe::live::{Farewell, Live, Order};
use crate::observe::sockets::Sockets;

/// How often the memory is looked at.
const LOOKS: Duration = Duration::from_millis(250);

/// Sockets that were cut take a moment to go. So more are cut only when what is used grows all the
/// same, or when it is still too much after this long.
const SETTLES: Duration = Duration::from_secs(5);

/// What a slow socket holds besides the bytes that are known to wait: about what TLS has buffered.
const BESIDES: u64 = 64 * 1024;

/// Most sockets that one look cuts.
const CUT_MOST: usize = 256;

/// Keeps the process within `gateway.memory`, until the gateway is cut.
///
/// Memory is short when more than the budget is in use. What was freed often stays resident, because
/// the allocator keeps it for whoever comes next: that is no shortage, or one crowd would shut
/// everybody out for good.
pub(super) async fn watch(shared: Arc<Shared>, mut drain: Watch) {
    let Some(page) = u64::try_from(rustix::param::page_size()).ok() else { return };
    let mut every = interval(LOOKS);
    let mut last: Option<LastCut> = None;
    let mut kept = Kept::default();
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = drain.reached(Phase::Cutting) => return,
        }
        let memory = &shared.books.metrics.memory;
        let Some(budget) = shared.snapshot.load().gateway.memory else {
            memory.note(false);
            continue;
        };
        let Some(resident) = resident_pages().map(|it| it * page) else {
            tracing::error!("/proc/self/statm cannot be read: gateway.memory has no effect");
            memory.note(false);
            return;
        };
        let kept = if resident > budget { kept.bytes() } else { 0 };
        let taken = Taken { resident, kept };
        let (was_short, short) = (memory.is_short(), taken.used() > budget);
        memory.note(short);
        if was_short != short {
            taken.tell(budget);
        }
        if !short {
            last = None;
        } else if last.as_ref().is_none_or(|it| it.is_over(taken.used())) {
            last = Some(LastCut { used: taken.used(), at: Instant::now() });
            cut_slowest(&shared.books.sockets, taken.used() - budget);
        }
    }
}

/// What the process takes, in bytes.
#[derive(Clone, Copy)]
struct Taken {
    resident: u64,
    /// How much of that nobody uses.
    kept: u64,
}

impl Taken {
    fn used(self) -> u64 {
        self.resident.saturating_sub(self.kept)
    }

    fn tell(self, budget: u64) {
        let Self { resident, kept } = self;
        match self.used() > budget {
            true => {
                tracing::warn!(
                    resident,
                    kept,
                    budget,
                    "memory is short: nobody new, slow sockets go"
                );
            }
            false => {
                tracing::info!(resident, kept, budget, "memory is within its budget again");
            }
        }
    }
}

/// The sockets that were cut last, and what memory was like then.
struct LastCut {
    used: u64,
    at: Instant,
}

impl LastCut {
    fn is_over(&self, used: u64) -> bool {
        used > self.used || self.at.elapsed() >= SETTLES
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
    fn what_the_allocator_keeps_is_not_used() {
        assert_eq!(Taken { resident: 100, kept: 30 }.used(), 70);
        // Looked at one after the other: between the looks pages may have gone back.
        assert_eq!(Taken { resident: 100, kept: 130 }.used(), 0);
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
        let settled = LastCut { used: 100, at: Instant::now() };
        assert!(settled.is_over(101) && !settled.is_over(100));
    }
}

//! The register of live sockets: who is alive, what all of them together have carried, and orders
//! to some of them. What has ended stays in the sums. Knows nothing of tunnels.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::histogram::Sizes;
use super::lane::Lane;
use super::line::{Flow, Line};
use super::live::{Farewell, Live, Order};

/// Locks over which the sockets are spread; each is held for one look-up.
const SHARDS: usize = 64;

/// Lanes that are remembered after a reload has removed their route.
const LANES_KEPT: usize = 1024;

/// Every live socket.
#[derive(Debug)]
pub struct Sockets {
    shards: Vec<Mutex<Shard>>,
    lanes: Mutex<Lanes>,
}

/// What is in the register; dropping it takes the socket out.
#[derive(Debug)]
pub struct Entered {
    live: Arc<Live>,
    register: Arc<Sockets>,
}

/// Which sockets are meant; what is `None` is no condition.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The one with this id.
    pub id: Option<u64>,
    /// Those of one site, by its first domain.
    pub site: Option<String>,
    /// Those of one route, by its path.
    pub route: Option<String>,
    /// Those of one backend.
    pub backend: Option<String>,
    /// Those whose client's address begins with this.
    pub client: Option<String>,
}

/// What the sockets of a lane have come to, those that have ended included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Alive.
    pub live: u64,
    /// Ever opened.
    pub opened: u64,
    /// From clients.
    pub up: Flow,
    /// From backends.
    pub down: Flow,
    /// How long messages from clients were, and those from backends.
    pub sizes: [Sizes; 2],
}

#[derive(Debug, Default)]
struct Shard {
    live: HashMap<u64, Arc<Live>>,
    /// By the lane's number. Here, and not in the lane: a socket moves from one to the other under
    /// the shard's lock, so that no sum ever misses it or has it twice.
    ended: HashMap<u32, Totals>,
}

#[derive(Debug, Default)]
struct Lanes {
    all: Vec<Arc<Lane>>,
    next: u32,
}

impl Default for Sockets {
    fn default() -> Self {
        Self {
            shards: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
            lanes: Mutex::default(),
        }
    }
}

impl Sockets {
    /// The lane of a route; the same one for every configuration that has it.
    pub fn lane(&self, site: &str, route: &str, backend: &str) -> Arc<Lane> {
        let mut lanes = lock(&self.lanes);
        if let Some(lane) = lanes.all.iter().find(|it| it.is(site, route, backend)) {
            return Arc::clone(lane);
        }
        if lanes.all.len() >= LANES_KEPT {
            self.forget_unused(&mut lanes);
        }
        let lane = Arc::new(Lane::new(lanes.next, site, route, backend));
        lanes.next = lanes.next.wrapping_add(1);
        lanes.all.push(Arc::clone(&lane));
        lane
    }

    /// Takes a socket in: its access line as it is so far says who it is.
    pub fn enter(self: &Arc<Self>, line: &Line, lane: Arc<Lane>) -> Entered {
        // The id is 16 hexadecimal digits; a line without one gets a number of its own.
        let id = u64::from_str_radix(&line.id, 16).unwrap_or_else(|_| rand::random());
        let live = Arc::new(Live::new(id, line, lane));
        self.shard(id).live.insert(id, Arc::clone(&live));
        Entered { live, register: Arc::clone(self) }
    }

    /// The live socket with this id.
    pub fn find(&self, id: u64) -> Option<Arc<Live>> {
        self.shard(id).live.get(&id).cloned()
    }

    /// The live sockets that `chosen` picks, at most `most`, in no order; and how many it picked.
    pub fn list(&self, chosen: impl Fn(&Live) -> bool, most: usize) -> (Vec<Arc<Live>>, usize) {
        let (mut found, mut count) = (Vec::new(), 0);
        for shard in &self.shards {
            for live in lock(shard).live.values().filter(|it| chosen(it)) {
                count += 1;
                if found.len() < most {
                    found.push(Arc::clone(live));
                }
            }
        }
        (found, count)
    }

    /// Orders every live socket that `chosen` picks to close, each at a moment of its own within
    /// `spread`; returns how many there are. Sockets that come later are not meant.
    ///
    /// This is how an operator drains a backend, and how a reload lets the sockets of a route go
    /// that it removed:
    ///
    /// ```
    /// # use {std::{sync::Arc, time::Duration}, wsgate::life::Cause};
    /// # use wsgate::observe::{live::Farewell, sockets::Sockets};
    /// # let (sockets, spread) = (Arc::new(Sockets::default()), Duration::from_secs(10));
    /// # let stays = |site: &str, route: &str| false;
    /// let farewell = Farewell { cause: Cause::Drained, code: 1012, reason: "moved".into() };
    /// sockets.order(|it| !stays(&it.lane.site, &it.lane.route), &farewell, spread);
    /// ```
    pub fn order(
        &self,
        chosen: impl Fn(&Live) -> bool,
        farewell: &Farewell,
        spread: Duration,
    ) -> usize {
        let (meant, count) = self.list(chosen, usize::MAX);
        let now = Instant::now();
        for live in meant {
            let share: f64 = rand::random();
            live.order(Order { farewell: farewell.clone(), at: now + spread.mul_f64(share) });
        }
        count
    }

    /// Wakes every live socket: the drain has moved on.
    pub fn wake(&self) {
        for shard in &self.shards {
            for live in lock(shard).live.values() {
                live.wake();
            }
        }
    }

    /// What every lane has come to, in the order in which they were first seen.
    pub fn totals(&self) -> Vec<(Arc<Lane>, Totals)> {
        let lanes = lock(&self.lanes).all.clone();
        let mut sums: HashMap<u32, Totals> = HashMap::new();
        for shard in &self.shards {
            let shard = lock(shard);
            for (number, ended) in &shard.ended {
                sums.entry(*number).or_default().add(ended);
            }
            for live in shard.live.values() {
                sums.entry(live.lane.number).or_default().add(&Totals::of(live, 1));
            }
        }
        let of = |lane: &Arc<Lane>| sums.get(&lane.number).copied().unwrap_or_default();
        lanes.iter().map(|lane| (Arc::clone(lane), of(lane))).collect()
    }

    fn leave(&self, live: &Arc<Live>) {
        let mut shard = self.shard(live.id);
        if shard.live.get(&live.id).is_some_and(|it| Arc::ptr_eq(it, live)) {
            shard.live.remove(&live.id);
        }
        shard.ended.entry(live.lane.number).or_default().add(&Totals::of(live, 0));
    }

    /// Forgets lanes that no route and no socket uses any more, with their sums.
    fn forget_unused(&self, lanes: &mut Lanes) {
        let (used, unused) =
            lanes.all.drain(..).partition(|it: &Arc<Lane>| Arc::strong_count(it) > 1);
        lanes.all = used;
        for shard in &self.shards {
            let mut shard = lock(shard);
            unused.iter().for_each(|lane: &Arc<Lane>| {
                shard.ended.remove(&lane.number);
            });
        }
    }

    fn shard(&self, id: u64) -> MutexGuard<'_, Shard> {
        lock(&self.shards[(id % SHARDS as u64) as usize])
    }
}

impl Entered {
    /// The socket.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.register.leave(&self.live);
    }
}

impl Filter {
    /// Whether `live` is among those that are meant.
    pub fn has(&self, live: &Live) -> bool {
        let same = |wanted: &Option<String>, it: &str| wanted.as_ref().is_none_or(|is| is == it);
        self.id.is_none_or(|id| id == live.id)
            && same(&self.site, &live.lane.site)
            && same(&self.route, &live.lane.route)
            && same(&self.backend, &live.lane.backend)
            && self.client.as_ref().is_none_or(|it| live.client.starts_with(it.as_str()))
    }
}

impl Totals {
    fn of(live: &Live, alive: u64) -> Self {
        let sizes = [live.up.sizes.sizes(), live.down.sizes.sizes()];
        Self { live: alive, opened: 1, up: live.up.flow(), down: live.down.flow(), sizes }
    }

    /// Adds another sum to this one.
    pub fn add(&mut self, other: &Self) {
        self.live += other.live;
        self.opened += other.opened;
        self.up.add(&other.up);
        self.down.add(&other.down);
        self.sizes.iter_mut().zip(&other.sizes).for_each(|(to, from)| to.add(from));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

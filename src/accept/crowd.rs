//! How many connections every address has, and how fast it makes new ones. Keeps only the
//! addresses of which there is something to remember; an IPv6 client is its /64.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::config::model::{Gateway, Rate};
use crate::config::networks::household;
use crate::life::{Bucket, Pace, Refusal};

/// Each is a lock of its own.
const SHARDS: usize = 16;

/// Most addresses of a shard that have no connection and are remembered only for their rate.
const IDLE_MOST: usize = 4096;

/// Least that a bucket for new connections holds: a page of a browser opens six.
const BURST_LEAST: f64 = 10.0;

/// What every address is allowed; `None` is off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    most: Option<usize>,
    pace: Option<Pace>,
}

/// The addresses that are here, or were a moment ago.
#[derive(Debug, Default)]
pub struct Crowd {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Shard {
    visitors: HashMap<IpAddr, Visitor>,
    /// How many of them have no connection.
    idle: usize,
}

#[derive(Debug)]
struct Visitor {
    live: usize,
    bucket: Bucket,
}

/// One connection of an address, until it is dropped.
#[derive(Debug)]
pub struct Place {
    crowd: Arc<Crowd>,
    of: IpAddr,
    pace: Option<Pace>,
}

impl Allowance {
    /// What `[gateway]` says.
    pub fn of(gateway: &Gateway) -> Self {
        let pace = |it: Rate| Pace::new(it.per_second(), BURST_LEAST);
        Self { most: gateway.max_connections_per_ip, pace: gateway.handshakes_per_ip.map(pace) }
    }
}

impl Crowd {
    /// Lets one more connection of `address` in; `None` when nothing is counted. A unix socket has
    /// no address.
    ///
    /// # Errors
    /// The [`Refusal`] that says which allowance is used up; nothing was counted then.
    pub fn enter(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        allowance: &Allowance,
        now: Instant,
    ) -> Result<Option<Place>, Refusal> {
        let Allowance { most, pace } = *allowance;
        let Some(of) = address.map(household).filter(|_| most.is_some() || pace.is_some()) else {
            return Ok(None);
        };
        let mut shard = self.shard(of);
        let full = Bucket::full(&pace.unwrap_or(Pace::new(0.0, 0.0)), now);
        let known = shard.visitors.get(&of).map(|it| (it.live, it.bucket));
        let (live, mut bucket) = known.unwrap_or((0, full));
        if most.is_some_and(|most| live >= most) {
            return Err(Refusal::ConnectionsPerIp);
        }
        if let Some(pace) = &pace {
            if bucket.fill(pace, now) < 1.0 {
                return Err(Refusal::HandshakesPerIp);
            }
            bucket.take(1.0);
        }
        if known.is_some() && live == 0 {
            shard.idle -= 1;
        }
        shard.visitors.insert(of, Visitor { live: live + 1, bucket });
        Ok(Some(Place { crowd: Arc::clone(self), of, pace }))
    }

    /// How many addresses are remembered.
    pub fn remembered(&self) -> usize {
        self.shards.iter().map(|it| lock(it).visitors.len()).sum()
    }

    fn shard(&self, of: IpAddr) -> MutexGuard<'_, Shard> {
        let place = self.hasher.hash_one(of) as usize % SHARDS;
        lock(&self.shards[place])
    }

    fn leave(&self, of: IpAddr, pace: Option<&Pace>, now: Instant) {
        let mut shard = self.shard(of);
        let Some(visitor) = shard.visitors.get_mut(&of) else { return };
        visitor.live -= 1;
        if visitor.live > 0 {
            return;
        }
        if pace.is_none_or(|pace| visitor.bucket.is_full(pace, now)) {
            shard.visitors.remove(&of);
            return;
        }
        shard.idle += 1;
        if shard.idle > IDLE_MOST {
            shard.forget(pace, now);
        }
    }
}

impl Shard {
    /// Forgets whoever has been slow again for long enough; when too many are left, all of them.
    fn forget(&mut self, pace: Option<&Pace>, now: Instant) {
        let is_full = |it: &Visitor| pace.is_none_or(|pace| it.bucket.is_full(pace, now));
        self.visitors.retain(|_, it| it.live > 0 || !is_full(it));
        self.idle = self.visitors.values().filter(|it| it.live == 0).count();
        if self.idle > IDLE_MOST / 2 {
            self.visitors.retain(|_, it| it.live > 0);
            self.idle = 0;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.leave(self.of, self.pace.as_ref(), Instant::now());
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::time::Duration;

    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    fn entered(
        crowd: &Arc<Crowd>,
        address: &str,
        allowance: &Allowance,
        now: Instant,
    ) -> Result<Option<Place>, Refusal> {
        crowd.enter(ip(address), allowance, now)
    }

    #[test]
    fn an_address_has_so_many_connections_and_an_ipv6_one_shares_them_with_its_64() {
        let (crowd, now) = (Arc::new(Crowd::default()), Instant::now());
        let two = Allowance { most: Some(2), pace: None };
        let first = entered(&crowd, "2001:db8:1:2::1", &two, now).expect("the first");
        let second = entered(&crowd, "2001:db8:1:2:9::", &two, now).expect("the second");
        let third = entered(&crowd, "2001:db8:1:2::3", &two, now);
        assert_eq!(third.expect_err("one too many"), Refusal::ConnectionsPerIp);
        let other = entered(&crowd, "2001:db8:1:3::1", &two, now).expect("another network");
        drop(first);
        let again = entered(&crowd, "2001:db8:1:2::3", &two, now).expect("there is room again");
        assert_eq!(crowd.remembered(), 2);
        drop((second, other, again));
        assert_eq!(crowd.remembered(), 0, "nothing is kept of whoever has left");
    }

    #[test]
    fn new_connections_have_a_rate_that_a_refused_one_does_not_use_up() {
        let (crowd, now) = (Arc::new(Crowd::default()), Instant::now());
        let pace = Some(Pace::new(20.0, BURST_LEAST));
        let allowance = Allowance { most: None, pace };
        for _ in 0..20 {
            drop(entered(&crowd, "203.0.113.7", &allowance, now).expect("a second's worth"));
        }
        for _ in 0..5 {
            let refused = entered(&crowd, "203.0.113.7", &allowance, now);
            assert_eq!(refused.expect_err("too fast"), Refusal::HandshakesPerIp);
        }
        drop(entered(&crowd, "203.0.113.8", &allowance, now).expect("somebody else"));
        let later = now + Duration::from_millis(60);
        drop(entered(&crowd, "203.0.113.7", &allowance, later).expect("one more"));
        assert!(entered(&crowd, "203.0.113.7", &allowance, later).is_err());
    }

    #[test]
    fn those_remembered_for_their_rate_are_bounded_in_number() {
        let (crowd, now) = (Arc::new(Crowd::default()), Instant::now());
        let allowance = Allowance { most: None, pace: Some(Pace::new(0.001, BURST_LEAST)) };
        let most = IDLE_MOST * SHARDS;
        for at in 0..most as u32 * 2 {
            let address = Some(IpAddr::V4(Ipv4Addr::from_bits(at)));
            drop(crowd.enter(address, &allowance, now).expect("its first"));
        }
        assert!(crowd.remembered() <= most, "{}", crowd.remembered());
    }

    #[test]
    fn nothing_is_kept_while_both_are_off_or_where_there_is_no_address() {
        let (crowd, now) = (Arc::new(Crowd::default()), Instant::now());
        let off = Allowance::default();
        let here = crowd.enter(Some(Ipv6Addr::LOCALHOST.into()), &off, now).expect("anybody");
        assert!(here.is_none());
        let one = Allowance { most: Some(1), pace: None };
        let unix = [crowd.enter(None, &one, now), crowd.enter(None, &one, now)];
        assert!(unix.iter().all(|it| matches!(it, Ok(None))));
        assert_eq!(crowd.remembered(), 0);
    }
}

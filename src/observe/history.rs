//! The last ten minutes, in points of a few seconds: how many sockets there were, and how much they
//! carried. Bounded; what was before is forgotten.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::sockets::{Sockets, Totals};

/// The time from one point to the next.
pub const EVERY: Duration = Duration::from_secs(5);

/// How many points are kept.
pub const POINTS: usize = 120;

/// Samples of what all lanes have come to.
#[derive(Debug, Default)]
pub struct History(Mutex<VecDeque<Sample>>);

/// What was carried between two samples, and how many sockets there were at the later one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Live sockets.
    pub sockets: u64,
    /// Messages from clients, a second.
    pub up_messages: f64,
    /// Messages from backends, a second.
    pub down_messages: f64,
    /// Bytes from clients, a second.
    pub up_bytes: f64,
    /// Bytes from backends, a second.
    pub down_bytes: f64,
}

/// The history as it is shown, the oldest point first.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// When each point was taken.
    pub times: Vec<SystemTime>,
    /// All lanes together.
    pub all: Vec<Point>,
    /// Each lane that was asked for, in that order; `None` before it was first used.
    pub lanes: Vec<Vec<Option<Point>>>,
}

#[derive(Debug)]
struct Sample {
    time: SystemTime,
    at: Instant,
    /// By the lane's number.
    lanes: HashMap<u32, Sum>,
}

/// The part of a lane's totals that has a history.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    live: u64,
    up: [u64; 2],
    down: [u64; 2],
}

impl History {
    /// Adds what `sockets` have come to now; to be called every [`EVERY`].
    pub fn sample(&self, sockets: &Sockets, time: SystemTime, at: Instant) {
        let used = sockets.totals().into_iter().filter(|(_, totals)| totals.opened > 0);
        let lanes = used.map(|(lane, totals)| (lane.number, Sum::of(&totals))).collect();
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() > POINTS {
            samples.pop_front();
        }
        samples.push_back(Sample { time, at, lanes });
    }

    /// All lanes together, and each of `lanes` by its number.
    pub fn course(&self, lanes: &[u32]) -> Course {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut course = Course { lanes: vec![Vec::new(); lanes.len()], ..Course::default() };
        for (before, now) in samples.iter().zip(samples.iter().skip(1)) {
            let seconds = now.at.saturating_duration_since(before.at).as_secs_f64().max(0.001);
            let point = |lane: &u32| {
                let sum = now.lanes.get(lane)?;
                let before = before.lanes.get(lane).copied().unwrap_or_default();
                Some(Point::between(&before, sum, seconds))
            };
            let mut all = Point::default();
            now.lanes.keys().filter_map(&point).for_each(|it| all.add(&it));
            course.times.push(now.time);
            course.all.push(all);
            for (line, lane) in course.lanes.iter_mut().zip(lanes) {
                line.push(point(lane));
            }
        }
        course
    }
}

impl Sum {
    fn of(totals: &Totals) -> Self {
        Self {
            live: totals.live,
            up: [totals.up.messages, totals.up.bytes],
            down: [totals.down.messages, totals.down.bytes],
        }
    }
}

impl Point {
    fn between(before: &Sum, now: &Sum, seconds: f64) -> Self {
        let rate = |before: u64, now: u64| now.saturating_sub(before) as f64 / seconds;
        Self {
            sockets: now.live,
            up_messages: rate(before.up[0], now.up[0]),
            down_messages: rate(before.down[0], now.down[0]),
            up_bytes: rate(before.up[1], now.up[1]),
            down_bytes: rate(before.down[1], now.down[1]),
        }
    }

    fn add(&mut self, other: &Self) {
        self.sockets += other.sockets;
        self.up_messages += other.up_messages;
        self.down_messages += other.down_messages;
        self.up_bytes += other.up_bytes;
        self.down_bytes += other.down_bytes;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::observe::line::{Flow, Line};

    #[test]
    fn points_are_rates_between_samples_and_only_so_many_are_kept() {
        let sockets = Arc::new(Sockets::default());
        let (first, later) = (sockets.lane("a", "/", "game"), sockets.lane("a", "/late", "game"));
        let history = History::default();
        let (time, at) = (SystemTime::UNIX_EPOCH, Instant::now());
        let socket = sockets.enter(&Line::default(), Arc::clone(&first));
        let mut flow = Flow::default();
        for step in 0..300_u32 {
            flow.messages += 10;
            flow.bytes += 1000;
            socket.live().publish(&socket.live().up, &flow, tokio::time::Instant::now());
            history.sample(&sockets, time + EVERY * step, at + EVERY * step);
        }
        let lines = [first.number, later.number];
        let course = history.course(&lines);
        assert_eq!((course.times.len(), course.all.len()), (POINTS, POINTS));
        assert_eq!(course.times.last(), Some(&(time + EVERY * 299)));
        let steady = Point { sockets: 1, up_messages: 2.0, up_bytes: 200.0, ..Point::default() };
        assert!(course.all.iter().all(|it| *it == steady), "{:?}", course.all);
        assert_eq!(course.lanes[0].last(), Some(&Some(steady)));
        assert!(course.lanes[1].iter().all(Option::is_none), "never used");
    }
}

//! Histograms with fixed bounds: one that everybody adds to, and one of message sizes that only one
//! task writes, for which it costs two additions.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Bounds of waits, in microseconds: connections to backends next door, pings over bad networks.
pub const WAITS: &[u64] = &[
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// Bounds of message sizes, in bytes: powers of four, so that finding one is a matter of bits.
pub const SIZES: &[u64] =
    &[1 << 6, 1 << 8, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22];

/// Counts by size of what was observed.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    counts: Vec<AtomicU64>,
    sum: AtomicU64,
}

/// What a [`Histogram`] has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The upper bounds, inclusive; what is beyond the last has a count of its own.
    pub bounds: &'static [u64],
    /// One for each bound, and one more; not cumulative.
    pub counts: Vec<u64>,
    /// Of everything observed.
    pub sum: u64,
}

/// Message sizes by [`SIZES`]: one task adds to them, anybody reads.
#[derive(Debug, Default)]
pub struct SizeMeter {
    counts: [AtomicU64; PLACES],
    sum: AtomicU64,
}

/// Message sizes by [`SIZES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    counts: [u64; PLACES],
    sum: u64,
}

const PLACES: usize = SIZES.len() + 1;

impl Histogram {
    /// An empty one.
    pub fn new(bounds: &'static [u64]) -> Self {
        let counts = std::iter::repeat_with(AtomicU64::default).take(bounds.len() + 1).collect();
        Self { bounds, counts, sum: AtomicU64::default() }
    }

    /// Adds one observation.
    pub fn observe(&self, value: u64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(value, Relaxed);
    }

    /// Adds a wait, in microseconds.
    pub fn observe_wait(&self, wait: Duration) {
        self.observe(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX));
    }

    /// What it has come to.
    pub fn spread(&self) -> Spread {
        let counts = self.counts.iter().map(|it| it.load(Relaxed)).collect();
        Spread { bounds: self.bounds, counts, sum: self.sum.load(Relaxed) }
    }
}

impl Spread {
    /// How many were observed.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their mean; `None` when there were none.
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum as f64 / count as f64)
    }

    /// The value that a share of all does not exceed, read between the bounds.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = self.count() as f64 * share;
        let (mut below, mut lower) = (0.0, 0.0);
        for (place, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let count = *count as f64;
            if place > 0 {
                lower = self.bounds[place - 1] as f64;
            }
            // Beyond the last bound nobody knows how far.
            let upper = self.bounds.get(place).map_or(lower, |it| *it as f64);
            if below + count >= rank {
                return Some(lower + (upper - lower) * ((rank - below) / count));
            }
            below += count;
        }
        None
    }
}

impl SizeMeter {
    /// Adds a message. Two loads and two stores, none of them locked: this is done for every
    /// message, and by one task only.
    pub fn add(&self, size: u64) {
        // The highest bit, and from it the place among powers of four that begin at 2^6.
        let top = (size.saturating_sub(1) | 63).ilog2();
        let place = ((top - 4) / 2) as usize;
        let count = &self.counts[place.min(SIZES.len())];
        count.store(count.load(Relaxed) + 1, Relaxed);
        self.sum.store(self.sum.load(Relaxed).wrapping_add(size), Relaxed);
    }

    /// What it has come to.
    pub fn sizes(&self) -> Sizes {
        let mut sizes = Sizes { sum: self.sum.load(Relaxed), ..Sizes::default() };
        for (to, from) in sizes.counts.iter_mut().zip(&self.counts) {
            *to = from.load(Relaxed);
        }
        sizes
    }
}

impl Sizes {
    /// Adds those of another.
    pub fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(to, from)| *to += from);
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// The same as a histogram has it.
    pub fn spread(&self) -> Spread {
        Spread { bounds: SIZES, counts: self.counts.to_vec(), sum: self.sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fall_into_the_same_places_as_in_any_histogram() {
        let (one, meter) = (Histogram::new(SIZES), SizeMeter::default());
        let around = SIZES.iter().flat_map(|it| [it - 1, *it, it + 1]);
        for size in around.chain([0, 1, 2, 1 << 30, u64::from(u32::MAX)]) {
            one.observe(size);
            meter.add(size);
            assert_eq!(one.spread(), meter.sizes().spread(), "{size}");
        }
        let mut twice = meter.sizes();
        twice.add(&meter.sizes());
        assert_eq!(twice.spread().count(), 2 * one.spread().count());
    }

    #[test]
    fn quantiles_are_read_between_the_bounds() {
        let waits = Histogram::new(WAITS);
        assert_eq!(waits.spread().quantile(0.5), None);
        (0..90).for_each(|_| waits.observe(700));
        (0..10).for_each(|_| waits.observe_wait(Duration::from_secs(60)));
        let spread = waits.spread();
        assert_eq!((spread.count(), spread.sum), (100, 90 * 700 + 600_000_000));
        let half = spread.quantile(0.5).expect("observed");
        assert!((500.0..=1000.0).contains(&half), "{half}");
        assert_eq!(spread.quantile(0.99), Some(10_000_000.0), "no further than the last bound");
    }
}

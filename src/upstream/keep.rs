//! HTTP connections between two exchanges. Nobody drives them meanwhile: whether one is still
//! good is seen when it is taken.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::{Duration, Instant};

use super::wire::Wire;

/// Connections kept per server; the oldest gives way.
const KEPT_MOST: usize = 64;

/// How long one is kept unused. Backends hang up earlier (Node after 5 s): that is noticed.
const KEPT_LONGEST: Duration = Duration::from_secs(60);

/// The kept connections of one server, oldest first.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Vec<(Instant, Wire)>>);

impl Kept {
    /// Takes the one used last that is still good.
    pub(super) fn take(&self, now: Instant, cx: &mut Context<'_>) -> Option<Wire> {
        loop {
            let (since, mut wire) = self.wires().pop()?;
            if now.duration_since(since) < KEPT_LONGEST && wire.is_ready(cx) {
                return Some(wire);
            }
        }
    }

    /// Keeps `wire`.
    pub(super) fn put(&self, wire: Wire, now: Instant) {
        let mut wires = self.wires();
        if wires.len() == KEPT_MOST {
            wires.remove(0);
        }
        wires.push((now, wire));
    }

    /// Closes those that have been kept too long.
    pub(super) fn sweep(&self, now: Instant) {
        self.wires().retain(|(since, _)| now.duration_since(*since) < KEPT_LONGEST);
    }

    fn wires(&self) -> MutexGuard<'_, Vec<(Instant, Wire)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

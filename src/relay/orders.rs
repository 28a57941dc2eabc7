//! What is ordered from outside: to close, to make room, to leave with the drain.

use std::task::Context;

use tokio::time::Instant;

use super::Running;
use crate::drain::Phase;
use crate::life::{Cause, Refusal};
use crate::observe::live::{Farewell, Order};

impl Running {
    /// Hears of orders from outside, and of the drain.
    pub(super) fn listen(&mut self, cx: &Context<'_>, now: Instant) {
        if !self.registered {
            self.registered = true;
            self.live.register(cx.waker());
        }
        if self.live.called(cx.waker()) {
            match self.live.ordered() {
                None => {}
                // What it holds is needed now.
                Some(order) if order.farewell.cause == Cause::Refusal(Refusal::Memory) => {
                    self.sacrifice(&order.farewell, now);
                }
                Some(order) => self.obey(order, now),
            }
        }
        // Registered first: a phase that is not seen here yet wakes us.
        if !self.draining && self.drain.phase() >= Phase::Draining {
            self.draining = true;
            self.drain_soon();
        }
    }

    fn drain_soon(&mut self) {
        let (share, now): (f64, _) = (rand::random(), Instant::now());
        let (farewell, told_by) = match self.books.departure.get() {
            // Not this socket's own rules, which a reload may have left behind: it is the running
            // ones that say when the drain cuts.
            Some(departure) => (departure.farewell.clone(), departure.told_by),
            // The drain of nobody who keeps books of it.
            None => {
                let drain = &self.rules.gateway.drain;
                (Farewell::drained(drain.close_code, &drain.close_reason), now + drain.spread)
            }
        };
        // One that comes while the others leave has the rest of their time.
        let left = told_by.saturating_duration_since(now);
        self.obey(Order { farewell, at: now + left.mul_f64(share) }, now);
    }

    /// Of several orders the earliest holds.
    fn obey(&mut self, order: Order, now: Instant) {
        if self.order.as_ref().is_none_or(|other| order.at < other.at) {
            self.order = Some(Box::new(order));
            self.rearm(now);
        }
    }
}

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
        let drain = &self.rules.gateway.drain;
        let farewell = Farewell {
            cause: Cause::Drained,
            code: drain.close_code,
            reason: drain.close_reason.as_str().into(),
        };
        self.obey(Order { farewell, at: now + drain.spread.mul_f64(share) }, now);
    }

    /// Of several orders the earliest holds.
    fn obey(&mut self, order: Order, now: Instant) {
        if self.order.as_ref().is_none_or(|other| order.at < other.at) {
            self.order = Some(Box::new(order));
            self.rearm(now);
        }
    }
}

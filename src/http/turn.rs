//! One connection of hyper's driven to its end, beside the clock's alarm and the drain. Knows neither
//! requests nor which HTTP it is.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio::time::{Instant, Sleep, sleep_until};

use super::clock::Clock;
use crate::drain::{Phase, Watch};
use crate::life::Timer;

/// Why hyper's connection was left.
pub(super) enum Stopped {
    /// It came to its end by itself, or to a switch of protocols.
    Ended,
    /// It broke, or the client sent what is not HTTP.
    Failed(hyper::Error),
    /// A wait ran out.
    Elapsed(Timer),
    /// The gateway is being cut.
    Cut,
}

/// Drives one connection: hyper, the clock and the drain, in one place.
pub(super) struct Turn {
    alarm: Pin<Box<Sleep>>,
    pub clock: Clock,
    drain: Watch,
}

impl Turn {
    pub(super) fn new(clock: Clock, drain: Watch) -> Self {
        Self { alarm: Box::pin(sleep_until(Instant::now())), clock, drain }
    }

    /// `let_go` makes the connection end after the request that is under way.
    pub(super) async fn drive<C>(
        &mut self,
        connection: &mut C,
        let_go: impl Fn(Pin<&mut C>),
    ) -> Stopped
    where
        C: Future<Output = hyper::Result<()>> + Unpin,
    {
        let mut awaited = Phase::Draining;
        loop {
            let mut drain = self.drain.clone();
            tokio::select! {
                biased;
                stopped = Self::until(&mut self.alarm, &self.clock, connection) => return stopped,
                () = drain.reached(awaited) => {}
            }
            if awaited == Phase::Cutting {
                return Stopped::Cut;
            }
            let_go(Pin::new(&mut *connection));
            awaited = Phase::Cutting;
        }
    }

    async fn until<C>(alarm: &mut Pin<Box<Sleep>>, clock: &Clock, connection: &mut C) -> Stopped
    where
        C: Future<Output = hyper::Result<()>> + Unpin,
    {
        poll_fn(|cx| {
            // Not `poll_without_shutdown`: that one may leave the end of an answer unwritten. After
            // a 101 hyper leaves the stream open either way.
            match Pin::new(&mut *connection).poll(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Stopped::Ended),
                Poll::Ready(Err(error)) => return Poll::Ready(Stopped::Failed(error)),
                Poll::Pending => {}
            }
            let Some((at, timer)) = clock.deadline() else { return Poll::Pending };
            if alarm.deadline() != at {
                alarm.as_mut().reset(at);
            }
            alarm.as_mut().poll(cx).map(|()| Stopped::Elapsed(timer))
        })
        .await
    }
}

//! How a client takes the answer of one stream: who gives it no window is not waited for for ever. Knows
//! neither frames nor who waits.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use crate::http::clock::STALLED_ANSWER;
use crate::http::recorded::Recorded;
use crate::http::reply::BodyError;

/// An answer that is taken this fast may take as long as it is; in bytes a second.
const SLOWEST: u64 = 1024;

/// For the last bytes of a socket that has ended.
const LAST_BYTES: Duration = Duration::from_secs(5);

/// What is known of one stream; shared by its answer's body and whoever polls that.
#[derive(Clone, Default)]
pub struct Taker(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    wait: Wait,
    /// How long it was waited for the client in all.
    waited: Duration,
    /// Bytes that it was given.
    bytes: u64,
    stalled: bool,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Default)]
enum Wait {
    /// Not for the client.
    #[default]
    None,
    /// For it to take what it was given then.
    Client(Instant),
    /// The socket has ended then.
    Over(Instant),
}

impl Taker {
    /// When it has been waited long enough; `waker` hears when that becomes earlier.
    pub fn due(&self, waker: &Waker) -> Option<Instant> {
        let mut state = self.state();
        if !state.waker.as_ref().is_some_and(|it| it.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        match state.wait {
            Wait::None => None,
            Wait::Over(since) => Some(since + LAST_BYTES),
            Wait::Client(since) => {
                let earned = Duration::from_secs(state.bytes / SLOWEST);
                Some(since + STALLED_ANSWER.saturating_add(earned).saturating_sub(state.waited))
            }
        }
    }

    /// It is waited for no longer.
    pub fn give_up(&self) {
        self.state().stalled = true;
    }

    /// The socket has ended: what it left is still to be taken.
    pub fn over(&self) {
        let mut state = self.state();
        state.wait = Wait::Over(Instant::now());
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// The client has taken what it was given.
    fn asked(&self, now: Instant) {
        let mut state = self.state();
        if let Wait::Client(since) = state.wait {
            state.waited += now.saturating_duration_since(since);
            state.wait = Wait::None;
        }
    }

    pub(super) fn given(&self, bytes: u64, now: Instant) {
        let mut state = self.state();
        state.bytes += bytes;
        state.wait = Wait::Client(now);
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.state().stalled
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer's body that tells what becomes of it. hyper asks for a piece when the client has taken
/// the one before.
pub struct Taken {
    body: Recorded,
    taker: Taker,
}

impl Taken {
    /// The body of the answer that `taker` is about.
    pub fn new(body: Recorded, taker: Taker) -> Self {
        Self { body, taker }
    }
}

impl Body for Taken {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.taker.asked(Instant::now());
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            self.taker.given(bytes as u64, Instant::now());
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.taker.is_stalled() {
            self.body.stalled();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_nothing_has_a_minute_and_what_was_taken_earns_more() {
        let (taker, waker) = (Taker::default(), Waker::noop());
        let (s, begun) = (Duration::from_secs, Instant::now());
        assert_eq!(taker.due(waker), None);
        taker.given(0, begun);
        assert_eq!(taker.due(waker), Some(begun + STALLED_ANSWER));
        taker.asked(begun + s(50));
        assert_eq!(taker.due(waker), None, "now the backend is waited for");
        taker.given(4 * SLOWEST, begun + s(70));
        assert_eq!(taker.due(waker), Some(begun + s(70) + STALLED_ANSWER - s(50) + s(4)));
        taker.over();
        let due = taker.due(waker).expect("it is over");
        assert!(due <= Instant::now() + LAST_BYTES);
    }
}

//! The body of a request on its way to the backend: counted, limited in length, and not waited for
//! for ever. Knows neither the route nor the backend.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::life::{Cause, Refusal, Timer};
use crate::upstream::RequestBody;

/// A body that comes this fast may take as long as it is; in bytes a second. The slowest mobile
/// networks give more.
const SLOWEST: u64 = 1024;

/// What a client uploads: its bytes are counted on their way.
#[derive(Debug, Default)]
pub struct Upload {
    bytes: AtomicU64,
    awaited: AtomicBool,
    overran: AtomicBool,
    dawdled: AtomicBool,
}

/// What was wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadFault {
    /// It is longer than its limit.
    TooLarge,
    /// It comes too slowly.
    TooSlow,
}

impl UploadFault {
    /// The word for it.
    pub fn cause(self) -> Cause {
        match self {
            Self::TooLarge => Cause::Refusal(Refusal::BodyTooLarge),
            Self::TooSlow => Cause::Timer(Timer::RequestBody),
        }
    }
}

type BoxError = Box<dyn Error + Send + Sync>;

impl Upload {
    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether the client is waited for: it has not sent all, and what it sent has gone on.
    pub fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::Relaxed)
    }

    /// What was wrong with it, if anything.
    pub fn fault(&self) -> Option<UploadFault> {
        if self.overran.load(Ordering::Relaxed) {
            Some(UploadFault::TooLarge)
        } else {
            self.dawdled.load(Ordering::Relaxed).then_some(UploadFault::TooSlow)
        }
    }

    /// `body` as it goes on: at most `limit` bytes, and not waited for longer than `grace` and a
    /// second for each [`SLOWEST`] bytes in all.
    pub fn body(self: &Arc<Self>, body: Incoming, limit: u64, grace: Duration) -> RequestBody {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let (body, upload) = (Limited::new(body, limit), Arc::clone(self));
        let waited = Waited { grace, total: Duration::ZERO, since: None };
        Paced { body, upload, waited, alarm: None }.boxed_unsync()
    }
}

/// A body that has to come in time.
struct Paced<B> {
    body: B,
    upload: Arc<Upload>,
    waited: Waited,
    /// Made when the client is first waited for, re-armed when it fires.
    alarm: Option<Pin<Box<Sleep>>>,
}

/// How long a client was waited for. While the backend takes nothing nobody waits for the client.
struct Waited {
    grace: Duration,
    total: Duration,
    since: Option<Instant>,
}

impl Waited {
    /// Until when it is waited for a client that has sent `bytes`, and for which now is the wait.
    fn until(&mut self, bytes: u64, now: Instant) -> Instant {
        let since = *self.since.get_or_insert(now);
        let earned = Duration::from_secs(bytes / SLOWEST);
        since + self.grace.saturating_add(earned).saturating_sub(self.total)
    }

    /// Something came.
    fn over(&mut self) {
        if let Some(since) = self.since.take() {
            self.total += since.elapsed();
        }
    }
}

impl<B> Paced<B> {
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let due = self.waited.until(self.upload.bytes(), Instant::now());
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
        while alarm.as_mut().poll(cx).is_ready() {
            if due <= Instant::now() {
                return true;
            }
            alarm.as_mut().reset(due);
        }
        false
    }
}

impl<B: Body<Data = Bytes, Error = BoxError> + Unpin> Body for Paced<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            let is_late = self.is_late(cx);
            self.upload.awaited.store(!is_late, Ordering::Relaxed);
            if is_late {
                self.upload.dawdled.store(true, Ordering::Relaxed);
                return Poll::Ready(Some(Err("the request body comes too slowly".into())));
            }
            return Poll::Pending;
        };
        self.waited.over();
        self.upload.awaited.store(false, Ordering::Relaxed);
        match &frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.upload.bytes.fetch_add(length as u64, Ordering::Relaxed);
            }
            Some(Err(error)) if error.is::<LengthLimitError>() => {
                self.upload.overran.store(true, Ordering::Relaxed);
            }
            Some(Err(_)) | None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Paced<B> {
    fn drop(&mut self) {
        // A backend may answer, or fail, without taking all of it.
        self.upload.awaited.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_come_earns_time_and_what_was_waited_for_costs_it() {
        let (s, now) = (Duration::from_secs, Instant::now());
        let mut waited = Waited { grace: s(30), total: Duration::ZERO, since: None };
        assert_eq!(waited.until(0, now), now + s(30));
        assert_eq!(waited.until(1, now + s(1)), now + s(30), "a byte a second earns nothing");
        waited.total = s(20);
        waited.since = None;
        assert_eq!(waited.until(5 * SLOWEST, now), now + s(15));
        waited.since = None;
        assert_eq!(waited.until(1 << 40, now), now + s(10 + (1 << 30)));
    }
}

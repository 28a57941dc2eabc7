//! The last stretch of a request: its answer's body on the way to the client, counted, and the
//! record that ends with it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::clock::Clock;
use super::diagnosis;
use super::places::Place;
use super::reply::{BodyError, ReplyBody};
use super::upload::Upload;
use crate::life::{By, Cause, Timer};
use crate::observe::metrics::Present;
use crate::observe::record::Record;

/// An answer's body, with the record that ends when it does.
pub(super) struct Recorded {
    pub body: ReplyBody,
    /// Whose answer it is.
    pub by: By,
    /// Absent when the answer is a 101: its record goes on with the socket.
    pub record: Option<Record>,
    /// What the request's own body came to.
    pub upload: Arc<Upload>,
    /// Told when the answer has been handed over.
    pub clock: Clock,
    /// Counts the request as under way.
    pub _present: Present,
    /// Its place on the route, where it came as far.
    pub _place: Option<Place>,
}

impl Recorded {
    /// The client takes nothing of it, and is waited for no longer.
    pub(super) fn stalled(&mut self) {
        if let Some(record) = &mut self.record {
            record.end_here(By::Client, Cause::Timer(Timer::StalledWriter));
        }
    }
}

impl Body for Recorded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        let (by, this) = (self.by, &mut *self);
        let Some(record) = &mut this.record else { return frame };
        match &frame {
            Poll::Pending => {}
            Poll::Ready(None) => record.end_here(by, Cause::Finished),
            // hyper lets go of a body behind its trailers: nobody asks for more.
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => {
                record.end_here(by, Cause::Finished);
            }
            Poll::Ready(Some(Ok(frame))) => {
                let data = frame.data_ref().map_or(&[][..], |data| data);
                if record.line.down.bytes == 0 {
                    diagnosis::quote(data, record);
                }
                record.line.down.bytes += data.len() as u64;
            }
            Poll::Ready(Some(Err(error))) => {
                record.detail(error);
                let (by, cause) = match (error, this.upload.fault()) {
                    // The backend still answered when the rest of the request was given up.
                    (BodyError::Broken(_), Some(fault)) => (By::Client, fault.cause()),
                    (BodyError::Broken(_), None) => (By::Backend, Cause::Reset),
                    (BodyError::Silent, _) => (By::Backend, Cause::Timer(Timer::Response)),
                    (BodyError::File(fault), _) => (By::Backend, fault.cause()),
                };
                record.end_here(by, cause);
            }
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

impl Drop for Recorded {
    fn drop(&mut self) {
        self.clock.idle();
        let whole = self.body.is_end_stream();
        let (by, uploaded) = (self.by, self.upload.bytes());
        if let Some(record) = &mut self.record {
            record.line.up.bytes = uploaded;
            if whole {
                record.end_here(by, Cause::Finished);
            }
        }
    }
}

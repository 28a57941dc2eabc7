//! What the guard of a client's stream and the desk that answers its requests tell each other.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::ext::on_informational;
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode, Version};

use super::hop_by_hop::strip_hop_by_hop;
use crate::framing::Violation;

/// Why the guard ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// A head with two meanings, or none; no answer is under way.
    #[error("{0}")]
    Head(Violation),
    /// A body whose end can be read in two ways.
    #[error("{0}")]
    Body(Violation),
}

/// What the guard and the desk tell each other.
#[derive(Clone, Debug, Default)]
pub struct Notes(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    stop: Option<Stop>,
    /// Something came behind the request that is being answered.
    more: bool,
    /// Interim answers on their way to the client.
    interims: VecDeque<u8>,
}

impl Notes {
    /// Why the guard ended the connection, if it did.
    pub fn stop(&self) -> Option<Stop> {
        self.shared().stop
    }

    /// Whether something came behind the request that is being answered.
    pub fn more(&self) -> bool {
        self.shared().more
    }

    /// Has the backend's interim answers to `request` told to the client, if it can read them (RFC
    /// 9110 section 15.2).
    pub fn hear_interims<B>(&self, request: &mut Request<B>) {
        if request.version() == Version::HTTP_11 {
            let notes = self.clone();
            on_informational(request, move |it| notes.interim(it.status(), it.headers()));
        }
    }

    /// Ends the connection.
    pub(super) fn stop_for(&self, stop: Stop) {
        self.shared().stop = Some(stop);
    }

    pub(super) fn set_more(&self, more: bool) {
        self.shared().more = more;
    }

    /// Interim answers that are still to be written.
    pub(super) fn interims(&self) -> Vec<u8> {
        self.shared().interims.make_contiguous().to_vec()
    }

    pub(super) fn interims_written(&self, count: usize) {
        self.shared().interims.drain(..count);
    }

    pub(super) fn forget_interims(&self) {
        self.shared().interims.clear();
    }

    /// Puts an interim answer before the final one. Their number and size are bounded where they
    /// are read.
    fn interim(&self, status: StatusCode, headers: &HeaderMap) {
        let mut headers = headers.clone();
        strip_hop_by_hop(&mut headers);
        let mut shared = self.shared();
        let mut put = |bytes: &[u8]| shared.interims.extend(bytes);
        let reason = status.canonical_reason().unwrap_or_default();
        put(format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).as_bytes());
        for (name, value) in &headers {
            put(name.as_str().as_bytes());
            put(b": ");
            put(value.as_bytes());
            put(b"\r\n");
        }
        put(b"\r\n");
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

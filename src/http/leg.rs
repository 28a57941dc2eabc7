//! The way from the client on which a request came. Knows no requests.

use super::reply;
use super::serve::Slot;
use crate::life::Refusal;

/// The protocol in the access line of a request that came over HTTP/2.
const HTTP2: &str = "h2";

/// How a request came.
pub(super) struct Leg {
    /// Where a tunnel is left.
    pub slot: Slot,
    /// Over HTTP/2.
    pub http2: bool,
    /// What was found wrong with it on the way.
    pub refusal: Option<Refusal>,
}

impl Leg {
    /// Over HTTP/1.1.
    pub(super) fn http1(slot: Slot) -> Self {
        Self { slot, http2: false, refusal: None }
    }

    /// What the access line calls it.
    pub(super) fn proto(&self) -> &'static str {
        if self.http2 { HTTP2 } else { "" }
    }

    /// The status of a switch to WebSocket.
    pub(super) fn switched(&self) -> u16 {
        if self.http2 { reply::ACCEPTED } else { reply::SWITCHING }
    }
}

//! Toward the backends: who they are, how they are dialled, and the HTTP connections kept open to
//! them. Knows nothing of routes or clients.

mod connect;
mod keep;
mod pool;
mod wire;

pub use connect::DialError;
pub use pool::{Lease, Pool, Pools};
pub use wire::{Answer, AnswerBody, RequestBody, SendError, Wire};

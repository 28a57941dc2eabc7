//! Listening sockets and the accept loop. Knows nothing of what becomes of a connection.

mod listen;
mod sweep;

pub use listen::{Bound, ListenError, bind};
pub use sweep::{Accepted, accept_on};

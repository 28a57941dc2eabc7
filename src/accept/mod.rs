//! Listening sockets and the accept loop. Knows nothing of what becomes of a connection.

mod inherited;
mod listen;
mod sweep;

pub use inherited::{HANDED_MOST, Inherited, hand_over};
pub use listen::{Bound, ListenError};
pub use sweep::{Accepted, accept_on, accept_rest};

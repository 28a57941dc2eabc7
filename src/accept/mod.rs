//! Listening sockets and the accept loop. Knows nothing of what becomes of a connection.

mod crowd;
mod inherited;
mod listen;
pub mod proxy;
mod sweep;

pub use crowd::{Allowance, Crowd, Place};
pub use inherited::{HANDED_MOST, Inherited, Loan, hand_over};
pub use listen::{Bound, ListenError};
pub use sweep::{Accepted, Arrival, Held, accept_on, accept_rest};

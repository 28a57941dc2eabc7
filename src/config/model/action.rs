//! What a route does with a request that may come.

use super::{Redirect, Reply};

/// What a route does; each kind has a key of its own in the file, and a route has one of them.
#[derive(Clone, Debug)]
pub enum Action {
    /// `backend`: requests go to the pool at this place in [`Config::backends`](super::Config::backends).
    Forward(usize),
    /// `redirect`: clients are sent elsewhere.
    Redirect(Redirect),
    /// `reply`: the answer is always the same.
    Reply(Reply),
}

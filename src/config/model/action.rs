//! What a route does with a request that may come.

use std::path::PathBuf;
use std::time::Duration;

use super::{Located, Redirect, Reply};

/// What a route does; each kind has a key of its own in the file, and a route has one of them.
#[derive(Clone, Debug)]
pub enum Action {
    /// `backend`: requests go to the pool at this place in [`Config::backends`](super::Config::backends).
    Forward(usize),
    /// `root`: the gateway answers with the files of a folder.
    Files(Files),
    /// `redirect`: clients are sent elsewhere.
    Redirect(Redirect),
    /// `reply`: the answer is always the same.
    Reply(Reply),
}

/// A folder whose files are served.
#[derive(Clone, Debug)]
pub struct Files {
    /// The folder; it need not be there yet.
    pub root: Located<PathBuf>,
    /// Names that are looked for in a folder, in this order; none has a slash or begins with a dot.
    pub index: Vec<String>,
    /// The file, as a path below `root`, that stands in for one that isn't there; `None`: 404.
    pub fallback: Option<String>,
    /// For how long an answer may be kept without asking again; `None`: nothing is said of it.
    pub max_age: Option<Duration>,
    /// Whether text is compressed for clients that take it so.
    pub compress: bool,
}

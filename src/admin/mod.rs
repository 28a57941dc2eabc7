//! The admin listener's answers: metrics, health, the status as a page and as JSON, live sockets and
//! orders to them. Reads what other rooms have noted; knows neither listeners nor tasks.

mod answer;
mod ask;
mod course;
mod exposition;
mod front;
mod gather;
mod guard;
mod metrics;
mod orders;
mod page;
mod process;
mod query;
mod serve;
mod sockets;
pub mod status;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::drain::Watch;
use crate::observe::books::Books;
use crate::snapshot::Snapshot;

pub use ask::{AskError, ask};
pub use serve::serve;

/// What the answers are made from.
#[derive(Clone)]
pub struct Office {
    /// Counters, live sockets, the last endings.
    pub books: Arc<Books>,
    /// How far the end has come.
    pub drain: Watch,
    /// The running configuration.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Who may come to the listener.
    pub reach: Reach,
    /// Most connections of clients: of the process, not of the running configuration.
    pub connections: usize,
}

/// Who reaches the listener, which decides about the names it may be called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Whoever may open the socket's file; no browser can.
    File,
    /// This machine.
    Loopback,
    /// Whoever reaches the address.
    Network,
}

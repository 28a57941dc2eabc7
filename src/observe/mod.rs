//! What can be seen from outside: counters, access lines, the log. Knows `life` only: the other
//! rooms fill in what they saw, at their edges.

pub mod access;
pub mod books;
pub mod endings;
pub mod histogram;
pub mod history;
pub mod issuances;
pub mod lane;
pub mod line;
pub mod live;
pub mod logging;
pub mod lossy;
pub mod metrics;
pub mod record;
pub mod redact;
pub mod reloads;
pub mod report;
pub mod sockets;

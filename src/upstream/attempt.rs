//! One attempt to connect to a server, and what it says about the server however it ends: also when nobody
//! waits for it any more.

use std::fmt;
use std::time::{Duration, Instant};

use super::connect::DialError;
use super::server::Server;

/// A connection takes this long at most where all is well: whoever leaves later, leaves because of the server.
const ENOUGH: Duration = Duration::from_secs(1);

/// An attempt under way. Dropped without a word, it was given up by whoever waited for it.
pub(super) struct Attempt<'a> {
    pool: &'a str,
    server: &'a Server,
    begun: Instant,
    settled: bool,
}

impl<'a> Attempt<'a> {
    /// `server` of `pool` is going to be tried.
    pub(super) fn new(pool: &'a str, server: &'a Server) -> Self {
        let begun = Instant::now();
        server.claim(begun);
        Self { pool, server, begun, settled: false }
    }

    /// It has a connection.
    pub(super) fn connected(mut self) {
        self.settled = true;
        self.server.connected(self.pool, self.begun.elapsed());
    }

    /// It has none.
    pub(super) fn failed(mut self, why: &DialError) {
        self.settled = true;
        self.server.failed(self.pool, why, Instant::now());
    }
}

/// A server that swallows packets would never be noticed where clients have less patience than
/// `connect_timeout`: having the fewest sockets, it would be chosen again and again.
impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        if !self.settled && took >= ENOUGH {
            self.server.failed(self.pool, &GivenUp(took), Instant::now());
        }
    }
}

struct GivenUp(Duration);

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no connection within {:.1?}, then nobody waited for it any more", self.0)
    }
}

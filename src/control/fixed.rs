//! What belongs to the process: it holds as it was at the start, whatever later files say. Knows what
//! differs, not what it is used for.

use crate::config::Config;
use crate::config::model::Log;

/// The keys that hold only from the next start on, as they were at this one.
pub(super) struct Fixed {
    workers: usize,
    /// Most connections of clients.
    pub(super) max_connections: usize,
    log: Log,
}

impl Fixed {
    /// As `config`, that of the start, has them.
    pub(super) fn of(config: &Config) -> Self {
        let gateway = &config.gateway;
        let (workers, max_connections) = (gateway.workers, gateway.max_connections);
        Self { workers, max_connections, log: config.log.clone() }
    }

    /// The keys that `config` has differently.
    pub(super) fn differing(&self, config: &Config) -> Vec<&'static str> {
        let gateway = &config.gateway;
        let differ = [
            ("gateway.workers", self.workers != gateway.workers),
            ("gateway.max_connections", self.max_connections != gateway.max_connections),
            ("log", self.log != config.log),
        ];
        differ.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
    }
}

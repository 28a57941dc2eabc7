//! What every connection writes into when something ends: the counters and the access log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::access::Access;
use super::line::Line;
use super::metrics::Metrics;
use super::sockets::Sockets;

/// A second reader of access lines, for tests.
type Listener = Box<dyn Fn(&Line) + Send + Sync>;

/// Shared by everything that runs; outlives reloads.
pub struct Books {
    /// The counters.
    pub metrics: Metrics,
    /// The live sockets.
    pub sockets: Arc<Sockets>,
    access: Access,
    cutting: AtomicBool,
    listener: Option<Listener>,
}

impl Books {
    /// Empty books whose lines go to `access`.
    pub fn new(access: Access) -> Self {
        Self {
            metrics: Metrics::default(),
            sockets: Arc::default(),
            access,
            cutting: AtomicBool::new(false),
            listener: None,
        }
    }

    /// Shows every line to `listener` as well, as a value.
    #[must_use]
    pub fn heard_by(mut self, listener: impl Fn(&Line) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Counts the end of `line` and writes it.
    pub fn close(&self, line: Line) {
        self.metrics.ended(line.end.cause);
        if let Some(listener) = &self.listener {
            listener(&line);
        }
        if !self.access.write(line) {
            self.metrics.lost_lines.add(1);
        }
    }

    /// From now on, whatever is dropped without an end was cut by the gateway.
    pub fn cut(&self) {
        self.cutting.store(true, Ordering::Release);
    }

    /// Whether [`Books::cut`] was called.
    pub fn cutting(&self) -> bool {
        self.cutting.load(Ordering::Acquire)
    }

    /// Where the lines go.
    pub fn access(&self) -> &Access {
        &self.access
    }
}

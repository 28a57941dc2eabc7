//! What every connection writes into when something ends: the counters and the access log. And what
//! is remembered of all of them together.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use super::access::Access;
use super::endings::Endings;
use super::history::History;
use super::issuances::Issuances;
use super::line::Line;
use super::live::Farewell;
use super::metrics::Metrics;
use super::reloads::Reloads;
use super::sockets::Sockets;

/// A second reader of access lines, for tests.
type Listener = Box<dyn Fn(&Line) + Send + Sync>;

/// Shared by everything that runs; outlives reloads.
pub struct Books {
    /// The counters.
    pub metrics: Metrics,
    /// The live sockets.
    pub sockets: Arc<Sockets>,
    /// The last endings.
    pub endings: Endings,
    /// The last minutes.
    pub history: History,
    /// What became of reloads.
    pub reloads: Reloads,
    /// What became of the certificates that the gateway orders itself.
    pub issuances: Issuances,
    /// When the process began to drain.
    pub departure: OnceLock<Departure>,
    /// When the books were opened.
    pub started: SystemTime,
    /// The same on the clock that nobody turns.
    pub opened: Instant,
    access: Access,
    cutting: AtomicBool,
    listener: Option<Listener>,
}

/// The beginning of a drain, and how it lets sockets go: all alike, whichever configuration they
/// began with.
#[derive(Clone, Debug)]
pub struct Departure {
    /// When it began.
    pub since: SystemTime,
    /// When what is left then will be cut.
    pub cut_at: SystemTime,
    /// Connections that were open.
    pub connections: u64,
    /// What every socket is told.
    pub farewell: Farewell,
    /// By when every socket has been told, each at a moment of its own.
    pub told_by: tokio::time::Instant,
}

impl Books {
    /// Empty books whose lines go to `access`.
    pub fn new(access: Access) -> Self {
        Self {
            metrics: Metrics::default(),
            sockets: Arc::default(),
            endings: Endings::default(),
            history: History::default(),
            reloads: Reloads::default(),
            issuances: Issuances::default(),
            departure: OnceLock::new(),
            started: SystemTime::now(),
            opened: Instant::now(),
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
        let line = Arc::new(line);
        self.metrics.ended(&line);
        self.endings.note(&line);
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

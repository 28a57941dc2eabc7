//! What rooms say of themselves when somebody asks how they are: plain values, filled in by
//! whoever knows, shown by whoever was asked.

use std::path::PathBuf;
use std::time::SystemTime;

use super::histogram::Spread;

/// One backend.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Its name in the configuration.
    pub name: String,
    /// Those that are in it just now.
    pub servers: Vec<Server>,
}

/// One server of a backend.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its address, as in access lines.
    pub address: String,
    /// `up`, `doubtful` or `down`.
    pub standing: &'static str,
    /// Its share beside the others.
    pub weight: u32,
    /// Used only while no other is up.
    pub backup: bool,
    /// Sockets and requests alive toward it.
    pub live: u64,
    /// Connections to it that failed.
    pub failed: u64,
    /// How long those took that were made, in microseconds.
    pub connect: Spread,
    /// The last thing that went wrong.
    pub last_failure: Option<Failure>,
}

/// What went wrong with a server.
#[derive(Clone, Debug)]
pub struct Failure {
    /// When.
    pub time: SystemTime,
    /// What.
    pub words: String,
}

/// The certificate of one site.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The site's domains.
    pub names: Vec<String>,
    /// Its file.
    pub file: PathBuf,
    /// When it expires; `None` when that cannot be read.
    pub not_after: Option<SystemTime>,
}

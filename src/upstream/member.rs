//! A server's place in one pool: its share, its turn, what it is asked for, and what the pool's own checks have
//! found. Knows nothing of the others.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use super::health::{Checks, Standing};
use super::server::{Server, Target, lock};
use crate::config::model::{self, ServerAddress};
use crate::observe::report;

/// A server's place in a pool.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) server: Arc<Server>,
    pub(super) weight: u32,
    pub(super) backup: bool,
    /// The Host of checks: virtual hosts are told apart by it.
    pub(super) host: String,
    checks: Arc<Mutex<Checks>>,
}

impl Member {
    /// The place of `server`, which `written` stands for. No check has been made.
    pub(super) fn new(server: Arc<Server>, written: &model::Server) -> Self {
        let host = server.tls.clone().filter(|it| !it.is_empty());
        Self {
            host: host.unwrap_or_else(|| authority(&server.target, &written.address.value)),
            server,
            weight: written.weight,
            backup: written.backup,
            checks: Arc::default(),
        }
    }

    /// The same place as `before` in the same pool: what checks find is found for both.
    pub(super) fn sharing_checks(mut self, before: &Self) -> Self {
        self.checks = Arc::clone(&before.checks);
        self
    }

    /// The same place in the pool that follows: what was found holds until its own checks say otherwise.
    pub(super) fn own_checks(mut self, keep: bool) -> Self {
        let found = if keep { self.checks().clone() } else { Checks::default() };
        self.checks = Arc::new(Mutex::new(found));
        self
    }

    /// How it stands at `now`: what the pool's checks have settled, else what connections tell.
    pub(super) fn standing(&self, now: Instant) -> Standing {
        if self.checks().down() { Standing::Down } else { self.server.standing(now) }
    }

    /// A check of it came to its end; `Err` says what was wrong.
    pub(super) fn checked(&self, pool: &str, found: &Result<(), String>, rule: &model::Health) {
        if let Err(why) = found {
            self.server.note_failure(why.clone());
        }
        if !self.checks().checked(found.is_ok(), rule) {
            return;
        }
        let server = &self.server.name;
        match found {
            Ok(()) => tracing::info!(backend = pool, server, "the server is well again"),
            Err(why) => tracing::warn!(backend = pool, server, why, "the server is not well"),
        }
    }

    /// How it is.
    pub(super) fn report(&self, now: Instant) -> report::Server {
        let standing = self.standing(now).name();
        let (weight, backup) = (self.weight, self.backup);
        report::Server { standing, weight, backup, ..self.server.report() }
    }

    fn checks(&self) -> MutexGuard<'_, Checks> {
        lock(&self.checks)
    }
}

/// What a browser would put into Host: the name as written, and its port unless that goes without saying.
fn authority(target: &Target, written: &ServerAddress) -> String {
    match (written, target) {
        (ServerAddress::Unix(_), _) | (_, Target::Unix(_)) => "localhost".to_owned(),
        (ServerAddress::Tcp { host, port }, _) => {
            let host = host.trim_end_matches('.').to_owned();
            let whole = ServerAddress::Tcp { host, port: *port }.to_string();
            whole.strip_suffix(":80").map(str::to_owned).unwrap_or(whole)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_asks_for_the_name_that_is_written_and_not_for_its_address() {
        let target = Target::Tcp("10.0.0.1:80".parse().expect("an address"));
        let asked = |host: &str, port| {
            authority(&target, &ServerAddress::Tcp { host: host.to_owned(), port })
        };
        assert_eq!(asked("game.internal", 9595), "game.internal:9595");
        assert_eq!(asked("game.internal.", 80), "game.internal");
        assert_eq!(asked("10.0.0.1", 8080), "10.0.0.1:8080");
        assert_eq!(asked("2001:db8::1", 80), "[2001:db8::1]");
        assert_eq!(authority(&target, &ServerAddress::Unix("/a".into())), "localhost");
    }
}

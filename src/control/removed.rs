//! What a reload does to live sockets: nothing, unless their route or their backend is gone. Those
//! are let go as in a drain, and so are those that come later from a snapshot of before.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use crate::config::Config;
use crate::config::model::Site;
use crate::config::names::Names;
use crate::life::Cause;
use crate::observe::live::{Farewell, Live};
use crate::observe::sockets::Sockets;
use crate::snapshot::Snapshot;

/// The snapshots before the running one. A connection that began with one of them may still make a
/// socket of it: a handshake that is under way, a connection that is kept, a stream of HTTP/2.
#[derive(Default)]
pub(super) struct Forerunners(Vec<Weak<Snapshot>>);

impl Forerunners {
    /// Another one runs in the place of `old`.
    pub(super) fn add(&mut self, old: &Arc<Snapshot>) {
        self.0.push(Arc::downgrade(old));
    }

    /// Whether one of them may have made a socket since the last question.
    pub(super) fn had_any(&mut self) -> bool {
        let any = !self.0.is_empty();
        // Asked first: whoever was the last to use it may have entered a socket just before.
        self.0.retain(|it| it.strong_count() > 0);
        any
    }
}

/// Lets every socket go whose route or backend `config` no longer has, unless that has happened
/// before: a second order would shorten the spread.
pub(super) fn let_go(sockets: &Sockets, config: &Config) {
    let stays = Stays::of(config);
    let drain = &config.gateway.drain;
    let farewell = Farewell {
        cause: Cause::Drained,
        code: drain.close_code,
        reason: drain.close_reason.as_str().into(),
    };
    let goes = |live: &Live| !live.is_let_go() && !stays.has(live);
    let gone = sockets.order(goes, &farewell, drain.spread);
    if gone > 0 {
        tracing::info!(sockets = gone, "their route or backend is gone: they are let go");
    }
}

/// The routes and backends of a configuration.
struct Stays<'a> {
    sites: Names<&'a Site>,
    backends: BTreeSet<&'a str>,
}

impl<'a> Stays<'a> {
    fn of(config: &'a Config) -> Self {
        let mut sites = Names::default();
        for site in &config.sites {
            site.domains.iter().for_each(|it| sites.insert(&it.value, site));
        }
        Self { sites, backends: config.backends.iter().map(|it| it.name.as_str()).collect() }
    }

    /// By the name that was asked for: a site that loses its first domain is still the same.
    fn has(&self, live: &Live) -> bool {
        let site = self.sites.find(&live.host);
        let route = |it: &&Site| it.routes.iter().any(|route| *route.name == *live.lane.route);
        site.is_some_and(route) && self.backends.contains(&*live.lane.backend)
    }
}

//! What a reload does to live sockets: nothing, unless their route or their backend is gone. Those
//! are let go as in a drain.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::config::model::Site;
use crate::config::names::Names;
use crate::observe::live::{Farewell, Live};
use crate::observe::sockets::Sockets;

/// Lets every socket go whose route or backend `config` no longer has; returns how many.
pub(super) fn let_go(sockets: &Sockets, config: &Config) -> usize {
    let stays = Stays::of(config);
    let drain = &config.gateway.drain;
    let farewell = Farewell::drained(drain.close_code, &drain.close_reason);
    sockets.order(|live| !stays.has(live), &farewell, drain.spread)
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

//! The domain whitelist as the http room uses it: a Host finds a site, a path finds a route.

use std::sync::{Arc, OnceLock};

use super::diagnosis::Hints;
use super::router::Router;
use crate::config::model::{self, Config};
use crate::config::names::Names;
use crate::observe::lane::Lane;
use crate::observe::sockets::Sockets;
use crate::upstream::{Pool, Pools};

/// Every site, by name.
pub struct Sites(Names<Arc<Site>>);

/// One site.
pub struct Site {
    /// Its routes.
    pub router: Router<Arc<Route>>,
}

/// One route and the pool behind it.
pub struct Route {
    /// As configured.
    pub rules: Arc<model::Route>,
    /// Where its requests go.
    pub pool: Arc<Pool>,
    /// What was said about its backend already.
    pub hints: Hints,
    /// The first domain of its site.
    site: String,
    lane: OnceLock<Arc<Lane>>,
}

impl Route {
    fn new(site: &str, rules: model::Route, pool: Arc<Pool>) -> Self {
        let (site, hints, rules) = (site.to_owned(), Hints::default(), Arc::new(rules));
        Self { rules, pool, hints, site, lane: OnceLock::new() }
    }

    /// What its requests and sockets are counted with.
    pub fn lane(&self, sockets: &Sockets) -> &Arc<Lane> {
        self.lane.get_or_init(|| sockets.lane(&self.site, &self.rules.name, self.pool.name()))
    }
}

impl Sites {
    /// The sites of `config`, their routes bound to `pools`.
    pub fn build(config: &Config, pools: &Pools) -> Self {
        let mut names = Names::default();
        for site in &config.sites {
            let name = site.domains.first().map_or("", |it| it.value.as_str());
            let routes = site.routes.iter().filter_map(|rules| {
                // A valid configuration names no pool that isn't there.
                let pool = Arc::clone(pools.at(rules.backend)?);
                Some((rules.path.clone(), Arc::new(Route::new(name, rules.clone(), pool))))
            });
            let shared = Arc::new(Site { router: Router::new(routes) });
            for domain in &site.domains {
                names.insert(&domain.value, Arc::clone(&shared));
            }
        }
        Self(names)
    }

    /// The site of `host`; with a `server_name` from TLS only when both are the same site.
    pub fn find(&self, host: &str, server_name: Option<&str>) -> Option<&Arc<Site>> {
        let site = self.0.find(host)?;
        match server_name {
            None => Some(site),
            Some(name) => self.0.find(name).filter(|other| Arc::ptr_eq(site, other)),
        }
    }
}

//! The domain whitelist as the http room uses it: a Host finds a site, a path finds a route.

use std::sync::Arc;

use super::diagnosis::Hints;
use super::router::Router;
use crate::config::model::{self, Config};
use crate::config::names::Names;
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
    pub rules: model::Route,
    /// Where its requests go.
    pub pool: Arc<Pool>,
    /// What was said about its backend already.
    pub hints: Hints,
}

impl Sites {
    /// The sites of `config`, their routes bound to `pools`.
    pub fn build(config: &Config, pools: &Pools) -> Self {
        let mut names = Names::default();
        for site in &config.sites {
            let routes = site.routes.iter().filter_map(|rules| {
                // A valid configuration names no pool that isn't there.
                let pool = Arc::clone(pools.at(rules.backend)?);
                let (rules, hints) = (rules.clone(), Hints::default());
                Some((rules.path.clone(), Arc::new(Route { rules, pool, hints })))
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

//! The domain whitelist as the http room uses it: a Host finds a site, a path finds a route.

use std::sync::{Arc, OnceLock};

use hyper::header::HeaderValue;

use super::diagnosis::Hints;
use super::dress::Dress;
use super::here::Own;
use super::pages::{PageError, Pages};
use super::places::{AllPlaces, Places};
use super::router::Router;
use crate::config::model::{self, Config};
use crate::config::names::Names;
use crate::observe::lane::Lane;
use crate::observe::sockets::Sockets;
use crate::upstream::{Pool, Pools};

/// Every site, by name.
pub struct Sites {
    names: Names<Arc<Site>>,
    places: AllPlaces,
}

/// One site.
pub struct Site {
    /// Its routes.
    pub router: Router<Arc<Route>>,
    /// Whether clients have to show a certificate, which takes TLS.
    pub needs_certificate: bool,
    /// Strict-Transport-Security of its answers over TLS.
    pub strict_transport: Option<HeaderValue>,
    /// What is changed in answers that belong to no route.
    pub dress: Dress,
    /// Pages for the gateway's own errors.
    pub pages: Pages,
}

/// What a route does.
pub enum Action {
    /// Its requests go to a server of this pool.
    Forward(Arc<Pool>),
    /// The gateway answers itself.
    Own(Own),
}

/// A route whose requests go to a backend, and the pool that they go to.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    /// The route.
    pub route: &'a Route,
    /// Its pool.
    pub pool: &'a Arc<Pool>,
}

/// One route and what it leads to.
pub struct Route {
    /// As configured.
    pub rules: Arc<model::Route>,
    /// What it does.
    pub action: Action,
    /// What is changed in its answers.
    pub dress: Dress,
    /// What was said about its backend already.
    pub hints: Hints,
    /// How many are on it.
    pub places: Arc<Places>,
    /// The first domain of its site.
    site: String,
    lane: OnceLock<Arc<Lane>>,
}

impl Route {
    fn new(site: &str, rules: model::Route, pools: &Pools, places: Arc<Places>) -> Option<Self> {
        let action = match &rules.action {
            // A valid configuration names no pool that isn't there.
            model::Action::Forward(place) => Action::Forward(Arc::clone(pools.at(*place)?)),
            model::Action::Redirect(redirect) => Action::Own(Own::Redirect(redirect.clone())),
            model::Action::Reply(reply) => Action::Own(Own::Reply(reply.clone())),
        };
        let (site, hints, dress) =
            (site.to_owned(), Hints::default(), Dress::new(&rules.response_headers));
        let (rules, lane) = (Arc::new(rules), OnceLock::new());
        Some(Self { rules, action, dress, hints, places, site, lane })
    }

    /// What its requests and sockets are counted with.
    pub fn lane(&self, sockets: &Sockets) -> &Arc<Lane> {
        let backend = match &self.action {
            Action::Forward(pool) => pool.name(),
            Action::Own(_) => "",
        };
        self.lane.get_or_init(|| sockets.lane(&self.site, &self.rules.name, backend))
    }
}

impl Sites {
    /// The sites of `config`, their routes bound to `pools`. Who is on a route of `previous` counts
    /// on the same one here. The pages of the sites are read now.
    ///
    /// # Errors
    /// [`PageError`] when one of them cannot be used.
    pub fn build(
        config: &Config,
        pools: &Pools,
        previous: Option<&Self>,
    ) -> Result<Self, PageError> {
        let (mut places, before) = (AllPlaces::default(), previous.map(|it| &it.places));
        let mut names = Names::default();
        for site in &config.sites {
            let name = site.domains.first().map_or("", |it| it.value.as_str());
            let routes = site.routes.iter().filter_map(|rules| {
                let places = places.of(name, &rules.name, before);
                let route = Route::new(name, rules.clone(), pools, places)?;
                Some((rules.path.clone(), Arc::new(route)))
            });
            let strict = site.strict_transport_security.as_deref();
            let shared = Arc::new(Site {
                router: Router::new(routes),
                needs_certificate: site.client_ca.is_some(),
                strict_transport: strict.and_then(|it| HeaderValue::from_str(it).ok()),
                dress: Dress::new(&site.response_headers),
                pages: Pages::read(site)?,
            });
            for domain in &site.domains {
                names.insert(&domain.value, Arc::clone(&shared));
            }
        }
        Ok(Self { names, places })
    }

    /// The site of `host`; with a `server_name` from TLS only when both are the same site.
    pub fn find(&self, host: &str, server_name: Option<&str>) -> Option<&Arc<Site>> {
        let site = self.names.find(host)?;
        match server_name {
            None => Some(site),
            Some(name) => self.names.find(name).filter(|other| Arc::ptr_eq(site, other)),
        }
    }
}

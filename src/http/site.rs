//! The domain whitelist as the http room uses it: a Host finds a site, a path finds a route.

use std::sync::{Arc, OnceLock};

use hyper::header::HeaderValue;

use super::diagnosis::Hints;
use super::dress::Dress;
use super::here::Own;
use super::pages::{PageError, Pages};
use super::places::{AllPlaces, Places};
use super::router::Router;
use crate::config::model::{self, Action, Config};
use crate::config::names::Names;
use crate::files::Folder;
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

/// What is behind a route.
pub enum Leads {
    /// Servers.
    Pool(Arc<Pool>),
    /// A folder.
    Files(Folder),
    /// The gateway itself.
    Own(Own),
}

/// One route and what is behind it.
pub struct Route {
    /// As configured.
    pub rules: Arc<model::Route>,
    /// Where its requests go.
    pub leads: Leads,
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
    fn new(site: &str, rules: model::Route, leads: Leads, places: Arc<Places>) -> Self {
        let (site, hints, dress) =
            (site.to_owned(), Hints::default(), Dress::new(&rules.response_headers));
        Self { rules: Arc::new(rules), leads, dress, hints, places, site, lane: OnceLock::new() }
    }

    /// What its requests and sockets are counted with.
    pub fn lane(&self, sockets: &Sockets) -> &Arc<Lane> {
        self.lane.get_or_init(|| sockets.lane(&self.site, &self.rules.name, self.leads.name()))
    }
}

impl Leads {
    /// Where an action leads; a valid configuration names no pool that isn't there.
    fn to(action: &Action, pools: &Pools) -> Option<Self> {
        match action {
            Action::Forward(place) => pools.at(*place).map(Arc::clone).map(Self::Pool),
            Action::Files(files) => Some(Self::Files(Folder::new(files))),
            Action::Redirect(redirect) => Some(Self::Own(Own::Redirect(redirect.clone()))),
            Action::Reply(reply) => Some(Self::Own(Own::Reply(reply.clone()))),
        }
    }

    /// The pool's name; empty for what the gateway answers itself.
    fn name(&self) -> &str {
        match self {
            Self::Pool(pool) => pool.name(),
            Self::Files(_) | Self::Own(_) => "",
        }
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
                let leads = Leads::to(&rules.action, pools)?;
                let places = places.of(name, &rules.name, before);
                Some((rules.path.clone(), Arc::new(Route::new(name, rules.clone(), leads, places))))
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

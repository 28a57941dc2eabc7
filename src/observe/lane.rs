//! A lane is one way through the gateway: a site, one of its routes, and the backend behind it.
//! Everything that is counted by route is counted by lane, and a configuration has only so many.
//! Knows nothing of how a lane is found.

use super::metrics::Gauge;

/// One way through the gateway.
#[derive(Debug)]
pub struct Lane {
    /// The first domain of the site.
    pub site: Box<str>,
    /// The route's path as configured; two sites may have the same.
    pub route: Box<str>,
    /// The backend's name.
    pub backend: Box<str>,
    /// Plain requests under way.
    pub requests: Gauge,
    /// Its place among all that ever were.
    pub number: u32,
}

impl Lane {
    pub(super) fn new(number: u32, site: &str, route: &str, backend: &str) -> Self {
        Self {
            site: site.into(),
            route: route.into(),
            backend: backend.into(),
            requests: Gauge::default(),
            number,
        }
    }

    pub(super) fn is(&self, site: &str, route: &str, backend: &str) -> bool {
        (&*self.site, &*self.route, &*self.backend) == (site, route, backend)
    }
}

//! How far a request has come when it is answered: whose pages and fields its answer has. Knows
//! neither requests nor why they were refused.

use std::sync::Arc;

use hyper::header::HeaderMap;

use super::accept::Form;
use super::errors::Told;
use super::site::{Route, Site};
use super::words::Words;
use crate::observe::record::Record;

/// What has been found of a request's way.
#[derive(Clone, Copy, Default)]
pub(super) struct Found<'a> {
    /// The site that it is for.
    pub site: Option<&'a Arc<Site>>,
    /// Its route there.
    pub route: Option<&'a Arc<Route>>,
}

impl<'a> Found<'a> {
    /// Who is told of an error.
    pub(super) fn told<'r>(&self, form: Form, record: &'r Record) -> Told<'r>
    where
        'a: 'r,
    {
        Told { form, request_id: &record.line.id, pages: self.site.map(|it| &it.pages) }
    }

    /// Adds what the route, or else the site, wants on an answer of the gateway's own.
    pub(super) fn dress(&self, headers: &mut HeaderMap, tls: bool, record: &Record) {
        let line = &record.line;
        let words = Words { client_ip: &line.client, host: &line.host, tls, request_id: &line.id };
        match (self.route, self.site) {
            (Some(route), _) => route.dress.own(headers, &words),
            (None, Some(site)) => site.dress.own(headers, &words),
            (None, None) => {}
        }
    }
}

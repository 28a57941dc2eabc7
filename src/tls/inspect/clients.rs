//! The files beside a site's certificate: the CA of its clients, and the OCSP response.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::aws_lc_rs;

use super::problem;
use crate::config::model::Site;
use crate::config::{Level, Problem};
use crate::tls::clients::verifier;
use crate::tls::pem::read_chain;
use crate::tls::staple::Staple;

/// What keeps the certificates of clients from being checked.
pub(super) fn inspect(site: &Site) -> Option<Problem> {
    let ca = site.client_ca.as_ref()?;
    let error = verifier(&ca.value, Arc::new(aws_lc_rs::default_provider())).err()?;
    Some(problem(Level::Error, &ca.spot, error.to_string()))
}

/// What keeps the response from being stapled: the site is served without it.
pub(super) fn inspect_staple(site: &Site, now: SystemTime) -> Option<Problem> {
    let staple = site.ocsp_staple.as_ref()?;
    let chain = read_chain(&site.certificate.value).ok()?;
    let error = Staple::read(&staple.value, chain.first()?, now).err()?;
    let message = format!("`{}` is not stapled: {error}", staple.value.display());
    Some(problem(Level::Warning, &staple.spot, message))
}

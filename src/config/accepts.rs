//! Whether a text would be taken as the value of a key, for those who write configurations instead
//! of reading them. Knows the same rules as the reader, and no others.

use std::time::Duration;

use ipnet::IpNet;

use super::model::ListenAddress;
use super::values::{address, answer, backend, http, origin, path, quantity};

/// `sites.domains`
pub fn domain(text: &str) -> bool {
    address::domain(text).is_ok()
}

/// `listeners.address`, as what it means.
pub fn listen(text: &str) -> Option<ListenAddress> {
    address::listen(text).ok()
}

/// Whether the second of two listeners would find its address taken by the first.
pub fn overlap(one: &ListenAddress, other: &ListenAddress) -> bool {
    address::overlap(one, other)
}

/// One of `backends.NAME.servers`.
pub fn server(text: &str) -> bool {
    address::server(text).is_ok()
}

/// `backends.NAME.hash_on`
pub fn hash_on(text: &str) -> bool {
    backend::hash_on(text).is_ok()
}

/// `backends.NAME.tls.server_name`
pub fn server_name(text: &str) -> bool {
    backend::server_name(text).is_ok()
}

/// A CIDR or a single address.
pub fn network(text: &str) -> Option<IpNet> {
    address::network(text).ok()
}

/// `routes.path`
///
/// # Errors
/// Why not, in one line.
pub fn route_path(text: &str) -> Result<(), String> {
    path::rule(text).map(drop).map_err(|wrong| wrong.message)
}

/// `routes.strip_prefix`
pub fn replacement(text: &str) -> bool {
    path::replacement(text).is_ok()
}

/// One of `routes.index`
pub fn index(text: &str) -> bool {
    path::index(text).is_ok()
}

/// `routes.fallback`
pub fn fallback(text: &str) -> bool {
    path::fallback(text).is_ok()
}

/// An entry of `routes.set_headers`.
///
/// # Errors
/// Why not, in one line.
pub fn set_header(name: &str, value: &str) -> Result<(), String> {
    http::settable_header(name).map_err(|wrong| wrong.message)?;
    http::template(value).map(drop).map_err(|wrong| wrong.message)
}

/// One of `routes.remove_headers`.
pub fn remove_header(name: &str) -> bool {
    http::removable_header(name).is_ok()
}

/// `routes.redirect`
///
/// # Errors
/// Why not, in one line.
pub fn redirect(text: &str) -> Result<(), String> {
    answer::location(text).map(drop).map_err(|wrong| wrong.message)
}

/// `reply.body`
pub fn reply_body(text: &str) -> bool {
    answer::body(text).is_ok()
}

/// `reply.content_type`
pub fn content_type(text: &str) -> bool {
    answer::content_type(text).is_ok()
}

/// An entry of `response_headers`.
///
/// # Errors
/// Why not, in one line.
pub fn response_header(name: &str, value: &str) -> Result<(), String> {
    answer::settable(name).map_err(|wrong| wrong.message)?;
    http::template(value).map(drop).map_err(|wrong| wrong.message)
}

/// One of `remove_response_headers`.
pub fn remove_response_header(name: &str) -> bool {
    answer::removable(name).is_ok()
}

/// `sites.strict_transport_security`
pub fn strict_transport_security(text: &str) -> bool {
    http::strict_transport_security(text).is_ok()
}

/// One of `clients.origins`.
pub fn origin(text: &str) -> bool {
    origin::origin(text).is_ok()
}

/// One of `clients.mini_programs`.
pub fn app_id(text: &str) -> bool {
    origin::app_id(text).is_ok()
}

/// A duration as it is written in the file.
pub fn duration(duration: Duration) -> String {
    quantity::written(duration)
}

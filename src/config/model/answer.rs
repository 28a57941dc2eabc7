//! What routes answer themselves, and what answers look like that the gateway has a say in.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Located, Template};

/// `routes.redirect`, with `routes.status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// Where to.
    pub location: Location,
}

/// The value of a Location field, cut at its `${…}`: a path, or a URL with its scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location(pub Vec<LocationPart>);

/// A piece of a [`Location`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocationPart {
    /// Text as written; characters of a URI only (RFC 3986 section 2).
    Text(String),
    /// `${host}`: lower-case, without a port.
    Host,
    /// `${uri}`: path and query as they came.
    Uri,
    /// `${path}`: the path as it came.
    Path,
    /// `${query}`: as it came, without its `?`.
    Query,
    /// `${rest}`: what stands behind the prefix of the route.
    Rest,
}

/// `routes.reply`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 299, or 400 to 599.
    pub status: u16,
    /// At most 64 KiB; `None` with an error status: the gateway's own words, as for its own errors.
    pub body: Option<Arc<str>>,
    /// Of the body.
    pub content_type: String,
}

/// `response_headers` and `remove_response_headers` of a route, its site's included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHeaders {
    /// Fields set toward the client.
    pub set: Vec<(String, Template)>,
    /// Lower-case names of fields removed from what a backend answers.
    pub remove: Vec<String>,
}

/// One of `sites.error_pages`, or `sites.error_page`.
#[derive(Clone, Debug)]
pub struct ErrorPage {
    /// For which errors.
    pub errors: Errors,
    /// The file with the page.
    pub file: Located<PathBuf>,
}

/// The errors that a page is for; the narrower one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Errors {
    /// One status.
    One(u16),
    /// The first digit of the status: 4 or 5.
    Class(u16),
    /// All of them.
    All,
}

impl Errors {
    /// Whether this status is one of them.
    pub fn has(self, status: u16) -> bool {
        match self {
            Self::One(one) => one == status,
            Self::Class(digit) => status / 100 == digit,
            Self::All => true,
        }
    }
}

//! What a request's head becomes on its way to the backend.

use std::fmt::Display;
use std::time::Duration;

use hyper::header::{
    CONNECTION, EXPECT, HOST, HeaderName, HeaderValue, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Uri, Version};

use super::forwarded::{self, Facts};
use super::hop_by_hop::strip_hop_by_hop;
use super::path;
use super::words::Words;
use crate::config::model::{Compression, Route, Subprotocol};

/// What a request's head is changed with.
pub struct Passage<'a> {
    /// The route that it takes.
    pub route: &'a Route,
    /// Its normalised path.
    pub path: &'a str,
    /// Whether it goes on like this, because the raw one could be read as another route's.
    pub settled: bool,
    /// How much of that the route's path matched.
    pub prefix_len: usize,
    /// For the forwarding fields.
    pub facts: Facts<'a>,
    /// How long its body may keep the gateway waiting.
    pub body_grace: Duration,
    /// `${request_id}`
    pub request_id: &'a str,
}

impl Passage<'_> {
    /// Turns `parts`, as the client sent them, into what the backend is sent.
    pub fn rewrite(&self, parts: &mut Parts) {
        parts.uri = self.target(&parts.uri);
        parts.version = Version::HTTP_11;
        let headers = &mut parts.headers;
        strip_hop_by_hop(headers);
        // Answered here already, by the first read of the body.
        headers.remove(EXPECT);
        if let Ok(host) = HeaderValue::from_str(self.facts.host) {
            headers.insert(HOST, host);
        }
        forwarded::apply(headers, self.route.forwarded, &self.facts);
        for name in &self.route.remove_headers {
            headers.remove(name.as_str());
        }
        let words = self.words();
        for (name, template) in &self.route.set_headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_str(&words.fill(template));
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.insert(name, value);
            }
        }
    }

    /// As [`Passage::rewrite`], for a WebSocket handshake.
    pub fn rewrite_upgrade(&self, parts: &mut Parts) {
        self.rewrite(parts);
        let headers = &mut parts.headers;
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if self.route.compression == Compression::Decline {
            headers.remove(SEC_WEBSOCKET_EXTENSIONS);
        }
        if self.route.subprotocol == Subprotocol::Strip {
            headers.remove(SEC_WEBSOCKET_PROTOCOL);
        }
    }

    /// What values of fields are filled in with, toward the client too.
    pub fn words(&self) -> Words<'_> {
        let client_ip: &dyn Display = match &self.facts.client_ip {
            Some(ip) => ip,
            None => &"",
        };
        let (host, tls) = (self.facts.host, self.facts.tls);
        Words { client_ip, host, tls, request_id: self.request_id }
    }

    /// The origin form: as the client wrote it, unless the route rewrites its prefix, or a backend
    /// could read that as a path of another route.
    fn target(&self, uri: &Uri) -> Uri {
        let path = match self.route.replace_prefix.as_deref() {
            Some(replacement) => {
                Some(path::replace_prefix(self.path, self.prefix_len, replacement))
            }
            None => self.settled.then(|| path::encode(self.path)),
        };
        let rewritten = path.and_then(|mut target| {
            if let Some(query) = uri.query() {
                target.push('?');
                target.push_str(query);
            }
            PathAndQuery::try_from(target).ok()
        });
        let target = rewritten.or_else(|| uri.path_and_query().cloned());
        target.map_or_else(|| Uri::from_static("/"), Uri::from)
    }
}

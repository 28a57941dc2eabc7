//! Which request gets which answer. Nothing is cached, and every error is JSON with one field.

use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};

use http_body_util::Full;
use serde::Serialize;

use super::exposition::MEDIA_TYPE;
use super::gather::status;
use super::query::Query;
use super::sockets::{Wanted, list};
use super::{Office, front, guard, metrics, orders};
use crate::drain::Phase;

/// An answer, whole.
pub type Answer = Response<Full<Bytes>>;

/// Answers `request`; its body is not looked at.
pub fn answer<B>(office: &Office, request: &Request<B>) -> Answer {
    let (method, uri) = (request.method(), request.uri());
    let admitted = guard::admit(office.reach, method, request.version(), uri, request.headers());
    if let Err((code, words)) = admitted {
        return error(code, words);
    }
    let query = Query::of(uri.query());
    match (uri.path(), method) {
        ("/api/drain", &Method::POST) => ordered(orders::drain(office, &query)),
        ("/api/drain", _) => wrong_method("POST"),
        (path, method) => match path.strip_prefix("/api/connections/") {
            Some(id) if method == Method::DELETE => ordered(orders::close(office, id, &query)),
            Some(_) => wrong_method("DELETE"),
            None => looked_at(office, path, method, &query),
        },
    }
}

/// What can only be looked at.
fn looked_at(office: &Office, path: &str, method: &Method, query: &Query) -> Answer {
    let known = ["/", "/metrics", "/healthz", "/readyz", "/api/status", "/api/connections"];
    if !known.contains(&path) && front::file(path).is_none() {
        return error(StatusCode::NOT_FOUND, "there is nothing here");
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        return wrong_method("GET, HEAD");
    }
    match path {
        "/healthz" => text(StatusCode::OK, "alive\n"),
        "/readyz" => readiness(office),
        "/metrics" => {
            let text = metrics::text(office);
            whole(StatusCode::OK, MEDIA_TYPE, text.into_bytes())
        }
        "/api/status" => match with_history(query) {
            Ok(history) => json(StatusCode::OK, &status(office, history)),
            Err(words) => error(StatusCode::BAD_REQUEST, &words),
        },
        "/api/connections" => match Wanted::of(query) {
            Ok(wanted) => json(StatusCode::OK, &list(office, &wanted)),
            Err(words) => error(StatusCode::BAD_REQUEST, &words),
        },
        path => front::file(path).unwrap_or_else(|| front::front(office, query)),
    }
}

/// The one parameter of `/api/status`.
fn with_history(query: &Query) -> Result<bool, String> {
    if let Some(words) = query.wrong(&["history"]) {
        return Err(words);
    }
    match query.value("history") {
        None | Some("yes") => Ok(true),
        Some("no") => Ok(false),
        Some(_) => Err("`history` is yes or no".to_owned()),
    }
}

fn readiness(office: &Office) -> Answer {
    match office.drain.phase() {
        Phase::Running => text(StatusCode::OK, "ready\n"),
        Phase::Draining | Phase::Cutting => {
            error(StatusCode::SERVICE_UNAVAILABLE, "draining: it takes no new connections")
        }
    }
}

fn ordered<T: Serialize>(done: Result<T, orders::Wrong>) -> Answer {
    match done {
        Ok(done) => json(StatusCode::ACCEPTED, &done),
        Err((code, words)) => error(code, &words),
    }
}

fn wrong_method(allowed: &'static str) -> Answer {
    let words = format!("this answers {allowed} only");
    let mut answer = error(StatusCode::METHOD_NOT_ALLOWED, &words);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

/// An error in words.
pub fn error(code: StatusCode, words: &str) -> Answer {
    json(code, &serde_json::json!({ "error": words }))
}

fn json(code: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => whole(code, "application/json", body),
        // Numbers that JSON cannot have; none of the shapes has them.
        Err(failed) => text(StatusCode::INTERNAL_SERVER_ERROR, &failed.to_string()),
    }
}

fn text(code: StatusCode, words: &str) -> Answer {
    whole(code, "text/plain; charset=utf-8", words.as_bytes().to_vec())
}

/// An answer with the fields that all have.
pub fn whole(code: StatusCode, kind: &'static str, body: Vec<u8>) -> Answer {
    const ALWAYS: [(HeaderName, &str); 4] = [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = code;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

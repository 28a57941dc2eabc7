//! The status page and its files as answers: reads what is searched for, and has the page drawn.

use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};

use super::Office;
use super::answer::{Answer, whole};
use super::gather::status;
use super::page::{self, View};
use super::query::Query;
use super::sockets::{Order, Wanted, list};

/// The page. What it does not understand of the query it takes for nothing: whoever sees the page
/// sees what is searched for.
pub fn front(office: &Office, query: &Query) -> Answer {
    let text = query.value("q").map(str::trim).unwrap_or_default();
    let named = query.value("sort").and_then(|it| Order::named(it).map(|order| (it, order)));
    let (sort, order) = named.unwrap_or(("newest", Order::Newest));
    let wanted = Wanted {
        text: Some(text.to_lowercase()).filter(|it| !it.is_empty()),
        order,
        limit: page::ROWS,
        ..Wanted::default()
    };
    let (status, sockets) = (status(office, true), list(office, &wanted));
    let html = page::render(&View { status: &status, sockets: &sockets, query: text, sort });
    let mut answer = whole(StatusCode::OK, "text/html; charset=utf-8", html.into_bytes());
    let policy = HeaderValue::from_static(page::POLICY);
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    answer
}

/// A file that the page refers to.
pub fn file(path: &str) -> Option<Answer> {
    let (kind, content) = page::file(path)?;
    Some(whole(StatusCode::OK, kind, content.as_bytes().to_vec()))
}

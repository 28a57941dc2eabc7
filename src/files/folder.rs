//! One folder that is served, and the answer to one request for a file in it.

use std::path::Path;
use std::sync::Arc;

use hyper::header::{
    CACHE_CONTROL, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, RANGE,
};
use hyper::{Method, Response};

use super::body::FileBody;
use super::disk::{DiskFault, in_background};
use super::encoding::accepted;
use super::find::{Absent, Found, Quest, find};
use super::respond::respond;
use crate::config::model::Files;

/// A folder that is served.
#[derive(Clone, Debug)]
pub struct Folder {
    root: Arc<Path>,
    index: Arc<[String]>,
    fallback: Option<Arc<str>>,
    cache_control: Option<HeaderValue>,
    compress: bool,
}

/// A request for a file.
#[derive(Debug)]
pub struct Ask<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its fields.
    pub headers: &'a HeaderMap,
    /// A normalised path, taken below the folder.
    pub path: &'a str,
}

/// What a folder answers.
pub enum Answer {
    /// The file, or a part of it, or word that it is the same as ever.
    File(Box<Response<FileBody>>),
    /// There is a folder of this name: its own path ends with a slash.
    Folder,
}

/// Why a folder has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// Neither GET nor HEAD.
    #[error("files take GET and HEAD only")]
    Method,
    /// A name in the path begins with a dot, and is not `/.well-known`.
    #[error("a name that begins with a dot")]
    Dotfile,
    /// There is no such file, or none that may be sent.
    #[error("{0}")]
    Absent(#[from] Absent),
    /// The disk did not answer.
    #[error("{0}")]
    Disk(#[from] DiskFault),
}

impl Folder {
    /// The folder of these rules. Nothing is opened yet.
    pub fn new(rules: &Files) -> Self {
        let max_age = rules.max_age.map(|it| format!("max-age={}", it.as_secs()));
        Self {
            root: rules.root.value.as_path().into(),
            index: rules.index.as_slice().into(),
            fallback: rules.fallback.as_deref().map(Into::into),
            cache_control: max_age.and_then(|it| HeaderValue::try_from(it).ok()),
            compress: rules.compress,
        }
    }

    /// Adds what an answer of this folder says of caches, unless it is an error.
    pub fn mark(&self, headers: &mut HeaderMap) {
        if let Some(value) = &self.cache_control {
            headers.insert(CACHE_CONTROL, value.clone());
        }
    }

    /// Answers one request.
    ///
    /// # Errors
    /// [`Denied`] when there is nothing to send.
    pub async fn answer(&self, ask: &Ask<'_>) -> Result<Answer, Denied> {
        if ask.method != Method::GET && ask.method != Method::HEAD {
            return Err(Denied::Method);
        }
        if is_hidden(ask.path) {
            return Err(Denied::Dotfile);
        }
        let quest = self.quest(ask);
        match in_background(move || find(&quest)).await?? {
            Found::Folder => Ok(Answer::Folder),
            Found::File(opened) => {
                let mut response = respond(opened, ask, self.compress);
                // A 412 or 416 is the answer to this request alone.
                if response.status().as_u16() < 400 {
                    self.mark(response.headers_mut());
                }
                Ok(Answer::File(Box::new(response)))
            }
        }
    }

    fn quest(&self, ask: &Ask<'_>) -> Quest {
        let has = |name| ask.headers.contains_key(name);
        let plain = !has(RANGE) && !has(IF_NONE_MATCH) && !has(IF_MODIFIED_SINCE);
        Quest {
            root: Arc::clone(&self.root),
            path: ask.path.to_owned(),
            index: Arc::clone(&self.index),
            fallback: self.fallback.clone(),
            codings: if self.compress { accepted(ask.headers) } else { Vec::new() },
            eager: plain && ask.method == Method::GET,
        }
    }
}

/// Whether a name in the path begins with a dot. `/.well-known` is there to be seen (RFC 8615).
fn is_hidden(path: &str) -> bool {
    let mut names = path.split('/').enumerate();
    names.any(|(place, name)| name.starts_with('.') && !(place == 1 && name == ".well-known"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_with_a_dot_is_hidden_but_for_the_one_that_is_not() {
        for path in [
            "/.git",
            "/.git/config",
            "/a/.env",
            "/a/.well-known/x",
            "/.well-known/.x",
            "/.well-knownx",
        ] {
            assert!(is_hidden(path), "{path}");
        }
        for path in ["/", "/a.b", "/a/b.c/", "/.well-known/apple-app-site-association", "/a./b"] {
            assert!(!is_hidden(path), "{path}");
        }
    }
}

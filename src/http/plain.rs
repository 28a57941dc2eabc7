//! What an http listener does besides serving routes: send people to https, and hand out what proves a name to a
//! CA (RFC 8555 section 8.3): of the gateway's own orders, and the files of an external ACME client.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::header::{HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode};
use tokio::io::AsyncReadExt;

use super::head::Authority;
use super::reply::{ReplyBody, text};
use crate::challenges::Challenges;
use crate::life::Refusal;

/// Where ACME servers look.
const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// Longest token and longest file: a token has 43 characters, its file two such and a dot.
const TOKEN_MAX: usize = 255;
const FILE_MAX: u64 = 4096;

/// The settings of an http listener.
#[derive(Clone, Debug, Default)]
pub struct PlainDoor {
    /// Answer 308, except to Upgrade requests and under the ACME path.
    pub redirect_to_https: bool,
    /// The folder of an ACME client.
    pub acme_challenge_root: Option<PathBuf>,
    /// What the gateway itself can prove just now.
    pub challenges: Arc<Challenges>,
}

impl PlainDoor {
    /// The challenge that `path` asks for, if this listener answers challenges.
    pub async fn challenge(&self, path: &str) -> Option<Result<Response<ReplyBody>, Refusal>> {
        let token = path.strip_prefix(CHALLENGES)?;
        if let Some(content) = self.challenges.file(token) {
            return Some(Ok(text(StatusCode::OK, content)));
        }
        let root = self.acme_challenge_root.as_deref()?;
        let file = read_challenge(root, token).await;
        Some(file.map(|content| text(StatusCode::OK, content)).ok_or(Refusal::NoRoute))
    }

    /// Whether `path` is to be sent to https.
    pub fn redirects(&self, path: &str) -> bool {
        self.redirect_to_https && !path.starts_with(CHALLENGES)
    }
}

/// 308 to the same path and query on the default https port. 308 and not 301: the method stays.
pub fn to_https<B>(request: &Request<B>, authority: &Authority) -> Response<ReplyBody> {
    let target = request.uri().path_and_query().map_or("/", |it| it.as_str());
    let mut response = text(StatusCode::PERMANENT_REDIRECT, "308 Permanent Redirect: use https\n");
    let location = format!("https://{}{target}", authority.host);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// The file of a token; `None` for anything that is not a plain, readable file in the folder.
async fn read_challenge(root: &Path, token: &str) -> Option<Vec<u8>> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if token.is_empty() || token.len() > TOKEN_MAX || !token.bytes().all(plain) {
        return None;
    }
    // certbot's webroot plugin writes below the well-known path, others straight into the folder.
    for path in [root.join(CHALLENGES.trim_start_matches('/')).join(token), root.join(token)] {
        if let Ok(file) = tokio::fs::File::open(&path).await {
            let mut content = Vec::new();
            return file.take(FILE_MAX).read_to_end(&mut content).await.ok().map(|_| content);
        }
    }
    None
}

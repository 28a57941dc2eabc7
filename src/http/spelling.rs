//! The letter case of field names. HTTP does not care, some servers and clients do: they look for
//! `Sec-WebSocket-Key` and not for `sec-websocket-key`.
//!
//! hyper writes names in lower or in title case (`Sec-Websocket-Key`) unless a head carries an
//! extension that remembers its spelling. That extension has no public constructor, but hyper
//! makes one for every head that it parses: so a model head, spelled as the RFCs do, is parsed
//! once, and its extension is lent to every handshake.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::http::Extensions;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

use crate::life::{Timer, within};

/// The names whose spelling is not just title case.
const MODEL: &str = "GET / HTTP/1.1\r\nHost: model\r\nConnection: close\r\n\
    Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: x\r\nSec-WebSocket-Accept: x\r\n\
    Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Extensions: x\r\n\
    X-Real-IP: x\r\nX-Request-ID: x\r\nDNT: x\r\nETag: x\r\nTE: x\r\nWWW-Authenticate: x\r\n\
    X-WX-Id: x\r\nX-WX-Skey: x\r\nX-WX-Code: x\r\nX-WX-IV: x\r\nX-WX-Encrypted-Data: x\r\n\r\n";

/// Bound for parsing the model in memory; it takes microseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The spelling of the RFCs, to be put on a head.
#[derive(Clone, Debug)]
pub struct Spelling(Extensions);

/// hyper did not read the model head.
#[derive(Debug, thiserror::Error)]
#[error("hyper did not read the model of a request head")]
pub struct SpellingError;

impl Spelling {
    /// Learns the spelling; once per process.
    ///
    /// # Errors
    /// [`SpellingError`] when hyper no longer reads what it read when this was written.
    pub async fn learn() -> Result<Self, SpellingError> {
        let learnt = Arc::new(Mutex::new(None));
        let pupil = Arc::clone(&learnt);
        let service = service_fn(move |request: Request<Incoming>| {
            let extensions = request.extensions().clone();
            *pupil.lock().unwrap_or_else(PoisonError::into_inner) = Some(extensions);
            std::future::ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
        });
        let (mut near, far) = tokio::io::duplex(MODEL.len());
        let lesson = async {
            near.write_all(MODEL.as_bytes()).await.map_err(|_| SpellingError)?;
            let mut builder = http1::Builder::new();
            builder.preserve_header_case(true).timer(hyper_util::rt::TokioTimer::new());
            builder.serve_connection(TokioIo::new(far), service).await.map_err(|_| SpellingError)
        };
        within(Some(PATIENCE), Timer::RequestHead, lesson).await.map_err(|_| SpellingError)??;
        let mut learnt = learnt.lock().unwrap_or_else(PoisonError::into_inner);
        // Empty: hyper no longer remembers, and every handshake would be spelled in title case.
        learnt.take().filter(|it| !it.is_empty()).map(Self).ok_or(SpellingError)
    }

    /// Makes a head be written in this spelling.
    pub fn apply(&self, extensions: &mut Extensions) {
        extensions.extend(self.0.clone());
    }
}

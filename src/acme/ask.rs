//! One request to an ACME server: a connection of its own, TLS always, one limit for everything, an answer of bounded
//! size. Knows nothing of what is asked.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use tokio::net::{TcpStream, lookup_host};

use crate::life::{Elapsed, Timer, within};
use crate::stream::{Socket, Stream};
use crate::tls::client::Client;

/// From the lookup of the server's name to the last byte of its answer.
const REQUEST: Duration = Duration::from_secs(30);

/// For one of the server's addresses, where it has more.
const CONNECT: Duration = Duration::from_secs(5);

/// Longest answer: a chain has some ten kilobytes.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// Longest head of an answer.
const LONGEST_HEAD: usize = 64 * 1024;

const AGENT: &str = concat!("wsgate/", env!("CARGO_PKG_VERSION"), " (instant-acme)");

/// Asks ACME servers.
#[derive(Clone)]
pub(super) struct Asker {
    tls: Client,
    /// When the last answer said to come back.
    come_back: Arc<Mutex<Option<SystemTime>>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("`{0}` is not an https address")]
    NotHttps(Uri),
    #[error("{host} cannot be reached: {source}")]
    Unreachable { host: String, source: io::Error },
    #[error("TLS with {host}: {source}")]
    Tls { host: String, source: io::Error },
    #[error("{host} does not speak HTTP: {source}")]
    Http { host: String, source: hyper::Error },
    #[error("{host} broke its answer off, or it is longer than {LONGEST_ANSWER} bytes")]
    Body { host: String },
    #[error("{host} answers {status}, and not as an ACME server does")]
    NotAcme { host: String, status: StatusCode },
    #[error("{host} does not answer: {source}")]
    Late { host: String, source: Elapsed },
}

impl Asker {
    pub(super) fn new(tls: Client) -> Self {
        Self { tls, come_back: Arc::default() }
    }

    /// When the last answer that was none of success said to come back, if it did.
    pub(super) fn come_back(&self) -> Option<SystemTime> {
        *self.come_back.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, AskError> {
        let host = request.uri().authority().map_or_else(String::new, ToString::to_string);
        let answer = within(Some(REQUEST), Timer::AcmeRequest, self.exchange(request, &host));
        let answer =
            answer.await.map_err(|source| AskError::Late { host: host.clone(), source })?;
        let (parts, body) = answer?.into_parts();
        let failed = !parts.status.is_success();
        let come_back = parts.headers.get(RETRY_AFTER).filter(|_| failed).and_then(moment);
        *self.come_back.lock().unwrap_or_else(PoisonError::into_inner) = come_back;
        let is_json = || serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok();
        if failed && !is_json() {
            return Err(AskError::NotAcme { host, status: parts.status });
        }
        Ok(BytesResponse::from(Response::from_parts(parts, Full::new(body))))
    }

    async fn exchange(
        &self,
        mut request: Request<BodyWrapper<Bytes>>,
        host: &str,
    ) -> Result<Response<Bytes>, AskError> {
        let stream = self.connect(request.uri()).await?;
        address(&mut request, host);
        let broken = |source| AskError::Http { host: host.to_owned(), source };
        let mut builder = http1::Builder::new();
        builder.max_buf_size(LONGEST_HEAD);
        let (mut sender, connection) =
            builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let exchange = async {
            let (parts, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
            let body = Limited::new(body, LONGEST_ANSWER).collect().await;
            let body = body.map_err(|_| AskError::Body { host: host.to_owned() })?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        tokio::pin!(exchange, connection);
        tokio::select! {
            biased;
            answer = &mut exchange => answer,
            // Whatever it ended with, the other side of it knows better.
            _ = &mut connection => exchange.await,
        }
    }

    /// The first of the server's addresses that takes a connection.
    async fn connect(&self, uri: &Uri) -> Result<Stream, AskError> {
        let not_https = || AskError::NotHttps(uri.clone());
        let https = uri.scheme_str() == Some("https");
        let name = uri.host().filter(|_| https).ok_or_else(not_https)?;
        let name = name.trim_matches(['[', ']']);
        let unreachable = |source| AskError::Unreachable { host: name.to_owned(), source };
        let port = uri.port_u16().unwrap_or(443);
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in lookup_host((name, port)).await.map_err(unreachable)? {
            let connecting = TcpStream::connect(address);
            match within(Some(CONNECT), Timer::AcmeRequest, connecting).await {
                Ok(Ok(socket)) => {
                    let failed = |source| AskError::Tls { host: name.to_owned(), source };
                    return self.tls.connect(Socket::Tcp(socket), name).await.map_err(failed);
                }
                Ok(Err(error)) => last = error,
                Err(elapsed) => last = io::Error::new(io::ErrorKind::TimedOut, elapsed),
            }
        }
        Err(unreachable(last))
    }
}

impl HttpClient for Asker {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let asker = self.clone();
        Box::pin(async move {
            asker.ask(request).await.map_err(|it| instant_acme::Error::Other(Box::new(it)))
        })
    }
}

/// The request's head as it goes to an origin server.
fn address(request: &mut Request<BodyWrapper<Bytes>>, host: &str) {
    let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
    let path = Uri::try_from(path).unwrap_or_default();
    *request.uri_mut() = path;
    let headers = request.headers_mut();
    if let Ok(host) = HeaderValue::from_str(host) {
        headers.insert(HOST, host);
    }
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    debug_assert!(headers.contains_key(CONTENT_TYPE) || request.method() != "POST");
}

/// Seconds from now, or a date (RFC 9110 section 10.2.3).
fn moment(value: &HeaderValue) -> Option<SystemTime> {
    let text = value.to_str().ok()?.trim();
    match text.parse::<u32>() {
        Ok(seconds) => Some(SystemTime::now() + Duration::from_secs(seconds.into())),
        Err(_) => httpdate::parse_http_date(text).ok(),
    }
}

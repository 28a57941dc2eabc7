//! The demo's embedded backends, one plain HTTP server on a free port of 127.0.0.1: the page at
//! `/`, the time and what it saw of the request at `/api/time`, WebSockets at `/echo` and `/room`.
//! Stands behind the gateway like any other service and knows nothing of it.
//!
//! One task owns a connection to its last byte, before and after the upgrade.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tungstenite::handshake::server::create_response_with_body;
use tungstenite::protocol::Role;

use crate::cli::demo::page::Page;
use crate::cli::demo::room::Room;
use crate::cli::demo::sockets::{self, socket_config};

/// Most connections at a time; the next one waits in the accept queue.
pub const CONNECTIONS: usize = 256;

/// The running backends; they stop when this is dropped.
#[derive(Debug)]
pub struct Backends {
    address: SocketAddr,
    _server: JoinSet<()>,
}

impl Backends {
    /// Where they listen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Starts the backends on a free port of 127.0.0.1, inside a tokio runtime.
///
/// # Errors
/// When no port can be bound.
pub async fn backends(page: Page) -> io::Result<Backends> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let site = Arc::new(Site { page, room: Arc::default() });
    let mut server = JoinSet::new();
    server.spawn(serve(listener, site));
    Ok(Backends { address, _server: server })
}

/// What all connections share.
struct Site {
    page: Page,
    room: Arc<Room>,
}

/// Which WebSocket a connection became.
#[derive(Clone, Copy)]
enum Socket {
    Echo,
    Room,
}

type Reply = Response<Full<Bytes>>;

async fn serve(listener: TcpListener, site: Arc<Site>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, Arc::clone(&site)));
            }
            // Out of descriptors, most likely: they come back when connections end.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Without a time limit for request heads: the gateway in front has read the head already.
async fn connection(stream: TcpStream, site: Arc<Site>) {
    let upgraded = OnceLock::new();
    let service = service_fn(|request| {
        std::future::ready(Ok::<_, std::convert::Infallible>(answer(&site, &upgraded, &request)))
    });
    let http = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let Ok(parts) = http.without_shutdown().await else { return };
    let Some(socket) = upgraded.get() else { return };
    // Frames may have come in right behind the request head.
    let (stream, early, config) = (parts.io.into_inner(), parts.read_buf.into(), socket_config());
    let stream =
        WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config)).await;
    match socket {
        Socket::Echo => sockets::echo(stream).await,
        Socket::Room => sockets::room(stream, &site.room).await,
    }
}

fn answer(site: &Site, upgraded: &OnceLock<Socket>, request: &Request<Incoming>) -> Reply {
    match request.uri().path() {
        "/echo" => upgrade(request, upgraded, Socket::Echo),
        "/room" => upgrade(request, upgraded, Socket::Room),
        _ if request.method() != Method::GET && request.method() != Method::HEAD => {
            text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n")
        }
        "/api/time" => time(request.headers()),
        path => match site.page.file(path) {
            Some((kind, body)) => reply(StatusCode::OK, kind, body),
            None => text(StatusCode::NOT_FOUND, "not part of the demo\n"),
        },
    }
}

/// 101 for a WebSocket handshake (RFC 6455 section 4.2), 426 for anything else.
fn upgrade(request: &Request<Incoming>, upgraded: &OnceLock<Socket>, socket: Socket) -> Reply {
    let Ok(response) = create_response_with_body(request, Full::default) else {
        let mut reply = text(StatusCode::UPGRADE_REQUIRED, "a WebSocket lives here\n");
        reply.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return reply;
    };
    // Never set before: nothing of HTTP follows a 101 on the same connection.
    upgraded.get_or_init(|| socket);
    response
}

/// The time, and the fields that tell a backend who is behind the gateway.
fn time(headers: &HeaderMap) -> Reply {
    const SEEN: [&str; 6] = [
        "host",
        "x-real-ip",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "forwarded",
    ];
    let seen: serde_json::Map<_, _> = SEEN
        .iter()
        .filter_map(|name| Some((name, headers.get(*name)?.to_str().ok()?)))
        .map(|(name, value)| ((*name).to_owned(), value.into()))
        .collect();
    let now = SystemTime::now();
    let unix_ms = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let body = serde_json::json!({
        "time": humantime::format_rfc3339_seconds(now).to_string(),
        "unix_ms": unix_ms,
        "seen": seen,
    });
    reply(StatusCode::OK, "application/json", body.to_string().into())
}

fn text(status: StatusCode, body: &'static str) -> Reply {
    reply(status, "text/plain; charset=utf-8", Bytes::from_static(body.as_bytes()))
}

fn reply(status: StatusCode, kind: &'static str, body: Bytes) -> Reply {
    const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src data:; \
                          base-uri 'none'; frame-ancestors 'none'";
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply
}

#[cfg(test)]
#[path = "backends_tests.rs"]
mod tests;

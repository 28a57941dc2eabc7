//! What every test needs: a gateway with a certificate, raw clients, scripted backends.

pub mod backend;
pub mod certificates;
pub mod client;
pub mod frames;
pub mod http2;
pub mod log;
pub mod program;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wsgate::accept::Inherited;
use wsgate::config;
use wsgate::config::model::ListenAddress;
use wsgate::control::Gateway;
use wsgate::life::End;
use wsgate::observe::access::Access;
use wsgate::observe::books::Books;
use wsgate::observe::line::Line;
use wsgate::observe::metrics::Metrics;

pub use backend::Backend;
pub use client::Client;

/// The name of the usual site.
pub const HOST: &str = "game.example.test";

/// How long a test waits for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway under test.
pub struct House {
    pub gateway: Gateway,
    lines: Arc<Mutex<Vec<Line>>>,
}

impl House {
    /// A gateway with one https listener and one site, whose routes are written in `routes`.
    pub async fn with_routes(routes: &str) -> Self {
        Self::with(&format!("{}\n{}\n{routes}", https_listener(), site(HOST))).await
    }

    /// A gateway with a whole configuration of the test's own.
    pub async fn with(text: &str) -> Self {
        Self::heard_by(text, |_| {}).await
    }

    /// The same, whose access lines `also` hears as well.
    pub async fn heard_by(text: &str, also: impl Fn(&Line) + Send + Sync + 'static) -> Self {
        let (config, _) = read(text);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&lines);
        let books = Books::new(Access::off()).heard_by(move |line: &Line| {
            heard.lock().unwrap().push(line.clone());
            also(line);
        });
        let gateway =
            Gateway::start_with(config, books, Inherited::default()).await.expect("it starts");
        Self { gateway, lines }
    }

    pub fn address(&self) -> SocketAddr {
        self.address_of(0)
    }

    pub fn address_of(&self, listener: usize) -> SocketAddr {
        match &self.gateway.addresses()[listener] {
            ListenAddress::Tcp(address) => *address,
            other => panic!("{other} is not TCP"),
        }
    }

    pub fn metrics(&self) -> &Metrics {
        &self.gateway.books().metrics
    }

    /// A TLS connection to the usual site.
    pub async fn client(&self) -> Client {
        Client::tls(self.address(), HOST).await.expect("a TLS handshake")
    }

    /// A WebSocket on `path`.
    pub async fn socket(&self, path: &str) -> Client {
        let mut client = self.client().await;
        let head = client.upgrade(path, "").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client
    }

    /// Waits for the next access line.
    pub async fn line(&self) -> Line {
        self.lines(1).await.remove(0)
    }

    /// Waits for `count` access lines and takes them.
    pub async fn lines(&self, count: usize) -> Vec<Line> {
        until(|| self.lines.lock().unwrap().len() >= count).await;
        let mut lines = self.lines.lock().unwrap();
        lines.drain(..count).collect()
    }

    /// Waits for the next access line and returns how it says that it ended.
    pub async fn end(&self) -> End {
        self.line().await.end
    }

    /// Nothing is left: no connection, no request, no socket.
    pub async fn finish(self) {
        let metrics = self.metrics();
        let left =
            || (metrics.connections.value(), metrics.requests.value(), metrics.sockets.value());
        until(|| left() == (0, 0, 0) && self.gateway.live() == 0).await;
        assert_eq!(self.gateway.stop(std::future::pending()).await, 0, "connections had to be cut");
    }
}

/// Parses a configuration as if it stood in a folder that has the certificates. Gateways stand
/// side by side here, so none has the usual address of `[admin]`.
pub fn read(text: &str) -> (config::Config, config::Report) {
    let path = Path::new(certificates::folder()).join("gateway.toml");
    let text = match text.contains("[admin]") {
        true => text.to_owned(),
        false => format!("[admin]\nlisten = \"off\"\n{text}"),
    };
    config::parse(&path, &text, &|_| None).unwrap_or_else(|report| panic!("{}", report.render()))
}

pub fn https_listener() -> &'static str {
    "[[listeners]]\naddress = \"127.0.0.1:0\"\nprotocol = \"https\"\n"
}

/// A `[[sites]]` with the test certificate of `host`; its routes are to follow.
pub fn site(host: &str) -> String {
    let (certificate, key) = certificates::of(host);
    format!(
        "[[sites]]\ndomains = [\"{host}\"]\ncertificate = \"{certificate}\"\nprivate_key = \"{key}\"\n"
    )
}

/// A `[[sites.routes]]`; keys of the route or of its tables may follow.
pub fn route(path: &str, backend: &Backend) -> String {
    format!("[[sites.routes]]\npath = \"{path}\"\nbackend = \"{}\"\n", backend.address())
}

/// Polls until `done`, or fails the test.
pub async fn until(mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "it did not happen in {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits for `work`, or fails the test.
pub async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it takes too long")
}

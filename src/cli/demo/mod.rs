//! `wsgate demo`: everything that a gateway needs on a fresh machine, made on the spot: a
//! certificate, a `gateway.toml`, backends and a page that shows what happens. The gateway itself
//! is the ordinary one; this folder does not know how it works.

pub mod backends;
pub mod certificate;
mod command;
pub mod folder;
pub mod page;
pub mod room;
pub mod sockets;

pub use command::{Options, run};

use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::cli::demo::backends::Backends;
use crate::cli::demo::folder::{Folder, FolderError};
use crate::cli::demo::page::Page;

/// Where the demo listens unless told otherwise.
pub const PORT: u16 = 8443;

/// The room's heartbeat: short, so that it can be watched.
pub const ROOM_BEAT: Beat = Beat { client_ping: 5, client_timeout: 15 };

/// The echo's heartbeat: what a route has unless told otherwise.
pub const ECHO_BEAT: Beat = Beat { client_ping: 25, client_timeout: 60 };

/// A route's heartbeat, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// A client silent this long is sent a Ping.
    pub client_ping: u32,
    /// A client silent this long is gone.
    pub client_timeout: u32,
}

/// What stands ready for a gateway: backends that run, files that are written.
///
/// Dropping it stops the backends and removes the folder unless the user named it.
#[derive(Debug)]
pub struct Demo {
    port: u16,
    folder: Folder,
    backends: Backends,
}

/// What keeps the demo from starting.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The backends found no free port.
    #[error("the demo's backends cannot listen on 127.0.0.1: {0}")]
    Backends(#[source] io::Error),
    /// No randomness, most likely.
    #[error("the demo's certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The folder or a file in it.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

impl Demo {
    /// Starts the backends and writes certificate, key and `gateway.toml` into `folder`, or into
    /// a fresh one. `port` (not 0: pages name it) is where the gateway will listen. Needs a tokio
    /// runtime.
    ///
    /// # Errors
    /// [`DemoError`]; nothing is left behind then but a folder that the user named.
    pub async fn set_up(port: u16, folder: Option<&Path>) -> Result<Self, DemoError> {
        let folder = match folder {
            Some(path) => Folder::named(path)?,
            None => Folder::fresh()?,
        };
        let backends =
            backends::backends(Page::with_heartbeats()).await.map_err(DemoError::Backends)?;
        let made = certificate::certificate(SystemTime::now())?;
        let config = gateway_toml(port, backends.address(), has_ipv6_loopback());
        folder.write_config(&config)?;
        folder.write("ca.crt", &made.authority)?;
        folder.write("localhost.crt", &made.leaf)?;
        folder.write_secret("localhost.key", &made.leaf_key)?;
        Ok(Self { port, folder, backends })
    }

    /// The `gateway.toml` to run.
    pub fn config(&self) -> PathBuf {
        self.folder.config()
    }

    /// Where to look at it.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/", self.port)
    }

    /// What to print once the gateway listens.
    pub fn greeting(&self) -> String {
        let folder = self.folder.path().display();
        let kept = if self.folder.is_kept() { "" } else { " (removed when the demo stops)" };
        format!(
            "\n  Open {url}\n\n  \
             The browser will warn: it does not know the authority that signed this certificate,\n  \
             for it was made a moment ago. Choose \"Advanced\" and continue to localhost, or trust\n  \
             ca.crt from the folder below; the authority's key is not kept, so nothing else can be\n  \
             signed with it. Without a browser:\n\n    \
             curl --cacert {folder}/ca.crt {url}api/time\n\n  \
             files     {folder}{kept}\n  \
             config    {config}\n  \
             backends  http://{backends} (/, /api/time, /echo, /room)\n\n  \
             Ctrl-C stops it. Access lines follow.\n",
            url = self.url(),
            config = self.config().display(),
            backends = self.backends.address(),
        )
    }
}

/// Whether this machine has `::1`: browsers try it first for `localhost`.
fn has_ipv6_loopback() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

/// The demo's `gateway.toml`: a small example of the real thing.
fn gateway_toml(port: u16, backends: SocketAddr, ipv6: bool) -> String {
    let ipv6 = match ipv6 {
        true => format!("\n[[listeners]]\naddress = \"[::1]:{port}\"\nprotocol = \"https\"\n"),
        false => String::new(),
    };
    format!(
        r#"{mark}
[gateway.drain]            # Ctrl-C should not take long here
timeout = "3s"
spread = "500ms"

[admin]                    # it may stand beside a gateway that has the usual address
listen = "off"

[[listeners]]
address = "127.0.0.1:{port}"
protocol = "https"
{ipv6}
[backends.demo]            # the page, the echo and the room are one plain HTTP server
servers = ["{backends}"]

[[sites]]
domains = ["localhost"]
certificate = "localhost.crt"
private_key = "localhost.key"

[[sites.routes]]           # the page and /api/time; a WebSocket has no business here
path = "/"
backend = "demo"
upgrade = "never"

[[sites.routes]]
path = "= /echo"
backend = "demo"
upgrade = "only"
[sites.routes.heartbeat]   # the defaults, written out
client_ping = "{echo_ping}s"
client_timeout = "{echo_timeout}s"
[sites.routes.limits]
message_size = "256KiB"    # the page has a button that sends more

[[sites.routes]]
path = "= /room"
backend = "demo"
upgrade = "only"
[sites.routes.clients]
origins = ["https://localhost:{port}"]
[sites.routes.heartbeat]   # short, so that it can be watched
client_ping = "{room_ping}s"
client_timeout = "{room_timeout}s"
"#,
        mark = folder::MARK,
        echo_ping = ECHO_BEAT.client_ping,
        echo_timeout = ECHO_BEAT.client_timeout,
        room_ping = ROOM_BEAT.client_ping,
        room_timeout = ROOM_BEAT.client_timeout,
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn everything_the_gateway_needs_is_there_and_gone_again_afterwards() {
        let demo = Demo::set_up(18_443, None).await.expect("a demo");
        let folder = demo.config().parent().expect("a folder").to_owned();
        let text = fs::read_to_string(demo.config()).expect("the configuration");
        let table: toml::Table = text.parse().expect("TOML");
        let site = &table["sites"][0];
        for key in ["certificate", "private_key"] {
            let name = site[key].as_str().expect("a name");
            assert!(fs::read_to_string(folder.join(name)).expect(name).contains("-----BEGIN"));
        }
        let server = table["backends"]["demo"]["servers"][0].as_str().expect("an address");
        TcpListener::bind(server).expect_err("the backends listen there");
        assert_eq!(
            site["routes"][2]["clients"]["origins"][0].as_str(),
            Some("https://localhost:18443")
        );
        drop(demo);
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn the_private_key_is_readable_by_its_owner_only() {
        let demo = Demo::set_up(18_444, None).await.expect("a demo");
        let key = demo.config().with_file_name("localhost.key");
        let mode = |path: &Path| fs::metadata(path).expect("it exists").permissions().mode();
        assert_eq!(mode(&key) & 0o777, 0o600);
        assert_eq!(mode(key.parent().expect("a folder")) & 0o777, 0o700);
    }

    #[tokio::test]
    async fn the_greeting_says_where_to_go_and_how_to_trust_it() {
        let demo = Demo::set_up(18_445, None).await.expect("a demo");
        let greeting = demo.greeting();
        for part in ["https://localhost:18445/", "ca.crt", "gateway.toml", "removed when"] {
            assert!(greeting.contains(part), "{part} in {greeting}");
        }
    }

    #[test]
    fn without_ipv6_there_is_one_listener() {
        let backends = SocketAddr::from(([127, 0, 0, 1], 1));
        for (ipv6, count) in [(true, 2), (false, 1)] {
            let table: toml::Table = gateway_toml(8443, backends, ipv6).parse().expect("TOML");
            assert_eq!(table["listeners"].as_array().map(Vec::len), Some(count));
        }
    }
}

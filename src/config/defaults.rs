//! Every default of the contract, once, with its reason. Knows no keys that have none.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::config::model::{OverLimit, Rate};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// `gateway.workers`: one thread per core; the relay is bound by the kernel's socket code.
pub const WORKERS: usize = 0;
/// `gateway.max_connections`: about 1.6 GiB of memory with the kernel's share when all are idle.
pub const MAX_CONNECTIONS: usize = 100_000;

/// `gateway.drain.timeout`: within the 90 s that systemd waits before it kills.
pub const DRAIN_TIMEOUT: Duration = seconds(30);
/// `gateway.drain.spread`: clients that reconnect at once come over ten seconds, not in one.
pub const DRAIN_SPREAD: Duration = seconds(10);
/// `gateway.drain.close_code`: "service restart", which asks the client to come back.
pub const DRAIN_CLOSE_CODE: u16 = 1012;
/// `gateway.drain.close_reason`: what 1012 means, for clients that only log the text.
pub const DRAIN_CLOSE_REASON: &str = "service restart";

/// `gateway.max_connections_per_ip`: many phones share one address of a mobile network.
pub const MAX_CONNECTIONS_PER_IP: Option<usize> = None;
/// `gateway.handshakes_per_ip`: the same; after an outage they all come back at once.
pub const HANDSHAKES_PER_IP: Option<Rate> = None;

/// `gateway.memory`: what a machine has to spare is known to its owner only.
pub const MEMORY: Option<u64> = None;

/// `gateway.http2_websocket`: WebSockets of browsers come by HTTP/1.1 then, one connection each.
pub const HTTP2_WEBSOCKET: bool = false;
/// `listeners.http2`: as Caddy and HAProxy; who does not ask for it by ALPN gets HTTP/1.1.
pub const HTTP2: bool = true;

/// `gateway.timeouts.proxy_header`: the load balancer is near, and writes it first.
pub const PROXY_HEADER: Duration = seconds(5);
/// `gateway.timeouts.tls_handshake`: a slow mobile network needs three seconds at worst.
pub const TLS_HANDSHAKE: Duration = seconds(10);
/// `gateway.timeouts.request_head`: long enough for a bad network, short against slowloris.
pub const REQUEST_HEAD: Duration = seconds(10);
/// `gateway.timeouts.request_body`: a phone in a lift comes back within half a minute.
pub const REQUEST_BODY_WAIT: Duration = seconds(30);
/// `gateway.timeouts.keep_alive`: as nginx, which the clients of a service are used to.
pub const KEEP_ALIVE: Duration = seconds(75);
/// `gateway.timeouts.close`: two round trips on a bad network for the answer to a Close frame.
pub const CLOSE: Duration = seconds(5);
/// `gateway.limits.header_size`: room for large cookies, four times the usual 8 KiB.
pub const HEADER_SIZE: u64 = 32 * 1024;
/// `gateway.limits.headers`: browsers send about twenty.
pub const HEADERS: usize = 100;

/// `sites.strict_transport_security`: browsers remember it for longer than a mistake should last.
pub const STRICT_TRANSPORT_SECURITY: Option<String> = None;

/// `routes.status`: what every client has understood since 1996; 308 keeps the method, too.
pub const REDIRECT_STATUS: u16 = 301;
/// `reply.status`: a health check wants it.
pub const REPLY_STATUS: u16 = 200;
/// `reply.content_type`: what people write by hand.
pub const REPLY_CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// `log.level`: how connections end, and nothing per message.
pub const LOG_LEVEL: &str = "info";

/// `admin.listen`: for this machine only; next to the 9xxx ports of other exporters.
pub const ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);

/// `acme.directory`: the CA that asks for nothing but a proof of the name.
pub const ACME_DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// `acme.storage`: what the unit file's StateDirectory= makes writable.
pub const ACME_STORAGE: &str = "/var/lib/wsgate/acme";

/// `backends.NAME.connect_timeout`: a backend that near either answers at once or is down.
pub const CONNECT_TIMEOUT: Duration = seconds(3);

/// `backends.NAME.resolve_every`: a deploy that moves a name is followed within seconds.
pub const RESOLVE_EVERY: Duration = seconds(10);
/// `backends.NAME.servers.weight`: every server the same.
pub const WEIGHT: u32 = 1;
/// `backends.NAME.health.every`: with `fall`, a hung server is left out after a quarter minute.
pub const HEALTH_EVERY: Duration = seconds(5);
/// `backends.NAME.health.timeout`: what takes longer is not well.
pub const HEALTH_TIMEOUT: Duration = seconds(2);
/// `backends.NAME.health.fall`: one lost check is an accident.
pub const HEALTH_FALL: u32 = 3;
/// `backends.NAME.health.rise`: one good answer may be a server that is still starting.
pub const HEALTH_RISE: u32 = 2;

/// `heartbeat.client_ping`: under the 30 to 60 s after which mobile NATs forget a mapping.
pub const CLIENT_PING: Option<Duration> = Some(seconds(25));
/// `heartbeat.client_timeout`: two pings may be lost before a client counts as gone.
pub const CLIENT_TIMEOUT: Option<Duration> = Some(seconds(60));
/// `heartbeat.backend_ping`: a backend is next door; its death shows as a reset.
pub const BACKEND_PING: Option<Duration> = None;
/// `heartbeat.backend_timeout`: a backend may have nothing to say for hours.
pub const BACKEND_TIMEOUT: Option<Duration> = None;
/// `heartbeat.idle_timeout`: a quiet socket that answers pings is in use.
pub const IDLE_TIMEOUT: Option<Duration> = None;
/// `heartbeat.max_age`: sockets live as long as both sides want.
pub const MAX_AGE: Option<Duration> = None;
/// `heartbeat.close_code`: "going away": the client may reconnect.
pub const HEARTBEAT_CLOSE_CODE: u16 = 1001;

/// `limits.message_size`: far above what a game or chat sends, far below what hurts a backend.
pub const MESSAGE_SIZE: Option<u64> = Some(1024 * 1024);
/// `limits.messages`: what is too fast is known to the application only.
pub const MESSAGES: Option<Rate> = None;
/// `limits.bytes`: the same.
pub const BYTES: Option<Rate> = None;
/// `limits.over_limit`: who floods is not slow by mistake.
pub const OVER_LIMIT: OverLimit = OverLimit::Close;
/// `limits.connections`: a route shares `gateway.max_connections` with the others.
pub const ROUTE_CONNECTIONS: Option<usize> = None;
/// `limits.stalled_writer`: a phone in a tunnel comes back within half a minute, or not at all.
pub const STALLED_WRITER: Option<Duration> = Some(seconds(30));
/// `limits.request_body`: a photo from a phone.
pub const REQUEST_BODY: Option<u64> = Some(10 * 1024 * 1024);

/// `routes.index`: what every web server looks for.
pub const INDEX: &[&str] = &["index.html"];
/// `routes.cache`: only who names the files knows how long they stay what they are.
pub const CACHE: Option<Duration> = None;
/// `routes.compress`: it costs processor time, and a page with secrets must not be compressed beside
/// what a stranger chose.
pub const COMPRESS: bool = false;

/// `timeouts.upgrade_response`: a login check behind the handshake may ask a platform's API.
pub const UPGRADE_RESPONSE: Option<Duration> = Some(seconds(10));
/// `timeouts.response`: as nginx's `proxy_read_timeout`.
pub const RESPONSE: Option<Duration> = Some(seconds(60));

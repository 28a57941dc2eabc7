//! What a probe saw, stage by stage, and what follows from it: plain values, ready for JSON. Knows
//! nothing of how they were come by.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// The whole outcome.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The URL, with secrets in its query hidden.
    pub url: String,
    /// Whether mini programs on phones would connect.
    pub phone_would_connect: bool,
    /// Where `--connect-to` led instead.
    pub connected_to: Option<String>,
    /// What was sent to look like one.
    pub sent: Sent,
    /// In the order in which they were walked.
    pub stages: Vec<Step>,
    /// Everything that phones object to, and what comes close.
    pub findings: Vec<Finding>,
}

/// How the probe looked to the server.
#[derive(Debug, Serialize)]
pub struct Sent {
    /// The Origin header.
    pub origin: Option<String>,
    /// The Referer header.
    pub referer: Option<String>,
    /// What `Sec-WebSocket-Protocol` offered.
    pub subprotocols: Vec<String>,
}

/// A stage with its time.
#[derive(Debug, Serialize)]
pub struct Step {
    /// Since the probe began.
    #[serde(rename = "began_ms", serialize_with = "milliseconds")]
    pub began: Duration,
    /// How long it took.
    #[serde(rename = "took_ms", serialize_with = "milliseconds")]
    pub took: Duration,
    /// What was seen.
    #[serde(flatten)]
    pub stage: Stage,
}

/// The stages of a connection.
#[derive(Debug, Serialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// The host's addresses.
    Dns(Dns),
    /// A connection to each of them.
    Tcp {
        /// In the resolver's order.
        attempts: Vec<Attempt>,
    },
    /// The TLS handshake.
    Tls(Tls),
    /// The WebSocket handshake.
    Handshake(Handshake),
    /// What came first.
    FirstFrame {
        /// `None`: nothing came in the time given.
        frame: Option<Frame>,
        /// The server ended the socket instead.
        ended: Option<Ended>,
    },
    /// A Ping and its Pong.
    Ping {
        /// Whether the Pong came.
        answered: bool,
        /// The server ended the socket instead.
        ended: Option<Ended>,
    },
    /// Staying silent until somebody closes.
    Silence(Silence),
    /// The closing handshake that the probe began.
    Close {
        /// How the server took it.
        ended: Option<Ended>,
    },
    /// A second TLS handshake with what the first one left behind.
    Resumption {
        /// Whether the server resumed the session.
        resumed: bool,
        /// What kept it from being tried.
        error: Option<String>,
    },
}

impl Stage {
    /// As it is called in the report.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Dns(_) => "DNS",
            Self::Tcp { .. } => "TCP",
            Self::Tls(_) => "TLS",
            Self::Handshake(_) => "handshake",
            Self::FirstFrame { .. } => "first frame",
            Self::Ping { .. } => "ping",
            Self::Silence(_) => "silence",
            Self::Close { .. } => "close",
            Self::Resumption { .. } => "resumption",
        }
    }
}

/// What the resolver said.
#[derive(Debug, Default, Serialize)]
pub struct Dns {
    /// The name asked for.
    pub name: String,
    /// A records.
    pub v4: Vec<String>,
    /// AAAA records.
    pub v6: Vec<String>,
    /// Why there are none.
    pub error: Option<String>,
}

/// One connection.
#[derive(Debug, Serialize)]
pub struct Attempt {
    /// `ip:port`
    pub address: String,
    /// How long it took.
    #[serde(rename = "took_ms", serialize_with = "milliseconds")]
    pub took: Duration,
    /// Why it failed.
    pub error: Option<String>,
}

/// What TLS agreed on, or why it did not.
#[derive(Debug, Default, Serialize)]
pub struct Tls {
    /// `TLS 1.3`
    pub version: Option<String>,
    /// The key exchange's group.
    pub group: Option<String>,
    /// The cipher suite.
    pub cipher: Option<String>,
    /// The protocol that ALPN chose.
    pub alpn: Option<String>,
    /// As sent, leaf first.
    pub chain: Vec<Certificate>,
    /// Where the chain leads, when it leads to somebody trusted.
    pub root: Option<String>,
    /// Why the handshake failed.
    pub error: Option<String>,
    /// What the server speaks instead, by its answer to an older ClientHello.
    pub speaks: Option<String>,
}

/// A certificate of the chain.
#[derive(Debug, Serialize)]
pub struct Certificate {
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The names it is for.
    pub names: Vec<String>,
    /// `2026-11-21`
    pub not_before: String,
    /// `2026-11-21`
    pub not_after: String,
    /// Until then; negative once expired.
    pub days_left: i64,
    /// `EC P-256`, `RSA 2048`
    pub key: String,
    /// `ecdsa-with-SHA256`
    pub signature: String,
}

/// The answer to the WebSocket handshake.
#[derive(Debug, Default, Serialize)]
pub struct Handshake {
    /// The status, when there was an answer.
    pub status: Option<u16>,
    /// The words behind it.
    pub reason: String,
    /// As received, in order.
    pub headers: Vec<(String, String)>,
    /// What the server chose.
    pub subprotocol: Option<String>,
    /// What the server switched on.
    pub extensions: Option<String>,
    /// The beginning of a refusal's body.
    pub body: Option<String>,
    /// Other Origins, tried after a 403.
    pub origins_tried: Vec<Trial>,
    /// Why there was no answer.
    pub error: Option<String>,
}

impl Handshake {
    /// The values of a header, joined as one list.
    pub fn header(&self, name: &str) -> Option<String> {
        let same = self.headers.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name));
        let values: Vec<&str> = same.map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

/// The same handshake as somebody else.
#[derive(Debug, Serialize)]
pub struct Trial {
    /// The Origin sent; `None` is without one.
    pub origin: Option<String>,
    /// The status, when there was an answer.
    pub status: Option<u16>,
}

/// A message.
#[derive(Debug, Serialize)]
pub struct Frame {
    /// `text`, `binary`, `ping`
    pub kind: &'static str,
    /// Its payload's bytes.
    pub bytes: usize,
    /// The beginning of a text.
    pub text: Option<String>,
}

/// How it went while the probe said nothing.
#[derive(Debug, Default, Serialize)]
pub struct Silence {
    /// How long it was to last.
    #[serde(rename = "limit_ms", serialize_with = "milliseconds")]
    pub limit: Duration,
    /// Since the last byte either way, when it ended.
    #[serde(rename = "quiet_ms", serialize_with = "milliseconds")]
    pub quiet: Duration,
    /// Messages that came.
    pub messages: u64,
    /// Pings that came, and were answered.
    pub pings: u64,
    /// `None`: the socket still lived at the end.
    pub ended: Option<Ended>,
}

/// How the server ended the socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Ended {
    /// With a Close frame.
    CloseFrame {
        /// 1005 when the frame had none.
        code: u16,
        /// May be empty.
        reason: String,
    },
    /// The stream ended without one.
    Fin,
    /// The connection was reset.
    Reset,
    /// What came is not RFC 6455.
    Broken {
        /// The rule that was broken.
        rule: String,
        /// The first bytes behind the 101, when they are HTTP text.
        http: Option<String>,
    },
}

/// Something that a phone objects to, or nearly.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Whether phones (some of them, at least) fail because of it.
    pub fatal: bool,
    /// Where: the name of a stage, or `URL`.
    #[serde(serialize_with = "snake_case")]
    pub stage: &'static str,
    /// In a few words.
    pub what: String,
    /// What the mini program sees.
    pub phone_shows: String,
    /// Why.
    pub cause: String,
    /// What helps.
    #[serde(rename = "do")]
    pub action: String,
}

/// As the stages are called in JSON.
fn snake_case<S: Serializer>(it: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&it.to_ascii_lowercase().replace(' ', "_"))
}

/// Milliseconds with one digit behind the point.
fn milliseconds<S: Serializer>(it: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((it.as_secs_f64() * 10_000.0).round() / 10.0)
}

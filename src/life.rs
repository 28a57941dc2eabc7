//! The words for how a connection lives and ends, and the only way to wait. Knows no other room.
//!
//! Every connection, request and socket ends in exactly one [`End`]: who ended it, at which
//! [`Stage`], and the [`Cause`]. The same value goes into the close frame, the access line and the
//! counter, so the three can never disagree.

use std::fmt;
use std::future::Future;
use std::time::Duration;

/// Waits for `work`, at most `limit`.
///
/// `timer` names the wait, so that whoever reads the log knows which key of the configuration
/// ended it. No limit (`None`) means that the configuration says `"off"`.
///
/// # Errors
/// [`Elapsed`] when the limit passed first; the work is dropped then.
pub async fn within<F: Future>(
    limit: Option<Duration>,
    timer: Timer,
    work: F,
) -> Result<F::Output, Elapsed> {
    match limit {
        None => Ok(work.await),
        #[allow(clippy::disallowed_methods, reason = "this is the one place that names every wait")]
        Some(limit) => match tokio::time::timeout(limit, work).await {
            Ok(output) => Ok(output),
            Err(_) => Err(Elapsed { timer, limit }),
        },
    }
}

/// A wait that ran out: which one, and how long it was allowed to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} ran out after {limit:?}", timer.name())]
pub struct Elapsed {
    /// Which wait it was.
    pub timer: Timer,
    /// Its limit from the configuration.
    pub limit: Duration,
}

/// How something ended. One value feeds the close frame, the access line and the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Who ended it.
    pub by: By,
    /// How far it had come.
    pub stage: Stage,
    /// Why.
    pub cause: Cause,
}

impl End {
    /// Puts the three together.
    pub const fn new(by: By, stage: Stage, cause: Cause) -> Self {
        Self { by, stage, cause }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by={} stage={}", self.cause, self.by.name(), self.stage.name())
    }
}

/// Declares a plain enum together with the stable name of each value and the list of all.
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$item_doc])* $item,)+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$item,)+];

            /// The name used in logs and counters. Stable: tools outside the project read it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$item => $text,)+ }
            }
        }
    };
}

vocabulary! {
    /// Who ended it.
    By {
        /// The peer that connected to a listener.
        Client = "client",
        /// The server behind the route.
        Backend = "backend",
        /// wsgate itself: a rule, a timer, a drain.
        Gateway = "gateway",
    }
}

vocabulary! {
    /// The stages of a connection's life, in order; each is a room of the house.
    Stage {
        /// Accepted, nothing read yet.
        Accept = "accept",
        /// TLS handshake.
        Tls = "tls",
        /// Reading and checking a request head.
        Request = "request",
        /// Origin, app id, address.
        Admission = "admission",
        /// Dialling the backend.
        Connect = "connect",
        /// The WebSocket handshake with the backend.
        Handshake = "handshake",
        /// A plain HTTP exchange.
        Exchange = "exchange",
        /// Frames in both directions.
        Relay = "relay",
    }
}

vocabulary! {
    /// Every bounded wait, named after its key in the configuration.
    Timer {
        /// `gateway.timeouts.tls_handshake`
        TlsHandshake = "tls_handshake",
        /// `gateway.timeouts.request_head`
        RequestHead = "request_head",
        /// `gateway.timeouts.keep_alive`
        KeepAlive = "keep_alive",
        /// `gateway.timeouts.close`
        Close = "close",
        /// `backends.NAME.connect_timeout`
        Connect = "connect_timeout",
        /// `timeouts.upgrade_response`
        UpgradeResponse = "upgrade_response",
        /// `timeouts.response`
        Response = "response",
        /// `heartbeat.client_timeout`
        ClientSilent = "client_timeout",
        /// `heartbeat.backend_timeout`
        BackendSilent = "backend_timeout",
        /// `heartbeat.idle_timeout`
        Idle = "idle_timeout",
        /// `heartbeat.max_age`
        MaxAge = "max_age",
        /// `limits.stalled_writer`
        StalledWriter = "stalled_writer",
        /// `gateway.drain.timeout`
        Drain = "drain_timeout",
    }
}

vocabulary! {
    /// Why a client was turned away before any backend saw a byte.
    Refusal {
        /// The head is not one HTTP/1.1 request with one meaning (RFC 9112).
        BadRequest = "bad_request",
        /// No Host, several, or one that disagrees with the request target.
        BadHost = "bad_host",
        /// The Host does not belong to the site of the SNI, or to any site.
        Misdirected = "misdirected",
        /// The path has no single meaning: encoded slash, NUL, bad escape, above the root.
        BadPath = "bad_path",
        /// No route has this path.
        NoRoute = "no_route",
        /// The address is not allowed on this route.
        Address = "address",
        /// The Origin is not on the route's list.
        Origin = "origin",
        /// Neither an Origin nor a mini-program Referer, and the route wants one.
        MissingOrigin = "missing_origin",
        /// The mini program's app id is not on the route's list.
        AppId = "app_id",
        /// A plain request to a route that only takes WebSockets.
        UpgradeRequired = "upgrade_required",
        /// A WebSocket handshake on a route that takes none.
        UpgradeNever = "upgrade_never",
        /// The WebSocket handshake breaks RFC 6455 section 4.2.1.
        BadHandshake = "bad_handshake",
        /// A WebSocket version other than 13 (RFC 6455 section 4.4).
        Version = "version",
        /// An Upgrade to something other than websocket, or CONNECT.
        ForeignUpgrade = "foreign_upgrade",
        /// The request body is longer than `limits.request_body`.
        BodyTooLarge = "body_too_large",
        /// The gateway is draining and takes no new sockets.
        Draining = "draining",
        /// A plain request on an http listener, answered with a redirect.
        Redirected = "redirected",
    }
}

vocabulary! {
    /// What went wrong in the TLS handshake.
    TlsFault {
        /// The client sent no server name.
        NoName = "no_name",
        /// The server name is in no site.
        UnknownName = "unknown_name",
        /// Not TLS, or no common version, cipher or signature.
        Failed = "failed",
        /// The connection ended in the middle.
        Broken = "broken",
    }
}

vocabulary! {
    /// What a backend did wrong.
    Fault {
        /// Nobody listens there.
        Refused = "refused",
        /// The name does not resolve, or the network does not reach it.
        Unreachable = "unreachable",
        /// It closed the connection without an answer.
        NoAnswer = "no_answer",
        /// Its answer is not HTTP, or broke off.
        BadAnswer = "bad_answer",
        /// 101 without having been asked.
        UnaskedUpgrade = "unasked_upgrade",
        /// 101 with a wrong or missing Sec-WebSocket-Accept, Upgrade or Connection.
        BadAccept = "bad_accept",
        /// A subprotocol that the client did not offer.
        UnofferedSubprotocol = "unoffered_subprotocol",
        /// An extension that the client did not offer.
        UnofferedExtension = "unoffered_extension",
        /// It declined the handshake with an ordinary answer, which was passed on.
        Declined = "declined",
    }
}

vocabulary! {
    /// The rule of RFC 6455 that a frame broke.
    Rule {
        /// A client frame without a mask, or a server frame with one (5.1).
        Mask = "mask",
        /// A reserved bit without an extension that gives it meaning (5.2).
        ReservedBit = "reserved_bit",
        /// A reserved opcode (5.2).
        Opcode = "opcode",
        /// A length not in its shortest form, or with the top bit set (5.2).
        Length = "length",
        /// A control frame that is fragmented or longer than 125 bytes (5.5).
        Control = "control",
        /// A continuation without a beginning, or a beginning inside a message (5.4).
        Sequence = "sequence",
        /// A close code that must not be on the wire, or a payload of one byte (5.5.1, 7.4).
        CloseCode = "close_code",
        /// A close reason that is not UTF-8 (5.5.1).
        CloseReason = "close_reason",
    }
}

/// Why something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An HTTP exchange or a keep-alive connection came to its ordinary end.
    Finished,
    /// A Close frame; the code is 1005 when the frame carried none.
    Close(u16),
    /// The stream ended without a Close frame.
    Fin,
    /// The stream broke: reset, or an error of the network.
    Reset,
    /// A wait ran out.
    Timer(Timer),
    /// The client was turned away.
    Refusal(Refusal),
    /// The TLS handshake failed.
    Tls(TlsFault),
    /// The backend failed.
    Backend(Fault),
    /// A frame broke a rule of RFC 6455.
    Protocol(Rule),
    /// A message was longer than `limits.message_size`.
    MessageTooBig,
    /// The gateway is being stopped, or the route went away.
    Drained,
    /// A second signal, or the end of the drain: cut.
    Stopped,
}

impl Cause {
    /// How many different causes are counted: one counter for each [`Cause::index`].
    pub const COUNT: usize = TIMERS
        + Timer::ALL.len()
        + Refusal::ALL.len()
        + TlsFault::ALL.len()
        + Fault::ALL.len()
        + Rule::ALL.len();

    /// The place of this cause among the counters; all close codes share one.
    pub const fn index(self) -> usize {
        const REFUSALS: usize = TIMERS + Timer::ALL.len();
        const TLS: usize = REFUSALS + Refusal::ALL.len();
        const FAULTS: usize = TLS + TlsFault::ALL.len();
        const RULES: usize = FAULTS + Fault::ALL.len();
        match self {
            Self::Finished => 0,
            Self::Close(_) => 1,
            Self::Fin => 2,
            Self::Reset => 3,
            Self::MessageTooBig => 4,
            Self::Drained => 5,
            Self::Stopped => 6,
            Self::Timer(it) => TIMERS + it as usize,
            Self::Refusal(it) => REFUSALS + it as usize,
            Self::Tls(it) => TLS + it as usize,
            Self::Backend(it) => FAULTS + it as usize,
            Self::Protocol(it) => RULES + it as usize,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("finished"),
            Self::Close(code) => write!(f, "close:{code}"),
            Self::Fin => f.write_str("fin"),
            Self::Reset => f.write_str("reset"),
            Self::Timer(it) => write!(f, "timer:{}", it.name()),
            Self::Refusal(it) => write!(f, "refused:{}", it.name()),
            Self::Tls(it) => write!(f, "tls:{}", it.name()),
            Self::Backend(it) => write!(f, "backend:{}", it.name()),
            Self::Protocol(it) => write!(f, "protocol:{}", it.name()),
            Self::MessageTooBig => f.write_str("message_too_big"),
            Self::Drained => f.write_str("drained"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

/// The first counter of the timers; the plain causes stand before it.
const TIMERS: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_counter_of_its_own() {
        let mut causes = vec![
            Cause::Finished,
            Cause::Close(1000),
            Cause::Fin,
            Cause::Reset,
            Cause::MessageTooBig,
            Cause::Drained,
            Cause::Stopped,
        ];
        causes.extend(Timer::ALL.iter().map(|it| Cause::Timer(*it)));
        causes.extend(Refusal::ALL.iter().map(|it| Cause::Refusal(*it)));
        causes.extend(TlsFault::ALL.iter().map(|it| Cause::Tls(*it)));
        causes.extend(Fault::ALL.iter().map(|it| Cause::Backend(*it)));
        causes.extend(Rule::ALL.iter().map(|it| Cause::Protocol(*it)));
        let mut places: Vec<usize> = causes.iter().map(|it| it.index()).collect();
        places.sort_unstable();
        assert_eq!(places, (0..Cause::COUNT).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_wait_that_runs_out_says_which_one_it_was() {
        let limit = Some(Duration::from_millis(5));
        let waited = within(limit, Timer::Connect, std::future::pending::<()>()).await;
        let elapsed = waited.expect_err("nothing ever comes");
        assert_eq!(elapsed.timer, Timer::Connect);
        assert_eq!(elapsed.to_string(), "connect_timeout ran out after 5ms");
    }
}

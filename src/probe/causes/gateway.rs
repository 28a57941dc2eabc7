//! The answers that wsgate itself gives, by their words.

/// What each of wsgate's own refusals means, and what to do about it.
const OWN: [(&str, &str, &str); 17] = [
    (
        "this origin may not come here",
        "wsgate: `clients` of this route does not list the Origin that was sent",
        "add it to `origins` (phones send https://servicewechat.com, the host itself, \
         weapp://wechat-game-runtime, or nothing), or list the app id in `mini_programs`",
    ),
    (
        "requests without an origin may not come here",
        "wsgate: neither an Origin nor a mini program's Referer was sent, and the route asks for one",
        "`missing_origin = \"allow\"` in `clients`: iOS mini games send none",
    ),
    (
        "this mini program may not come here",
        "wsgate: `mini_programs` of this route does not list the app id in the Referer",
        "add the app id to `mini_programs`",
    ),
    (
        "this address may not come here",
        "wsgate: `addresses` of this route leaves this client's address out",
        "look at `allow` and `deny` in `addresses`; behind another proxy, at `trusted_proxies`",
    ),
    (
        "no WebSockets are served at this path",
        "wsgate: the route has `upgrade = \"never\"`",
        "use the WebSocket's path, or change the route's `upgrade`",
    ),
    (
        "WebSockets need wss:// here",
        "wsgate: this listener is there to lead to https (`redirect_to_https`), and a WebSocket \
         follows no redirect",
        "write wss:// instead of ws://, and the port of the https listener if it is not 443",
    ),
    (
        "only WebSockets are served at this path",
        "wsgate got no handshake: something before it removed the Upgrade headers",
        "let the proxy or CDN in front pass `Upgrade` and `Connection` on",
    ),
    (
        "nothing is served at this path",
        "wsgate: no route of this site begins like this path",
        "compare the path with the `path` of the routes",
    ),
    (
        "this host is not served on this connection",
        "wsgate: the Host belongs to no site, or to another than the TLS name",
        "add the host to `domains` of the site",
    ),
    (
        "the backend cannot be reached",
        "wsgate: no server of the backend takes a connection",
        "start the backend; compare its address with `servers` (or the route's `backend`)",
    ),
    (
        "no backend is up; try again",
        "wsgate: its checks have taken every server out, or the backend's name has no address",
        "start the backend; look at `health` and at the log",
    ),
    (
        "the backend closed the connection without an answer",
        "wsgate: the backend hung up on the handshake: Socket.IO does so for a path that is not \
         its own",
        "compare the path with the backend's (`strip_prefix` changes it on the way)",
    ),
    (
        "the backend took too long to answer",
        "wsgate: the backend took the handshake and did not answer it in time",
        "look at the backend's log; `timeouts.upgrade_response` is the limit",
    ),
    (
        "the backend's answer makes no sense",
        "wsgate: the backend's 101 breaks RFC 6455; the access line says how",
        "look at `end=` and `detail=` of the access line",
    ),
    (
        "the WebSocket handshake breaks RFC 6455",
        "wsgate: the handshake arrived broken: something before it changed the headers",
        "let the proxy or CDN in front pass the Sec-WebSocket-* headers on",
    ),
    (
        "the gateway is going down; try again",
        "wsgate is draining: it is being stopped",
        "try again when it is back",
    ),
    (
        "the path has no single meaning",
        "wsgate: the path has `..`, `%2f`, a backslash or the like",
        "write the path plainly",
    ),
];

/// Cause and remedy when the body is one of wsgate's own.
pub fn own_words(status: u16, body: &str) -> Option<(String, String)> {
    let words = body.strip_prefix(&status.to_string())?.split_once(": ")?.1;
    let (_, cause, action) = OWN.iter().find(|(own, _, _)| *own == words)?;
    Some(((*cause).to_owned(), (*action).to_owned()))
}

/// What a reason of wsgate's own in a Close frame means.
#[derive(Debug, PartialEq, Eq)]
pub struct OwnReason {
    begins: &'static str,
    /// Why it closed.
    pub cause: &'static str,
    /// Whether it closed for want of messages or frames from the client.
    pub of_silence: bool,
    /// What to do where Pings were answered: a heartbeat of Pings does not help.
    pub action: &'static str,
}

/// The meaning of a reason, when it is one of wsgate's own.
pub fn closing_words(reason: &str) -> Option<&'static OwnReason> {
    REASONS.iter().find(|it| reason.starts_with(it.begins))
}

const REASONS: [OwnReason; 4] = [
    OwnReason {
        begins: "no message for ",
        cause: "wsgate: `heartbeat.idle_timeout` of the route ran out; Pings don't count",
        of_silence: true,
        action: "let the mini program or the backend send messages more often than that, or raise \
                 `heartbeat.idle_timeout`",
    },
    OwnReason {
        begins: "client silent for ",
        cause: "wsgate: `heartbeat.client_timeout` of the route ran out",
        of_silence: true,
        action: "let the client answer Pings or send messages; look at `heartbeat.client_ping`",
    },
    OwnReason {
        begins: "backend silent for ",
        cause: "wsgate: `heartbeat.backend_timeout` of the route ran out",
        of_silence: false,
        action: "look whether the backend hangs, or does not answer Pings",
    },
    OwnReason {
        begins: "backend closed without a close frame",
        cause: "wsgate: the backend's stream ended; its log says why",
        of_silence: false,
        action: "look at the backend's log, and whether it was restarted",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_wsgate_is_known_by_status_and_words() {
        let found = own_words(404, "404 Not Found: nothing is served at this path");
        assert!(found.is_some_and(|(cause, _)| cause.contains("no route")));
        assert_eq!(own_words(404, "404 Not Found: something else"), None);
        let plain = own_words(403, "403 Forbidden: WebSockets need wss:// here");
        assert!(plain.is_some_and(|(_, action)| action.contains("wss://")));
        assert_eq!(own_words(403, "404 Not Found: nothing is served at this path"), None);
    }
}

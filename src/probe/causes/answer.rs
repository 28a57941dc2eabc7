//! What a handshake that did not come to a 101 means.

use super::{INVALID_STATUS, TIMER, TRANSPORT, fatal, gateway, refusal, tls};
use crate::probe::http::NoAnswer;
use crate::probe::plan::Target;
use crate::probe::report::{Finding, Handshake};

/// The head that WebSocket++, which phones seem to use, takes at most.
const HEAD: usize = 16_000;

/// No answer at all. `asked` is whether TLS had asked for a certificate of the client's.
pub fn of_none(none: &NoAnswer, asked: bool) -> Finding {
    let draft = |what: &str| fatal("handshake", what);
    match none {
        NoAnswer::Closed { .. } | NoAnswer::Broken(_) if asked => tls::client_certificate(),
        NoAnswer::Closed { .. } => draft("closed without an answer").told(
            TRANSPORT,
            format!(
                "{none}: Socket.IO does so for a path that is not its own; nginx with \
                 `return 444`; others when they crash"
            ),
            "look at the path (Socket.IO: /socket.io/?EIO=4&transport=websocket), then at the \
             server's log",
        ),
        NoAnswer::Silence => draft("no answer to the handshake").told(
            TIMER,
            "the server took the request and says nothing: the backend hangs, or the path leads \
             to something that waits for more",
            "look at the backend's log and at what it waits for (a database, a lock)",
        ),
        NoAnswer::Tls => draft("this port speaks TLS").told(
            TRANSPORT,
            "the URL says ws://, and the server wants TLS",
            "use wss://",
        ),
        NoAnswer::NotHttp(_) => draft("the answer is not HTTP").told(
            TRANSPORT,
            none.to_string(),
            "the port belongs to another protocol (MQTT over TLS, a raw socket, HTTP/2 only): \
             use its WebSocket port",
        ),
        NoAnswer::Endless => too_long(),
        NoAnswer::Broken(error) => {
            draft("the connection broke").told(TRANSPORT, error.clone(), "look at the server's log")
        }
    }
}

/// An answer with a status of its own.
pub fn of_refusal(target: &Target, handshake: &Handshake) -> Finding {
    let status = handshake.status.unwrap_or_default();
    let body = handshake.body.as_deref().unwrap_or_default();
    if let Some((cause, action)) = gateway::own_words(status, body) {
        return draft_of(handshake).told(INVALID_STATUS, cause, action);
    }
    let (cause, action) = refusal::known_body(body)
        .map(|(cause, action)| (cause.to_owned(), action.to_owned()))
        .unwrap_or_else(|| refusal::of_status(target, handshake));
    draft_of(handshake).told(INVALID_STATUS, cause, action)
}

fn draft_of(handshake: &Handshake) -> super::Draft {
    let answer = format!("{} {}", handshake.status.unwrap_or_default(), handshake.reason);
    fatal("handshake", format!("answered {}, not 101", answer.trim()))
}

/// A head that phones do not read to its end.
pub fn of_head_size(size: usize) -> Option<Finding> {
    (size > HEAD).then(too_long)
}

fn too_long() -> Finding {
    fatal("handshake", "the answer's head is too long").told(
        INVALID_STATUS,
        "phones read 16 000 bytes of it; large cookies are the usual reason",
        "have the server send fewer headers with the 101",
    )
}

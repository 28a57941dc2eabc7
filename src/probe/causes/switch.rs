//! A 101 that is not what the client asked for.

use super::{INVALID_STATUS, fatal, warning};
use crate::probe::face::Face;
use crate::probe::report::{Finding, Handshake};

/// What keeps every client from going on behind this 101.
pub fn judge(handshake: &Handshake, accept: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let says = |name: &str, word: &str| {
        handshake.header(name).is_some_and(|it| it.to_ascii_lowercase().contains(word))
    };
    if !says("upgrade", "websocket") || !says("connection", "upgrade") {
        findings.push(broken(
            "the 101 lacks `Upgrade: websocket` or `Connection: Upgrade`",
            "a proxy in between dropped it",
        ));
    }
    if handshake.header("sec-websocket-accept").as_deref() != Some(accept) {
        findings.push(broken(
            "the 101 has no `Sec-WebSocket-Accept`, or not the one that belongs to the key",
            "a proxy or cache gave the answer of another handshake, or the server's code makes it \
             wrongly",
        ));
    }
    if let Some(extensions) = &handshake.extensions {
        findings.push(broken(
            &format!("the server switched on `{extensions}`, which nobody offered"),
            "a proxy in between drops the client's offer only one way, or the server ignores it",
        ));
    }
    findings
}

fn broken(what: &str, cause: &str) -> Finding {
    let action = "let the proxies in between pass the handshake's headers on unchanged, and \
        update the server's WebSocket library";
    fatal("handshake", what).told(INVALID_STATUS, cause, action)
}

/// What stricter clients hold against the server's choice of a subprotocol, or the lack of one.
pub fn subprotocol(face: &Face, handshake: &Handshake) -> Option<Finding> {
    let offered = &face.subprotocols;
    match &handshake.subprotocol {
        Some(chosen) if offered.contains(chosen) => None,
        Some(chosen) if offered.is_empty() => Some(
            fatal("handshake", format!("the server chose `{chosen}`, which nobody offered")).told(
                "devtools: `Response must not include 'Sec-WebSocket-Protocol' header if not \
                 present in request`; older iOS fails too",
                "the server names a subprotocol unasked",
                format!(
                    "connectSocket({{ protocols: ['{chosen}'] }}) in the mini program, or let the \
                     server choose from what is offered; wsgate: `subprotocol = \"strip\"`"
                ),
            ),
        ),
        Some(chosen) => Some(
            fatal(
                "handshake",
                format!("the server chose `{chosen}`, which is not among the offered"),
            )
            .told(
                "onError on every platform",
                format!("offered were {}", offered.join(", ")),
                "let server and mini program use the same name, letter by letter",
            ),
        ),
        None if offered.is_empty() => None,
        None => Some(fatal("handshake", "the subprotocol was not echoed").told(
            "devtools: `Sent non-empty 'Sec-WebSocket-Protocol' header but no response was \
             received`; Douyin fails alike; WeChat on phones connects as a rule",
            format!(
                "offered was {}; the server's 101 names none (SignalR, Workerman, SockJS and \
                 python servers never do, unless told to)",
                offered.join(", ")
            ),
            "let the server choose one, leave `protocols` away in the mini program, or wsgate: \
             `subprotocol = \"echo_first\"`; nginx cannot",
        )),
    }
}

/// A handshake that takes longer than people wait.
pub fn slow(took: std::time::Duration) -> Option<Finding> {
    (took >= SLOW).then(|| {
        warning("handshake", format!("the answer took {:.1} s", took.as_secs_f64())).told(
            "a long wait before onOpen; `Timer Expired` where `timeout` is shorter",
            "the backend does slow work before it answers",
            "answer the handshake first, then load what is needed",
        )
    })
}

const SLOW: std::time::Duration = std::time::Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    fn switched(headers: &[(&str, &str)]) -> Handshake {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut handshake = Handshake {
            status: Some(101),
            headers: headers.iter().map(owned).collect(),
            ..Handshake::default()
        };
        handshake.subprotocol = handshake.header("sec-websocket-protocol");
        handshake.extensions = handshake.header("sec-websocket-extensions");
        handshake
    }

    const GOOD: [(&str, &str); 3] = [
        ("Upgrade", "WebSocket"),
        ("connection", "keep-alive, Upgrade"),
        ("Sec-WebSocket-Accept", "x"),
    ];

    fn found(more: &[(&str, &str)], offered: &[&str]) -> Vec<String> {
        let subprotocols = offered.iter().map(|it| (*it).to_owned()).collect();
        let face = Face { subprotocols, ..Face::default() };
        let handshake = switched(&[&GOOD, more].concat());
        let judged = judge(&handshake, "x").into_iter().chain(subprotocol(&face, &handshake));
        judged.map(|it| it.what).collect()
    }

    #[test]
    fn a_good_answer_is_not_blamed() {
        assert_eq!(found(&[], &[]), Vec::<String>::new());
        assert_eq!(found(&[("Sec-WebSocket-Protocol", "b")], &["a", "b"]), Vec::<String>::new());
    }

    #[test]
    fn what_was_not_asked_for_is_named() {
        assert!(found(&[("Sec-WebSocket-Protocol", "c")], &["a"])[0].contains("not among"));
        assert!(found(&[("Sec-WebSocket-Protocol", "c")], &[])[0].contains("nobody offered"));
        assert!(found(&[], &["a"])[0].contains("not echoed"));
        let deflate = [("Sec-WebSocket-Extensions", "permessage-deflate")];
        assert!(found(&deflate, &[])[0].contains("permessage-deflate"));
    }

    #[test]
    fn an_answer_to_another_key_and_missing_headers_are_found() {
        let handshake = switched(&[("Sec-WebSocket-Accept", "y")]);
        assert_eq!(judge(&handshake, "x").len(), 2);
    }
}

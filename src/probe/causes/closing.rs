//! What an end of the socket means that the probe did not ask for.

use std::time::Duration;

use super::{ABNORMAL, fatal, gateway, warning};
use crate::probe::report::{Ended, Finding, Handshake, Silence};

/// nginx's `proxy_read_timeout` unless it is set.
const NGINX: Duration = Duration::from_secs(60);

/// Less than this is no silence.
const SHORT: Duration = Duration::from_secs(1);

/// The socket ended before it was of any use, in `stage`.
pub fn at_once(stage: &'static str, ended: &Ended) -> Finding {
    let draft = |what: String| fatal(stage, what);
    match ended {
        Ended::CloseFrame { code, reason } => draft(format!("closed at once with {}", words(*code)))
            .told(
                format!("onOpen, then onClose code {code}, reason `{reason}`"),
                meaning(*code),
                "look at the backend's log: it opens the socket and then refuses the client \
                 (a token, a first message it waits for, an exception)",
            ),
        Ended::Fin | Ended::Reset => {
            draft(format!("the connection {} right behind the 101", gone(ended))).told(
                format!("onOpen, then {ABNORMAL}"),
                "the backend or a proxy gave the socket up without a Close frame: a crash, or a \
                 proxy that answers 101 itself",
                "look at the backend's log",
            )
        }
        Ended::Broken { http: Some(text), .. } => draft("HTTP text behind the 101".to_owned()).told(
            "onOpen, then onError `Invalid frame header` (devtools) or onClose code 1006 or 1002",
            format!(
                "the server switched and then wrote `{text}`: a Socket.IO server of version 3 or \
                 later and a client of version 1 or 2 (EIO=3)"
            ),
            "set allowEIO3: true on the server, or update the client",
        ),
        Ended::Broken { rule, .. } => draft("the frames break RFC 6455".to_owned()).told(
            "onOpen, then onError, or onClose code 1002 or 1006",
            rule.clone(),
            "update the server's WebSocket library; look whether a proxy changes the stream",
        ),
    }
}

/// A Ping without a Pong.
pub fn no_pong(limit: Duration) -> Finding {
    warning("ping", "the Ping was not answered").told(
        "nothing",
        format!("no Pong within {limit:?}; RFC 6455 section 5.5.2 asks for one"),
        "a gateway or client that judges a peer by its Pongs will cut this server's sockets: \
         update its WebSocket library",
    )
}

/// The server ended a silent socket.
pub fn of_silence(silence: &Silence, handshake: &Handshake) -> Option<Finding> {
    let ended = silence.ended.as_ref()?;
    let quiet = silence.quiet;
    if quiet < SHORT || !is_for_silence(ended) {
        return Some(in_conversation(ended));
    }
    let after = format!("{:.1} s of silence", quiet.as_secs_f64());
    let draft = warning("silence", format!("the server ended the socket after {after}"));
    Some(match ended {
        Ended::CloseFrame { code, reason } => draft.told(
            format!("onClose code {code}, reason `{reason}`"),
            gateway::closing_words(reason).map_or_else(|| meaning(*code), |it| it.cause.to_owned()),
            format!(
                "let the mini program send a heartbeat more often than every {}, or give the \
                 server more patience",
                half(quiet)
            ),
        ),
        Ended::Fin | Ended::Reset => draft.told(
            ABNORMAL,
            cut(quiet, handshake),
            format!(
                "nginx: `proxy_read_timeout 1h; proxy_send_timeout 1h;` and a heartbeat of the \
                 mini program more often than every {}; wsgate pings by itself and says why it \
                 closes",
                half(quiet)
            ),
        ),
        Ended::Broken { .. } => at_once("silence", ended),
    })
}

/// Whether the end may have come because nothing was sent. A restart and the application's own
/// codes come whenever they come.
fn is_for_silence(ended: &Ended) -> bool {
    let Ended::CloseFrame { code, reason } = ended else { return true };
    match gateway::closing_words(reason) {
        Some(own) => own.of_silence,
        None => !matches!(code, 1012 | 4000..=4999),
    }
}

/// It had just spoken or been spoken to, or it says another reason.
fn in_conversation(ended: &Ended) -> Finding {
    let draft = warning("silence", "the server ended the socket, and not for its silence");
    let action = "look at the backend's log, and whether it was restarted";
    match ended {
        Ended::CloseFrame { code, reason } => {
            let shows = format!("onClose code {code}, reason `{reason}`");
            if let Some(own) = gateway::closing_words(reason) {
                let draft = if own.of_silence {
                    warning("silence", "the server ended the socket although Pings were answered")
                } else {
                    draft
                };
                return draft.told(shows, own.cause, own.action);
            }
            let draft = match code {
                4000..=4999 => {
                    warning("silence", "the server ended the socket with a code of its own")
                }
                _ => draft,
            };
            draft.told(shows, meaning(*code), action)
        }
        Ended::Fin | Ended::Reset => {
            draft.told(ABNORMAL, format!("the connection {}", gone(ended)), action)
        }
        Ended::Broken { .. } => at_once("silence", ended),
    }
}

fn cut(quiet: Duration, handshake: &Handshake) -> String {
    let nginx = handshake.header("server").is_some_and(|it| it.to_lowercase().contains("nginx"));
    let near = quiet.abs_diff(NGINX) < Duration::from_secs(2);
    match (nginx, near) {
        (_, true) => "no Close frame: nginx cuts what is silent for `proxy_read_timeout`, 60 s \
            unless it is set"
            .to_owned(),
        (true, false) => "no Close frame, through nginx: its `proxy_read_timeout`, or the \
            backend's own limit"
            .to_owned(),
        (false, false) => "no Close frame: a read timeout of a proxy or load balancer in between, \
            or the backend's own limit"
            .to_owned(),
    }
}

/// Safely below what was too long: two tries fit.
fn half(quiet: Duration) -> String {
    format!("{:.0} s", (quiet.as_secs_f64() / 2.0).max(1.0))
}

fn gone(ended: &Ended) -> &'static str {
    if *ended == Ended::Reset { "was reset" } else { "ended" }
}

/// `1001 (going away)`
pub fn words(code: u16) -> String {
    let name = match code {
        1000 => "normal",
        1001 => "going away",
        1002 => "protocol error",
        1003 => "unsupported data",
        1005 => "no code",
        1007 => "not UTF-8",
        1008 => "policy",
        1009 => "too big",
        1011 => "internal error",
        1012 => "service restart",
        1013 => "try again later",
        1014 => "bad gateway",
        4000..=4999 => "the application's own",
        _ => return code.to_string(),
    };
    format!("{code} ({name})")
}

fn meaning(code: u16) -> String {
    let told = match code {
        1000 => "the server said goodbye in good order",
        1001 => "the server goes away, or gave a silent client up",
        1002 | 1003 | 1007 => "the server did not understand what it got",
        1005 => "a Close frame without a code: Socket.IO does so when its heartbeat ran out",
        1008 => "a rule of the server's: a token, a limit, an origin",
        1009 => "a message was larger than the server takes",
        1011 => "something failed in the server, or its keepalive ping was not answered",
        1012 | 1013 => "the server restarts or is busy",
        1014 => "a gateway in between lost its backend",
        4000..=4999 => "a code of the application's own: its code says what it means",
        _ => "see RFC 6455 section 7.4",
    };
    format!("{}: {told}", words(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64, ended: Ended, server: &str) -> Finding {
        let silence = Silence {
            quiet: Duration::from_secs(seconds),
            ended: Some(ended),
            ..Silence::default()
        };
        let headers = vec![("Server".to_owned(), server.to_owned())];
        let handshake = Handshake { headers, ..Handshake::default() };
        of_silence(&silence, &handshake).expect("a finding")
    }

    #[test]
    fn a_cut_at_a_minute_is_the_default_of_nginx_whoever_says_so() {
        assert!(after(60, Ended::Fin, "").cause.contains("60 s unless it is set"));
        assert!(after(60, Ended::Fin, "").action.contains("30 s"));
        assert!(after(300, Ended::Fin, "nginx/1.22.1").cause.contains("proxy_read_timeout"));
        assert!(after(300, Ended::Fin, "").cause.contains("load balancer"));
    }

    #[test]
    fn a_close_frame_is_told_by_its_code() {
        let ended = Ended::CloseFrame { code: 1001, reason: "client silent for 60s".to_owned() };
        let finding = after(60, ended, "");
        assert!(finding.phone_shows.contains("1001") && !finding.fatal);
        assert!(finding.phone_shows.contains("client silent for 60s"));
    }

    #[test]
    fn a_restart_and_a_code_of_the_application_are_no_silence() {
        for code in [1012, 4001] {
            let finding = after(20, Ended::CloseFrame { code, reason: String::new() }, "");
            assert!(finding.action.contains("backend's log"), "{code}: {finding:?}");
            assert!(!finding.what.contains("of silence"), "{code}: {finding:?}");
        }
        let own = Ended::CloseFrame { code: 4001, reason: "client silent for 60s".to_owned() };
        assert!(after(60, own, "").what.contains("of silence"));
    }

    #[test]
    fn an_idle_timeout_between_pings_is_told_as_one() {
        let ended = Ended::CloseFrame { code: 1001, reason: "no message for 3s".to_owned() };
        let finding = after(0, ended, "");
        assert!(finding.cause.contains("idle_timeout") && finding.action.contains("idle_timeout"));
        assert!(!finding.what.contains("not for its silence"), "{finding:?}");
    }
}

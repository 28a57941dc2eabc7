//! The answers of nginx and of well-known backends, by status and by what the body says.

use crate::probe::plan::Target;
use crate::probe::report::{Handshake, Trial};

/// The three lines that WebSockets need in nginx.
const UPGRADE_LINES: &str = "nginx: `proxy_http_version 1.1; proxy_set_header Upgrade \
    $http_upgrade; proxy_set_header Connection \"upgrade\";` in this location; wsgate passes \
    upgrades on by itself; at a CDN, switch WebSocket on";

/// Bodies that say more than the status.
const KNOWN: [(&str, &str, &str); 8] = [
    (
        "No required SSL certificate was sent",
        "nginx asks for a certificate of the client, and a mini program has none",
        "take `ssl_verify_client on` out of this server block",
    ),
    (
        "The plain HTTP request was sent to HTTPS port",
        "this port has TLS, and the URL says ws://",
        "use wss://",
    ),
    (
        "Connection ID required",
        "SignalR did not see an upgrade: the Upgrade headers did not reach it",
        UPGRADE_LINES,
    ),
    (
        "Can \"Upgrade\" only to \"WebSocket\"",
        "Spring did not see an upgrade: the Upgrade headers did not reach it",
        UPGRADE_LINES,
    ),
    (
        "Transport unknown",
        "Engine.IO (Socket.IO): the query has no transport that the server allows",
        "put `transport=websocket` and the client's `EIO=` into the query",
    ),
    (
        "Session ID unknown",
        "Engine.IO (Socket.IO): the `sid` belongs to another server or to an older session",
        "leave `sid` away (mini programs begin with the WebSocket), or let the clients of one \
         session reach one server (hash or cookie)",
    ),
    (
        "Unsupported protocol version",
        "Engine.IO (Socket.IO): the client's version (EIO=) is older than the server's",
        "set allowEIO3: true on the server, or update the client",
    ),
    (
        "Bad handshake method",
        "Engine.IO (Socket.IO) did not see an upgrade: the Upgrade headers did not reach it",
        UPGRADE_LINES,
    ),
];

/// Cause and remedy when the body gives itself away.
pub fn known_body(body: &str) -> Option<(&'static str, &'static str)> {
    let (_, cause, action) = KNOWN.iter().find(|(words, _, _)| body.contains(words))?;
    Some((cause, action))
}

/// Cause and remedy by the status.
pub fn of_status(target: &Target, handshake: &Handshake) -> (String, String) {
    let status = handshake.status.unwrap_or_default();
    let who = who(handshake);
    let told = |cause: String, action: &str| (cause, action.to_owned());
    match status {
        300..=399 => redirect(target, handshake, &who),
        403 => forbidden(&handshake.origins_tried, &who),
        200..=299 => told(
            format!(
                "{who} answered as to a plain request: the Upgrade headers did not reach the \
                 backend, or the path is a page"
            ),
            UPGRADE_LINES,
        ),
        400 | 426 => told(
            format!("{who} did not see a WebSocket handshake: a proxy in between dropped Upgrade"),
            UPGRADE_LINES,
        ),
        401 => told(
            format!("{who} wants to know who comes before it opens a socket"),
            "send what it asks for: --header 'Authorization: …' or a token in the query, as \
             the mini program does with `header` or the URL",
        ),
        404 => told(
            format!("{who} has nothing at `{}`", path_only(target)),
            "compare the path with the server's (location in nginx, route in wsgate, the \
             backend's own); mind slashes at the end",
        ),
        405 => told(
            format!("{who} has something else than a WebSocket at this path"),
            "compare the path with the server's",
        ),
        421 => told(
            format!("{who} does not serve this Host on this connection"),
            "add the host to the site's names",
        ),
        429 => {
            told(format!("{who} limits how often a client may come"), "wait, or raise its limit")
        }
        413 | 431 => {
            told(format!("{who} finds the request too large"), "send fewer or smaller headers")
        }
        505 => told(
            format!("{who} was asked in HTTP/1.0: nginx does so unless told otherwise"),
            UPGRADE_LINES,
        ),
        _ => unavailable(status, &who),
    }
}

fn unavailable(status: u16, who: &str) -> (String, String) {
    let told = |cause: String, action: &str| (cause, action.to_owned());
    match status {
        502 => told(
            format!("{who} cannot reach the backend, or the backend hung up on the handshake"),
            "start the backend; compare its address with `proxy_pass` (nginx: error.log says \
             refused or prematurely closed) or `servers` (wsgate)",
        ),
        503 => told(
            format!("{who} has no backend that is up, or limits connections"),
            "start the backend; nginx: look at `limit_conn` and `limit_req`",
        ),
        504 => told(
            format!("{who} waited for the backend's answer in vain"),
            "look at what the backend waits for",
        ),
        500..=599 => told(
            format!("{who} failed while it opened the socket"),
            "look at its log: an exception in the code that runs when a client connects",
        ),
        _ => told(format!("{who} answered {status}"), "look at the body above and at its log"),
    }
}

fn redirect(target: &Target, handshake: &Handshake, who: &str) -> (String, String) {
    let place = handshake.header("location").unwrap_or_else(|| "nowhere".to_owned());
    let cause =
        format!("{who} redirects to {place}; phones never follow a redirect of a WebSocket");
    let action = match (target.secure, differs_by_a_slash(target, &place)) {
        (_, true) => {
            "use the path exactly as the server has it, with or without its last slash \
                      (nginx: a prefix location that ends in a slash redirects)"
        }
        (false, _) => "use wss://: the server sends plain HTTP there",
        (true, _) => {
            "take the redirect off this path (nginx: the `return 301` or `rewrite` of this \
                      server or location), or use the address it leads to"
        }
    };
    (cause, action.to_owned())
}

/// Whether a redirect leads to the same host and path but for a slash at the end. The port counts
/// for nothing: nginx names the one it listens on, which a proxy in front may have changed.
fn differs_by_a_slash(target: &Target, place: &str) -> bool {
    let uri: Option<hyper::Uri> = place.parse().ok();
    let Some(uri) = uri.filter(|it| it.host().is_none_or(|host| host == target.host)) else {
        return false;
    };
    let (new, old) = (uri.path(), path_only(target));
    new != old && new.trim_end_matches('/') == old.trim_end_matches('/')
}

fn forbidden(tried: &[Trial], who: &str) -> (String, String) {
    let admitted: Vec<String> = tried
        .iter()
        .filter(|it| it.status == Some(101))
        .map(|it| match &it.origin {
            Some(origin) => format!("with Origin {origin}"),
            None => "without Origin".to_owned(),
        })
        .collect();
    if admitted.is_empty() {
        return (
            format!("{who} refuses this path to this client, whatever its Origin"),
            "nginx: look at `deny`, `auth_request`, `valid_referers` (a mini program's Referer: \
             --appid) and at `if`; a backend: at its own rule or token; a cloud firewall (WAF) \
             answers 403 too"
                .to_owned(),
        );
    }
    let cause = format!("{who} answers 403 to this Origin; it answers 101 {}", admitted.join(", "));
    (
        cause,
        "allow https://servicewechat.com, the host itself, weapp://wechat-game-runtime and no \
         Origin: Spring setAllowedOriginPatterns, Go CheckOrigin, nginx `if ($http_origin …)`; \
         behind nginx also `proxy_set_header Host $host`, for rules that compare Origin with Host"
            .to_owned(),
    )
}

/// Who answered, as far as it can be told.
fn who(handshake: &Handshake) -> String {
    let server = handshake.header("server").unwrap_or_default();
    let body = handshake.body.as_deref().unwrap_or_default();
    let family = ["nginx", "openresty", "Tengine", "cloudflare"];
    let family = family.iter().find(|it| server.to_lowercase().contains(&it.to_lowercase()));
    match family {
        Some(name) if body.contains(&format!("<center>{name}")) => format!("{name} itself"),
        Some(name) => format!("{name}, or what stands behind it,"),
        None if server.is_empty() => "the server".to_owned(),
        None => format!("the server ({server})"),
    }
}

fn path_only(target: &Target) -> &str {
    target.path.split('?').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Handshake {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Handshake {
            status: Some(status),
            headers: headers.iter().map(owned).collect(),
            body: Some(body.to_owned()),
            ..Handshake::default()
        }
    }

    fn target(url: &str) -> Target {
        Target::parse(url).expect("a URL")
    }

    #[test]
    fn the_origin_is_blamed_only_when_another_one_gets_in() {
        let mut refused = answer(403, &[], "");
        let (cause, _) = of_status(&target("wss://a.example/"), &refused);
        assert!(cause.contains("whatever its Origin"), "{cause}");
        refused.origins_tried = vec![Trial { origin: None, status: Some(101) }];
        let (cause, _) = of_status(&target("wss://a.example/"), &refused);
        assert!(cause.contains("it answers 101 without Origin"), "{cause}");
    }

    #[test]
    fn a_redirect_by_a_slash_is_told_from_one_to_elsewhere() {
        let at = target("wss://a.example/ws");
        let action = |place: &str| of_status(&at, &answer(301, &[("Location", place)], "")).1;
        assert!(action("https://a.example:8443/ws/?x=1").contains("last slash"));
        assert!(action("/ws/").contains("last slash"));
        assert!(action("https://www.a.example/ws").contains("take the redirect off"));
    }

    #[test]
    fn nginx_is_told_from_what_stands_behind_it() {
        let nginx = [("Server", "nginx/1.22.1")];
        assert_eq!(who(&answer(403, &nginx, "<center>nginx/1.22.1</center>")), "nginx itself");
        assert_eq!(who(&answer(403, &nginx, "no")), "nginx, or what stands behind it,");
        assert_eq!(who(&answer(403, &[], "no")), "the server");
    }
}

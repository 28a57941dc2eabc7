//! The files of the demo's page, compiled in. Knows what is in them, not who serves them.

use bytes::Bytes;

use crate::cli::demo::{ECHO_BEAT, ROOM_BEAT};

/// The page with the numbers of this demo filled in.
#[derive(Clone, Debug)]
pub struct Page {
    html: Bytes,
}

impl Page {
    /// Fills in the heartbeats of both sockets, which the page draws and explains.
    pub fn with_heartbeats() -> Self {
        let html = include_str!("page.html")
            .replace("{echo_ping}", &ECHO_BEAT.client_ping.to_string())
            .replace("{echo_timeout}", &ECHO_BEAT.client_timeout.to_string())
            .replace("{room_ping}", &ROOM_BEAT.client_ping.to_string())
            .replace("{room_timeout}", &ROOM_BEAT.client_timeout.to_string());
        Self { html: html.into() }
    }

    /// The media type and content of the file at this path.
    pub fn file(&self, path: &str) -> Option<(&'static str, Bytes)> {
        const SCRIPT: &str = "text/javascript; charset=utf-8";
        let (kind, body) = match path {
            "/" => return Some(("text/html; charset=utf-8", self.html.clone())),
            "/page.css" => ("text/css; charset=utf-8", include_str!("page.css")),
            "/page.js" => (SCRIPT, include_str!("page.js")),
            "/check.js" => (SCRIPT, include_str!("check.js")),
            "/wire.js" => (SCRIPT, include_str!("wire.js")),
            _ => return None,
        };
        Some((kind, Bytes::from_static(body.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> String {
        let (_, body) = Page::with_heartbeats().file(path).expect(path);
        String::from_utf8(body.to_vec()).expect("text")
    }

    #[test]
    fn the_page_tells_the_numbers_of_this_demo() {
        let html = text("/");
        for (id, beat) in [("room", ROOM_BEAT), ("echo", ECHO_BEAT)] {
            let (ping, timeout) = (beat.client_ping, beat.client_timeout);
            let panel = format!(r#"id="socket-{id}" data-ping="{ping}" data-timeout="{timeout}""#);
            assert!(html.contains(&panel), "{panel} in {html}");
        }
        assert!(!html.contains('{'), "a placeholder is left");
    }

    #[test]
    fn everything_the_page_refers_to_is_served_and_nothing_comes_from_elsewhere() {
        let files = ["/", "/page.css", "/page.js", "/check.js", "/wire.js"];
        for path in files {
            let body = text(path);
            assert!(!body.contains("http://") && !body.contains("https://"), "{path}");
            for mark in ["src=\"", "href=\"", "from \""] {
                for (at, _) in body.match_indices(mark) {
                    let target = body[at + mark.len()..].split('"').next().expect("a quote");
                    let local = target.trim_start_matches('.');
                    assert!(target.starts_with("data:") || files.contains(&local), "{target}");
                }
            }
        }
    }
}

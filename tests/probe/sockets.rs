//! Behind the 101: frames, Pings, silence, and who ends it.

use super::backend::{closes_with, echo, says, talks_then_leaves};
use super::golden::probe;
use super::nginx::{nginx, proxied, tls};
use super::wsgate::{route, wsgate};

#[test]
fn a_good_wsgate() {
    let server = wsgate(&route("/applet", echo(), ""));
    let options = ["--appid", "wx0123456789abcdef", "--wait", "300ms"];
    probe("good-wsgate", server.address, "/applet/websocket?token=secret", &options);
}

#[test]
fn a_good_wsgate_as_json() {
    let server = wsgate(&route("/applet", echo(), ""));
    probe("good-wsgate-json", server.address, "/applet/websocket", &["--json"]);
}

#[test]
fn a_good_nginx() {
    let server = nginx(&format!("{} {}", tls(), proxied(echo(), "")));
    probe("good-nginx", server.address, "/ws", &["--send", "hello"]);
}

#[test]
fn a_silence_that_nginx_cuts() {
    let server = nginx(&format!("{} {}", tls(), proxied(echo(), "proxy_read_timeout 2s;")));
    probe("cut-by-nginx", server.address, "/ws", &["--wait", "60s"]);
}

#[test]
fn a_silence_that_wsgate_ends_with_a_close_frame() {
    let heartbeat = "[sites.routes.heartbeat]\nidle_timeout = \"2s\"";
    let server = wsgate(&route("/", echo(), heartbeat));
    probe("idle-in-wsgate", server.address, "/ws", &["--wait", "60s"]);
}

#[test]
fn a_server_that_talks_and_leaves() {
    let server = wsgate(&route("/", talks_then_leaves(), ""));
    probe("leaves", server.address, "/ws", &["--wait", "60s"]);
}

#[test]
fn a_backend_that_opens_and_closes_at_once() {
    let server = wsgate(&route("/", closes_with(4001, "token expired"), ""));
    probe("closed-at-once", server.address, "/ws", &[]);
}

#[test]
fn http_text_behind_the_101() {
    let backend = says(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\nHTTP/1.1 400 Bad Request\r\n\
         Connection: close\r\n\r\n",
    );
    let server = nginx(&format!("{} {}", tls(), proxied(backend, "")));
    probe("http-behind-101", server.address, "/socket.io/?EIO=3", &[]);
}

#[test]
fn a_stream_that_ends_right_behind_the_101() {
    let backend = says(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n",
    );
    let server = nginx(&format!("{} {}", tls(), proxied(backend, "")));
    probe("ended-at-once", server.address, "/ws", &[]);
}

//! The answer to the handshake: what a phone calls an invalid HTTP status, and why.

use super::backend::{echo, says};
use super::certificates::files;
use super::golden::probe;
use super::nginx::{nginx, proxied, tls};
use super::servers::free_address;
use super::wsgate::{route, wsgate};

const APP: &str = "wx0123456789abcdef";

fn nginx_with(directives: &str) -> super::servers::Server {
    nginx(&format!("{} {directives}", tls()))
}

#[test]
fn an_origin_rule_in_nginx_is_found_by_trying_others() {
    let rule = "if ($http_origin != \"https://game.example.test\") { return 403; }";
    let server = nginx_with(&proxied(echo(), rule));
    probe("403-origin", server.address, "/ws", &[]);
    probe("403-origin-json", server.address, "/ws", &["--json"]);
}

#[test]
fn a_403_that_has_nothing_to_do_with_the_origin() {
    let server = nginx_with("location / { deny all; }");
    probe("403", server.address, "/ws", &[]);
}

#[test]
fn a_redirect_to_another_host() {
    let server = nginx_with("return 301 https://www.example.test$request_uri;");
    probe("301", server.address, "/ws?room=1", &[]);
}

#[test]
fn a_redirect_to_the_path_with_a_slash() {
    let location = format!("location /ws/ {{ proxy_pass http://{}; }}", echo());
    let server = nginx_with(&location);
    probe("301-slash", server.address, "/ws", &[]);
}

#[test]
fn a_426_because_nginx_dropped_the_upgrade() {
    let backend = says(
        "HTTP/1.1 426 Upgrade Required\r\nContent-Type: text/plain\r\nContent-Length: 16\r\n\
         Connection: close\r\n\r\nUpgrade Required",
    );
    let location = format!("location / {{ proxy_pass http://{backend}; }}");
    let server = nginx_with(&location);
    probe("426", server.address, "/ws", &[]);
}

#[test]
fn a_page_where_a_socket_should_be() {
    let server = nginx_with("location / { return 200 'hello\\n'; }");
    probe("200", server.address, "/ws", &[]);
}

#[test]
fn nothing_at_this_path() {
    let server = nginx_with("location = /socket { return 204; } location / { return 404; }");
    probe("404", server.address, "/ws", &[]);
}

#[test]
fn a_backend_that_is_down_behind_nginx() {
    let server = nginx_with(&proxied(free_address(), ""));
    probe("502", server.address, "/ws", &[]);
}

#[test]
fn a_client_certificate_that_nginx_asks_for() {
    let ca = files().root.display();
    let server =
        nginx_with(&format!("ssl_verify_client on; ssl_client_certificate {ca}; return 200;"));
    probe("client-certificate", server.address, "/ws", &[]);
}

#[test]
fn a_server_that_closes_without_a_word() {
    let server = nginx_with("return 444;");
    probe("closed", server.address, "/ws", &[]);
}

#[test]
fn an_origin_that_wsgate_does_not_list() {
    let clients = "[sites.routes.clients]\norigins = [\"https://game.example.test\"]";
    let server = wsgate(&route("/", echo(), clients));
    probe("wsgate-403-origin", server.address, "/ws", &[]);
}

#[test]
fn an_app_id_that_wsgate_does_not_list() {
    let clients = format!("[sites.routes.clients]\nmini_programs = [\"{APP}\"]");
    let server = wsgate(&route("/", echo(), &clients));
    probe("wsgate-403-app-id", server.address, "/ws", &["--appid", "wx00000000000000ff"]);
}

#[test]
fn an_app_id_that_wsgate_lists_is_admitted_in_every_family() {
    let ids = [APP, "qq:1101", "tcmpp:mp1", "douyin:tt01", "alipay:2021", "baidu:abc"];
    let listed = ids.map(|it| format!("\"{it}\"")).join(", ");
    let clients = format!("[sites.routes.clients]\nmini_programs = [{listed}]");
    let server = wsgate(&route("/", echo(), &clients));
    let place = server.address.to_string();
    for id in ids {
        let url = "wss://game.example.test/ws";
        let output = super::golden::run(&[url, "--connect-to", &place, "--appid", id]);
        let report = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{id}: {report}");
    }
}

#[test]
fn a_path_that_no_route_of_wsgate_has() {
    let server = wsgate(&route("/applet", echo(), ""));
    probe("wsgate-404", server.address, "/ws", &[]);
}

#[test]
fn a_backend_that_is_down_behind_wsgate() {
    let server = wsgate(&route("/", free_address(), ""));
    probe("wsgate-502", server.address, "/ws", &[]);
}

#[test]
fn a_subprotocol_that_is_not_echoed() {
    let server = nginx_with(&proxied(echo(), ""));
    probe("subprotocol-not-echoed", server.address, "/ws", &["--subprotocol", "mqtt"]);
}

#[test]
fn a_subprotocol_that_wsgate_echoes() {
    let server = wsgate(&route("/", echo(), "subprotocol = \"echo_first\""));
    probe("subprotocol-echoed", server.address, "/ws", &["--subprotocol", "mqtt"]);
}

#[test]
fn a_101_to_another_key() {
    let backend = says(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    );
    let server = nginx_with(&proxied(backend, ""));
    probe("wrong-accept", server.address, "/ws", &[]);
}

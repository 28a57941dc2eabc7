//! From the name to TLS: what keeps a phone from even asking.

use super::backend::{asks_for_a_certificate, echo, says};
use super::certificates::files;
use super::golden::{compare, probe, run};
use super::nginx::{chain_of, nginx, plain_nginx, proxied, tls, tls_with};
use super::servers::free_address;
use super::wsgate::{route, wsgate, wsgate_before_tls, wsgate_with};

#[test]
fn a_name_that_does_not_exist() {
    compare("dns", &run(&["wss://nobody.invalid/ws"]));
}

#[test]
fn a_port_that_nobody_listens_on() {
    probe("refused-port", free_address(), "/ws", &[]);
}

#[test]
fn an_intermediate_that_nginx_does_not_send() {
    let server = nginx(&format!("{} {}", tls_with(&files().leaf_only), proxied(echo(), "")));
    probe("missing-intermediate", server.address, "/ws", &[]);
}

#[test]
fn behind_a_bad_certificate_the_later_stages_are_seen_with_insecure() {
    let server = nginx(&format!("{} {}", tls_with(&files().leaf_only), proxied(echo(), "")));
    probe("missing-intermediate-insecure", server.address, "/ws", &["--insecure"]);
}

#[test]
fn an_intermediate_that_wsgate_does_not_send() {
    let server = wsgate_with(&files().leaf_only, &route("/", echo(), ""));
    probe("missing-intermediate-wsgate", server.address, "/ws", &[]);
}

#[test]
fn an_expired_certificate() {
    let server = nginx(&tls_with(&files().expired));
    probe("expired", server.address, "/ws", &[]);
}

#[test]
fn a_certificate_for_another_name() {
    let server = nginx(&tls_with(&files().wrong_name));
    probe("wrong-name", server.address, "/ws", &[]);
}

#[test]
fn a_certificate_that_nobody_signed() {
    let server = nginx(&tls_with(&files().self_signed));
    probe("self-signed", server.address, "/ws", &[]);
}

#[test]
fn a_chain_in_the_wrong_order_is_a_warning() {
    let server = nginx(&format!("{} {}", tls_with(&files().jumbled), proxied(echo(), "")));
    probe("jumbled-chain", server.address, "/ws", &[]);
}

#[test]
fn a_server_of_tls_1_1_only() {
    let old = "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;";
    let server = nginx(&format!("{} {old}", chain_of(&files().good)));
    probe("tls-1.1-only", server.address, "/ws", &[]);
}

#[test]
fn a_server_of_old_ciphers_only() {
    let old = "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-ECDSA-AES128-SHA;";
    let server = nginx(&format!("{} {old}", chain_of(&files().good)));
    probe("old-ciphers", server.address, "/ws", &[]);
}

#[test]
fn a_client_certificate_that_tls_asks_for() {
    let old = asks_for_a_certificate(&rustls::version::TLS12);
    probe("client-certificate-tls-1.2", old, "/ws", &[]);
    let new = asks_for_a_certificate(&rustls::version::TLS13);
    probe("client-certificate-tls-1.3", new, "/ws", &[]);
}

#[test]
fn a_name_that_wsgate_does_not_serve() {
    let server = wsgate(&route("/", echo(), ""));
    let place = server.address.to_string();
    compare("unknown-name", &run(&["wss://other.example.test/ws", "--connect-to", &place]));
}

#[test]
fn a_port_without_tls() {
    let server = plain_nginx("");
    probe("plain-http", server.address, "/ws", &[]);
}

#[test]
fn a_url_without_tls_to_a_listener_of_wsgate_that_leads_to_https() {
    let server = wsgate_before_tls(&route("/", echo(), ""));
    let place = server.address.to_string();
    compare("wsgate-needs-tls", &run(&["ws://game.example.test/ws", "--connect-to", &place]));
}

#[test]
fn a_port_of_something_else() {
    let address = says("SSH-2.0-something\r\n");
    probe("not-tls", address, "/ws", &[]);
}

#[test]
fn a_url_without_tls_to_a_port_that_has_it() {
    let server = nginx(&tls());
    let place = server.address.to_string();
    compare("ws-to-tls", &run(&["ws://game.example.test/ws", "--connect-to", &place]));
}

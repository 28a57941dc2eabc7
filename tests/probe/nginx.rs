//! nginx as a process on loopback, in the foreground, with a configuration of the test's own.

use std::path::Path;
use std::process::Command;

use super::certificates::files;
use super::nginx_package::program;
use super::servers::{Server, free_address, fresh_folder};

/// The TLS of a good site.
pub fn tls() -> String {
    tls_with(&files().good)
}

/// TLS with the chain in this file.
pub fn tls_with(chain: &Path) -> String {
    // What is chosen should not depend on nginx's version.
    format!("{} ssl_protocols TLSv1.2 TLSv1.3; ssl_ecdh_curve X25519;", chain_of(chain))
}

/// The chain in this file, and versions and ciphers of the test's own.
pub fn chain_of(chain: &Path) -> String {
    let key = files().key.display();
    format!("ssl_certificate {}; ssl_certificate_key {key};", chain.display())
}

/// A location that passes WebSockets on, as every guide has it, with these lines more.
pub fn proxied(backend: std::net::SocketAddr, more: &str) -> String {
    format!(
        "location / {{ proxy_pass http://{backend}; proxy_http_version 1.1; \
         proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"; \
         proxy_set_header Host $host; {more} }}"
    )
}

/// nginx with one server block that listens with TLS and has these directives.
pub fn nginx(directives: &str) -> Server {
    start("ssl", directives)
}

/// The same without TLS.
pub fn plain_nginx(directives: &str) -> Server {
    start("", directives)
}

fn start(listen: &str, directives: &str) -> Server {
    let folder = fresh_folder("nginx");
    let address = free_address();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|it| format!("{it}_temp_path {it};"))
        .concat();
    let text = format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log info;\n\
         events {{ worker_connections 64; }}\n\
         http {{ access_log off; {temporary}\n\
         server {{ listen {address} {listen}; server_name game.example.test;\n{directives}\n}}\n}}\n"
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, text).expect("written");
    let mut command = Command::new(program());
    command.arg("-p").arg(&folder).arg("-c").arg(&file).arg("-e").arg(folder.join("start.log"));
    Server::start(command, address, &folder.join("output.log"))
}

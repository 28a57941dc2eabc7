//! wsgate itself as the server under test.

use std::path::Path;
use std::process::Command;

use super::certificates::{HOST, files};
use super::servers::{Server, free_address, fresh_folder};

/// A gateway with one site and these routes.
pub fn wsgate(routes: &str) -> Server {
    wsgate_with(&files().good, routes)
}

/// The same with the chain in this file.
pub fn wsgate_with(chain: &Path, routes: &str) -> Server {
    start(chain, "protocol = \"https\"", routes)
}

/// One whose only listener is there to lead to https.
pub fn wsgate_before_tls(routes: &str) -> Server {
    start(&files().good, "protocol = \"http\"\nredirect_to_https = true", routes)
}

fn start(chain: &Path, listener: &str, routes: &str) -> Server {
    let folder = fresh_folder("wsgate");
    let address = free_address();
    let text = format!(
        "[admin]\nlisten = \"off\"\n\
         [[listeners]]\naddress = \"{address}\"\n{listener}\n\
         [[sites]]\ndomains = [\"{HOST}\"]\ncertificate = \"{}\"\nprivate_key = \"{}\"\n{routes}",
        chain.display(),
        files().key.display(),
    );
    let file = folder.join("gateway.toml");
    std::fs::write(&file, text).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsgate"));
    command.arg("run").arg("--config").arg(&file);
    Server::start(command, address, &folder.join("output.log"))
}

/// A route of the site.
pub fn route(path: &str, backend: std::net::SocketAddr, more: &str) -> String {
    format!("[[sites.routes]]\npath = \"{path}\"\nbackend = \"{backend}\"\n{more}\n")
}

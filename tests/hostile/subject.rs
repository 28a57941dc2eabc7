//! The gateways under trial, each a process of its own on loopback, with the same routes in its own
//! words: wsgate, and nginx and HAProxy as their documents set them up for WebSockets.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};

use crate::HOST;

/// How long one may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which gateway.
#[derive(Clone, Debug)]
pub enum Kind {
    Wsgate,
    /// The program, and the folder of the libraries that came with it.
    Nginx(PathBuf),
    Haproxy(PathBuf),
}

/// A running gateway; ends with this value.
pub struct Subject {
    pub address: SocketAddr,
    child: Child,
    folder: PathBuf,
}

impl Subject {
    /// Starts one in front of `backend`. `label` tells apart those that run at the same time.
    pub fn start(kind: &Kind, label: &str, backend: SocketAddr) -> Self {
        let folder = std::env::temp_dir().join(format!("hostile-{}-{label}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        certificates(&folder);
        let address = free_address();
        let (name, text) = match kind {
            Kind::Wsgate => ("gateway.toml", wsgate(address, backend)),
            Kind::Nginx(_) => ("nginx.conf", nginx(&folder, address, backend)),
            Kind::Haproxy(_) => ("haproxy.cfg", haproxy(&folder, address, backend)),
        };
        let config = folder.join(name);
        std::fs::write(&config, text).expect("written");
        let mut command = command(kind, &folder, &config);
        let log = std::fs::File::create(folder.join("log")).expect("a file");
        command.stdout(log.try_clone().expect("a file")).stderr(log).stdin(Stdio::null());
        let child = command.spawn().expect("started");
        let subject = Self { address, child, folder };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            let log = std::fs::read_to_string(subject.folder.join("log")).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "{kind:?} does not listen: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
        subject
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn command(kind: &Kind, folder: &Path, config: &Path) -> Command {
    match kind {
        Kind::Wsgate => {
            let mut command = Command::new(env!("CARGO_BIN_EXE_wsgate"));
            command.args(["run", "--config"]).arg(config);
            command
        }
        Kind::Nginx(root) => {
            let mut command = unpacked(root, "usr/sbin/nginx");
            command.arg("-p").arg(folder).arg("-c").arg(config).args(["-e", "error.log"]);
            command
        }
        Kind::Haproxy(root) => {
            let mut command = unpacked(root, "usr/sbin/haproxy");
            command.arg("-db").arg("-f").arg(config);
            command
        }
    }
}

/// A program from a Debian package that was unpacked, not installed.
fn unpacked(root: &Path, program: &str) -> Command {
    let mut command = Command::new(root.join(program));
    command.env("LD_LIBRARY_PATH", root.join("usr/lib/x86_64-linux-gnu"));
    command
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address")
}

/// `site` for the usual site and its wildcard, `other` for another.
fn certificates(folder: &Path) {
    for (file, names) in
        [("site", vec![HOST, "*.play.example.test"]), ("other", vec!["other.example.test"])]
    {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let certificate = CertificateParams::new(names).and_then(|it| it.self_signed(&key));
        let certificate = certificate.expect("a certificate").pem();
        let write = |ending: &str, text: &str| {
            std::fs::write(folder.join(format!("{file}.{ending}")), text).expect("written");
        };
        write("crt", &certificate);
        write("key", &key.serialize_pem());
        write("pem", &(certificate + &key.serialize_pem()));
    }
}

fn wsgate(address: SocketAddr, backend: SocketAddr) -> String {
    let route = |path: &str, more: &str| {
        format!("[[sites.routes]]\npath = \"{path}\"\nbackend = \"{backend}\"\n{more}\n")
    };
    let nobody = "[sites.routes.clients]\naddresses = { deny = [\"0.0.0.0/0\"] }\n";
    let origins = "[sites.routes.clients]\norigins = [\"https://game.example.test\", \
                   \"https://*.play.example.test\", \"https://dev.example.test:8443\"]\n";
    format!(
        "[gateway.timeouts]\nrequest_head = \"2s\"\nclose = \"1s\"\n[admin]\nlisten = \"off\"\n\
         [[listeners]]\naddress = \"{address}\"\nprotocol = \"https\"\n\
         [[sites]]\ndomains = [\"{HOST}\", \"*.play.example.test\"]\n\
         certificate = \"site.crt\"\nprivate_key = \"site.key\"\n{}{}{}{}{}{}\
         [[sites]]\ndomains = [\"other.example.test\"]\n\
         certificate = \"other.crt\"\nprivate_key = \"other.key\"\n{}",
        route("/applet", ""),
        route("/private", nobody),
        route("/applet/closed", nobody),
        route("/origins", origins),
        route("/never", "upgrade = \"never\""),
        route("/v1", "strip_prefix = \"/kept\""),
        route("/applet", ""),
    )
}

/// As <https://nginx.org/en/docs/http/websocket.html> has it, behind a whitelist of names and paths.
fn nginx(folder: &Path, address: SocketAddr, backend: SocketAddr) -> String {
    let proxy = format!(
        "proxy_pass http://{backend}; proxy_http_version 1.1; proxy_set_header Host $host; \
         proxy_set_header X-Real-IP $remote_addr; \
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; \
         proxy_set_header X-Forwarded-Proto $scheme;"
    );
    let socket = format!(
        "{proxy} proxy_set_header Upgrade $http_upgrade; \
         proxy_set_header Connection $connection_upgrade;"
    );
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|it| format!("{it}_temp_path {}/{it};\n", folder.display()))
        .concat();
    format!(
        "daemon off; master_process off; pid nginx.pid; worker_processes 1;\n\
         events {{}}\nhttp {{\naccess_log off;\n{temp}\
         map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}\n\
         map $http_origin $listed {{ default 0; \"https://game.example.test\" 1; \
         \"~^https://[^.]+\\.play\\.example\\.test$\" 1; \"https://dev.example.test:8443\" 1; }}\n\
         server {{ listen {address} ssl default_server; ssl_reject_handshake on; }}\n\
         server {{ listen {address} ssl; server_name {HOST} *.play.example.test;\n\
         ssl_certificate site.crt; ssl_certificate_key site.key;\n\
         location /applet {{ {socket} }}\n\
         location /private {{ deny all; {proxy} }}\n\
         location /applet/closed {{ deny all; {proxy} }}\n\
         location /origins {{ if ($listed = 0) {{ return 403; }} {socket} }}\n\
         location /never {{ {proxy} }}\n\
         location /v1 {{ {} }}\n\
         location / {{ return 404; }} }}\n\
         server {{ listen {address} ssl; server_name other.example.test;\n\
         ssl_certificate other.crt; ssl_certificate_key other.key;\n\
         location /applet {{ {socket} }} location / {{ return 404; }} }} }}\n",
        proxy.replacen(&backend.to_string(), &format!("{backend}/kept"), 1)
    )
}

/// As HAProxy's own articles on WebSockets have it: nothing special, `timeout tunnel`, and ACLs.
fn haproxy(folder: &Path, address: SocketAddr, backend: SocketAddr) -> String {
    format!(
        "defaults\n mode http\n timeout connect 3s\n timeout client 30s\n timeout server 30s\n \
         timeout tunnel 1h\n timeout http-request 2s\n\
         frontend door\n bind {address} ssl crt {folder}/site.pem crt {folder}/other.pem strict-sni\n \
         acl known hdr(host) -i {HOST} other.example.test\n \
         acl known hdr(host) -m reg -i ^[^.]+\\.play\\.example\\.test$\n \
         http-request deny deny_status 421 unless known\n \
         acl open path_beg /applet /origins /never /v1\n \
         http-request deny deny_status 404 if !open !{{ path_beg /private }}\n \
         http-request deny if {{ path_beg /private /applet/closed }}\n \
         acl listed req.hdr(Origin) -m str https://game.example.test https://dev.example.test:8443\n \
         acl listed req.hdr(Origin) -m reg ^https://[^.]+\\.play\\.example\\.test$\n \
         http-request deny if {{ path_beg /origins }} !listed\n \
         http-request deny if {{ path_beg /never }} {{ req.hdr(Upgrade) -m found }}\n \
         http-request replace-path /v1(.*) /kept\\1 if {{ path_beg /v1 }}\n \
         option forwardfor\n default_backend app\n\
         backend app\n server one {backend}\n",
        folder = folder.display()
    )
}

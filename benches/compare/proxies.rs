//! The contenders: each with what its manual says for WebSockets in production, access log to a
//! file included, all on core 0. What is not installed is left out.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::accounting;

/// For a proxy to listen, or to end.
const PATIENCE: Duration = Duration::from_secs(15);

/// A proxy that can be started.
#[derive(Clone)]
pub struct Proxy {
    pub name: String,
    pub version: String,
    kind: Kind,
    program: PathBuf,
    /// As taskset takes them.
    cores: &'static str,
}

#[derive(Clone, Copy)]
enum Kind {
    Wsgate,
    Nginx,
    Haproxy,
    Caddy,
}

/// A proxy that runs; dropping it ends it.
pub struct Running {
    child: Child,
    pub address: SocketAddr,
}

/// Where everything of one comparison stands.
pub struct Place {
    pub folder: PathBuf,
    pub backend: SocketAddr,
}

/// The gateway itself, or another build of it.
pub fn gateway(name: &str, program: &Path) -> Proxy {
    let version = said(program, "--version");
    Proxy { name: name.into(), version, kind: Kind::Wsgate, program: program.into(), cores: "0" }
}

/// Those of the others that are installed.
pub fn peers() -> Vec<Proxy> {
    let known = [
        ("nginx", Kind::Nginx, "-v"),
        ("haproxy", Kind::Haproxy, "-v"),
        ("caddy", Kind::Caddy, "version"),
    ];
    let there = known.into_iter().filter_map(|(name, kind, ask)| {
        let program = installed(name)?;
        let said = said(&program, ask);
        let version = said.split_whitespace().find(|it| it.contains('.') && !it.contains("://"));
        let version = version.unwrap_or("?").trim_start_matches("nginx/").to_owned();
        Some(Proxy { name: name.to_owned(), version, kind, program, cores: "0" })
    });
    there.collect()
}

impl Proxy {
    /// The same on two cores.
    pub fn doubled(&self) -> Self {
        Self { cores: "0,1", ..self.clone() }
    }

    /// Starts it and waits until it listens.
    pub fn start(&self, place: &Place) -> io::Result<Running> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let folder = place.folder.join(format!("{}-{port}", self.name));
        fs::create_dir_all(&folder)?;
        let text = self.configuration(place, &folder, address);
        let file = folder.join("configuration");
        fs::write(&file, text)?;
        let log = fs::File::create(folder.join("output"))?;
        let mut command = Command::new("taskset");
        command.args(["-c", self.cores]).arg(&self.program).args(self.arguments(&file, &folder));
        command.env("HOME", &folder).env("XDG_DATA_HOME", &folder).stdin(Stdio::null());
        let child = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut running = Running { child, address };
        running.wait_until_up().map_err(|error| {
            let output = fs::read_to_string(folder.join("output")).unwrap_or_default();
            io::Error::other(format!("{} does not start: {error}\n{output}", self.name))
        })?;
        Ok(running)
    }

    fn arguments(&self, file: &Path, folder: &Path) -> Vec<String> {
        let (file, folder) = (file.display().to_string(), folder.display().to_string());
        let all: &[&str] = match self.kind {
            Kind::Wsgate => &["run", "--config", &file],
            Kind::Nginx => &["-e", &format!("{folder}/error.log"), "-p", &folder, "-c", &file],
            Kind::Haproxy => &["-db", "-f", &file],
            Kind::Caddy => &["run", "--adapter", "caddyfile", "--config", &file],
        };
        all.iter().map(|it| (*it).to_owned()).collect()
    }

    fn configuration(&self, place: &Place, folder: &Path, address: SocketAddr) -> String {
        // Somebody may take it in between; then it does not start, and that is said.
        let admin = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let admin = admin.map_or_else(|_| "off".to_owned(), |it| it.to_string());
        let template = match self.kind {
            Kind::Wsgate => WSGATE,
            Kind::Nginx => NGINX,
            Kind::Haproxy => HAPROXY,
            Kind::Caddy => CADDY,
        };
        template
            .replace("@ADDRESS@", &address.to_string())
            .replace("@ADMIN@", &admin)
            .replace("@PORT@", &address.port().to_string())
            .replace("@BACKEND@", &place.backend.to_string())
            .replace("@CERTS@", &place.folder.display().to_string())
            .replace("@FOLDER@", &folder.display().to_string())
    }
}

impl Running {
    pub fn cpu(&self) -> Duration {
        accounting::cpu(self.child.id())
    }

    pub fn pss(&self) -> u64 {
        accounting::pss(self.child.id())
    }

    fn wait_until_up(&mut self) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("it ended with {status}")));
            }
            if Instant::now() > end {
                return Err(io::ErrorKind::TimedOut.into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Twice: wsgate drains at the first, and stops at the second. nginx ends its workers.
        let end = Instant::now() + PATIENCE;
        let pid = self.child.id().to_string();
        while self.child.try_wait().is_ok_and(|it| it.is_none()) {
            let _ = Command::new("kill").args(["-TERM", &pid]).status();
            std::thread::sleep(Duration::from_millis(100));
            if Instant::now() > end {
                let _ = self.child.kill();
            }
        }
    }
}

fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")];
    std::env::split_paths(&path).chain(more).map(|it| it.join(name)).find(|it| it.is_file())
}

fn said(program: &Path, ask: &str) -> String {
    let Ok(output) = Command::new(program).arg(ask).output() else { return String::new() };
    let both = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&both).lines().next().unwrap_or_default().to_owned()
}

// Its own port for the admin listener: two of them run at once.
const WSGATE: &str = r#"
[admin]
listen = "@ADMIN@"
[log]
access = "@FOLDER@/access.log"
[[listeners]]
address = "@ADDRESS@"
protocol = "https"
[[sites]]
domains = ["localhost"]
certificate = "@CERTS@/site.crt"
private_key = "@CERTS@/site.key"
[[sites.routes]]
path = "/"
backend = "@BACKEND@"
"#;

// The queue is as long as the kernel lets it be: with the 511 of the default some of 1,000 clients
// that come at once would wait a second for a new try.
const NGINX: &str = "
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid @FOLDER@/pid;
error_log @FOLDER@/error.log;
events { worker_connections 19000; }
http {
  access_log @FOLDER@/access.log;
  client_body_temp_path @FOLDER@/a; proxy_temp_path @FOLDER@/b; fastcgi_temp_path @FOLDER@/c;
  uwsgi_temp_path @FOLDER@/d; scgi_temp_path @FOLDER@/e;
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  server {
    listen @ADDRESS@ ssl backlog=4096;
    server_name localhost;
    ssl_certificate @CERTS@/site.crt;
    ssl_certificate_key @CERTS@/site.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:SSL:10m;
    location / {
      proxy_pass http://@BACKEND@;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Host $host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
    }
  }
}
";

const HAPROXY: &str = "
global
  nbthread 1
  maxconn 9500
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  option forwardfor
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
frontend public
  bind @ADDRESS@ backlog 4096 ssl crt @CERTS@/site.pem
  default_backend app
backend app
  server one @BACKEND@
";

const CADDY: &str = "
{
  admin off
  auto_https off
}
https://localhost:@PORT@ {
  bind 127.0.0.1
  tls @CERTS@/site.crt @CERTS@/site.key
  log {
    output file @FOLDER@/access.log
  }
  reverse_proxy @BACKEND@
}
";

//! How much a gateway keeps for each of very many sockets that sleep: opens them, from several
//! addresses of the loopback interface, has each say a message, lets them sleep, and then sends a
//! broadcast that everybody has to answer.
//!
//! `benches/crowd/run` runs it, under a kernel of its own where this machine gives a process too few
//! descriptors. Options: `--gateway PATH`, `--sockets N`, `--sleep SECONDS`, `--limit SECONDS`.

#![allow(missing_docs, clippy::expect_used, reason = "a tool that fails aloud")]

#[allow(dead_code, reason = "shared with the comparison")]
#[path = "../compare/accounting.rs"]
mod accounting;
#[path = "../compare/backend.rs"]
mod backend;
#[allow(dead_code, reason = "shared with the comparison")]
#[path = "../compare/client.rs"]
mod client;
#[path = "../compare/frames.rs"]
mod frames;
#[allow(dead_code, reason = "shared with the comparison")]
#[path = "../compare/trust.rs"]
mod trust;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use backend::Desk;
use client::{Fleet, Script, Socket};

/// Sockets that leave from one address: somewhat fewer than half the 28,232 ports that Linux gives out,
/// since it searches long for one of the other half.
const PER_SOURCE: usize = 13_000;

/// Handshakes under way at once.
const RAMP: usize = 64;

/// How long the gateway has for its last lines before they are read: it writes access lines in batches.
const GATEWAY_WRITES: Duration = Duration::from_secs(1);

/// Bytes of what each says, and of what each answers.
const SAID: usize = 125;

struct Options {
    gateway: PathBuf,
    sockets: usize,
    sleep: Duration,
    limit: Duration,
}

fn main() -> ExitCode {
    let options = options();
    let folder = std::env::temp_dir().join(format!("wsgate-crowd-{}", std::process::id()));
    let made = std::fs::create_dir_all(&folder);
    let outcome = made.and_then(|()| crowd(&options, &folder));
    let _ = std::fs::remove_dir_all(&folder);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crowd: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the gateway has said last.
fn last_lines(folder: &Path) {
    for name in ["log", "access.log"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        eprintln!("{name}:\n{}", lines[lines.len().saturating_sub(10)..].join("\n"));
    }
}

/// `cargo test` runs it with a hundred sockets, to see that it works.
fn options() -> Options {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let bench = arguments.iter().any(|it| it == "--bench");
    let mut options = Options {
        gateway: env!("CARGO_BIN_EXE_wsgate").into(),
        sockets: if bench { 50_000 } else { 100 },
        sleep: Duration::from_secs(if bench { 30 } else { 1 }),
        limit: Duration::from_secs(900),
    };
    for pair in arguments.windows(2) {
        let seconds = || Duration::from_secs(pair[1].parse().expect("seconds"));
        match pair[0].as_str() {
            "--gateway" => options.gateway = PathBuf::from(&pair[1]),
            "--sockets" => options.sockets = pair[1].parse().expect("a number"),
            "--sleep" => options.sleep = seconds(),
            "--limit" => options.limit = seconds(),
            _ => {}
        }
    }
    options
}

fn crowd(options: &Options, folder: &Path) -> io::Result<()> {
    let trust = trust::make(folder);
    let (backend, desk) = backend::start()?;
    let gateway = Gateway::start(&options.gateway, backend, folder)?;
    let mut fleet = Fleet::new(gateway.address, "/crowd", &trust.full);
    fleet.per_source = PER_SOURCE;
    let outcome = visit(options, &gateway, &mut fleet, &desk);
    outcome.map_err(|error| {
        // Before the fleet goes: its going has lines too.
        std::thread::sleep(GATEWAY_WRITES);
        last_lines(folder);
        io::Error::other(format!("{error}; {} were open", fleet.open()))
    })
}

fn visit(options: &Options, gateway: &Gateway, fleet: &mut Fleet, desk: &Desk) -> io::Result<()> {
    let end = Instant::now() + options.limit;
    let mut talk = Talk { answer: frames::message(SAID), answered: 0 };
    open(fleet, 1, &mut talk, end)?;
    fleet.run(&mut talk, Duration::from_millis(500), |_| false)?;
    let (before, began) = (gateway.memory(), Instant::now());
    let all = options.sockets + 1;
    while fleet.open() < all {
        let more = RAMP.min(all - fleet.open());
        open(fleet, more, &mut talk, end)?;
        if fleet.open() % (RAMP * 50) == 1 {
            println!("{:6} open after {:.0?}", fleet.open(), began.elapsed());
        }
    }
    println!("{:6} sockets opened in {:.1?}", options.sockets, began.elapsed());
    let heard = || desk.sunk.load(Relaxed) / SAID as u64;
    within(fleet, &mut talk, end, |_| heard() >= all as u64, "a first message got lost")?;
    fleet.run(&mut talk, options.sleep, |_| false)?;
    report(options.sockets, before, gateway.memory());
    let called = Instant::now();
    desk.calls.fetch_add(1, Relaxed);
    within(fleet, &mut talk, end, |_| heard() >= 2 * all as u64, "not all have answered")?;
    if talk.answered != all {
        return Err(io::Error::other(format!("{} heard the broadcast", talk.answered)));
    }
    println!("{:6} heard a broadcast and answered it within {:.1?}", all, called.elapsed());
    println!("{:6} still open", fleet.open());
    Ok(())
}

fn open(fleet: &mut Fleet, more: usize, talk: &mut Talk, end: Instant) -> io::Result<()> {
    let all = fleet.sockets().len() + more;
    fleet.connect(more)?;
    let patience = end.saturating_duration_since(Instant::now());
    fleet.run(talk, patience, |it| it.open() == all)?;
    if fleet.open() < all { Err(io::Error::other("time ran out")) } else { Ok(()) }
}

fn within(
    fleet: &mut Fleet,
    talk: &mut Talk,
    end: Instant,
    done: impl Fn(&Fleet) -> bool,
    otherwise: &'static str,
) -> io::Result<()> {
    fleet.run(talk, end.saturating_duration_since(Instant::now()), &done)?;
    if done(fleet) { Ok(()) } else { Err(io::Error::other(otherwise)) }
}

fn report(sockets: usize, before: Memory, after: Memory) {
    let each = |before: u64, after: u64| (after as f64 - before as f64) / sockets as f64 / 1000.0;
    println!(
        "{sockets:6} idle: {:.2} kB each in the gateway (PSS), {:.2} kB each in the kernel for all \
         four ends",
        each(before.process, after.process),
        each(before.kernel, after.kernel),
    );
}

/// Says something when it is open, and answers what it hears.
struct Talk {
    answer: Vec<u8>,
    answered: usize,
}

impl Script for Talk {
    fn opened(&mut self, socket: &mut Socket) {
        socket.say(&self.answer);
    }

    fn message(&mut self, socket: &mut Socket) {
        self.answered += 1;
        socket.say(&self.answer);
    }
}

#[derive(Clone, Copy)]
struct Memory {
    process: u64,
    kernel: u64,
}

/// The gateway as a process; dropping it ends it.
struct Gateway {
    child: Child,
    address: SocketAddr,
}

impl Gateway {
    fn start(program: &Path, backend: SocketAddr, folder: &Path) -> io::Result<Self> {
        let port = || TcpListener::bind("127.0.0.1:0")?.local_addr();
        let (address, admin) = (port()?, port()?);
        let text = CONFIGURATION
            .replace("@ADDRESS@", &address.to_string())
            .replace("@ADMIN@", &admin.to_string())
            .replace("@BACKEND@", &backend.to_string())
            .replace("@FOLDER@", &folder.display().to_string());
        let file = folder.join("gateway.toml");
        std::fs::write(&file, text)?;
        let log = std::fs::File::create(folder.join("log"))?;
        let mut command = Command::new(program);
        command.arg("run").arg("--config").arg(&file).stdin(Stdio::null());
        let child = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        let gateway = Self { child, address };
        let end = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() {
            if Instant::now() > end {
                let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
                return Err(io::Error::other(format!("the gateway does not start\n{log}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(gateway)
    }

    fn memory(&self) -> Memory {
        let process = accounting::pss(self.child.id());
        Memory { process, kernel: accounting::kernel() }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// Everything is on that costs memory, but heartbeats are rare and waits long: what runs under a kernel
// of its own on a busy machine may have to wait for its processor.
const CONFIGURATION: &str = r#"
[admin]
listen = "@ADMIN@"
[log]
access = "@FOLDER@/access.log"
[gateway.timeouts]
tls_handshake = "5m"
request_head = "5m"
[[listeners]]
address = "@ADDRESS@"
protocol = "https"
[[sites]]
domains = ["localhost"]
certificate = "@FOLDER@/site.crt"
private_key = "@FOLDER@/site.key"
[[sites.routes]]
path = "/"
backend = "app"
heartbeat.client_ping = "4h"
heartbeat.client_timeout = "12h"
timeouts.upgrade_response = "5m"
[backends.app]
servers = ["@BACKEND@"]
connect_timeout = "5m"
"#;

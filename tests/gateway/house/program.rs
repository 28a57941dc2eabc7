//! The program itself, as a process with a configuration file of its own.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;

use super::client::Client;
use super::{HOST, PATIENCE, certificates, site};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_wsgate");

/// A running program; killed when the test fails.
pub struct Program {
    child: Child,
    pub config: PathBuf,
    pub address: SocketAddr,
    /// Files, not pipes: a process that takes over goes on writing to them.
    output: [PathBuf; 2],
}

impl Program {
    /// Runs the program behind `before`, a shell's words, and waits until it listens.
    pub async fn start(name: &str, before: &str, settings: &str, routes: &str) -> Self {
        let address = free_address();
        let config = write(name, &text(address, settings, routes));
        let program = Self::launch(name, before, config, address);
        program.listens().await;
        program
    }

    /// The same with a configuration file that is there, and without waiting.
    pub fn launch(name: &str, before: &str, config: PathBuf, address: SocketAddr) -> Self {
        Self::launch_into(name, before, (config, address), None)
    }

    /// The same with standard output and standard error of the test's own.
    pub fn launch_into(
        name: &str,
        before: &str,
        (config, address): (PathBuf, SocketAddr),
        streams: Option<[Stdio; 2]>,
    ) -> Self {
        let command = format!("{before} exec {PROGRAM} run --config {}", config.display());
        let output = ["out", "err"].map(|it| config.with_file_name(format!("{name}.{it}")));
        let files = output.each_ref().map(|it| Stdio::from(File::create(it).expect("a file")));
        let [out, err] = streams.unwrap_or(files);
        let mut shell = Command::new("sh");
        shell.args(["-c", &command]).stdout(out).stderr(err);
        Self { child: shell.spawn().expect("started"), config, address, output }
    }

    async fn listens(&self) {
        let begun = Instant::now();
        while TcpStream::connect(self.address).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "it does not listen: {}", self.errors());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it lives");
    }

    pub async fn socket(&self, path: &str) -> Client {
        let mut client = Client::tls(self.address, HOST).await.expect("TLS");
        let head = client.upgrade(path, "").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client
    }

    /// What it has written to standard error so far.
    pub fn errors(&self) -> String {
        std::fs::read_to_string(&self.output[1]).expect("UTF-8")
    }

    /// What it has written to standard output so far: its access lines.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.output[0]).expect("UTF-8")
    }

    /// Bytes of memory that it takes now.
    pub fn resident(&self) -> u64 {
        let statm = format!("/proc/{}/statm", self.child.id());
        let text = std::fs::read_to_string(statm).expect("it lives");
        let pages = text.split(' ').nth(1).and_then(|it| it.parse::<u64>().ok());
        pages.expect("a number") * rustix::param::page_size() as u64
    }

    /// Waits for its end: exit code, standard output, standard error.
    pub async fn end(mut self) -> (Option<i32>, String, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("waited") {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end: {}", self.errors());
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let out = std::fs::read_to_string(&self.output[0]).expect("UTF-8");
        (status.code(), out, self.errors())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn text(address: SocketAddr, settings: &str, routes: &str) -> String {
    format!(
        "{settings}[admin]\nlisten = \"off\"\n[[listeners]]\naddress = \"{address}\"\nprotocol = \"https\"\n{}{routes}",
        site(HOST)
    )
}

pub fn write(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(certificates::folder()).join(format!("{name}.toml"));
    std::fs::write(&path, text).expect("written");
    path
}

pub fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address")
}

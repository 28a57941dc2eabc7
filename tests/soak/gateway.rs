//! The gateway as a process of its own, seen from outside: its memory, its descriptors, its access lines.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;

use crate::house::program::{self, free_address};

/// How long a start or a stop may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Gateway {
    child: Child,
    pub address: SocketAddr,
    lines: PathBuf,
    errors: PathBuf,
}

impl Gateway {
    /// `WSGATE_BIN`, or the one that was built with the tests, with `routes` on the usual site.
    pub async fn start(name: &str, settings: &str, routes: &str) -> Self {
        let address = free_address();
        let settings = format!("[log]\nformat = \"json\"\n{settings}");
        let config = program::write(name, &program::text(address, &settings, routes));
        let lines = config.with_extension("lines");
        let errors = config.with_extension("errors");
        let bin = std::env::var("WSGATE_BIN").unwrap_or_else(|_| program::PROGRAM.to_owned());
        let child = Command::new(bin)
            .args(["run", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(File::create(&lines).expect("a file"))
            .stderr(File::create(&errors).expect("a file"))
            .spawn()
            .expect("started");
        let gateway = Self { child, address, lines, errors };
        let begun = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "it does not listen: {}", gateway.errors());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        gateway
    }

    /// Resident memory in KiB.
    pub fn memory(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let text = text.expect("it lives");
        let line = text.lines().find_map(|it| it.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        let folder = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        folder.expect("it lives").count()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it lives");
    }

    /// Waits until no more than `most` descriptors are open.
    pub async fn settles(&self, most: usize) -> usize {
        let begun = Instant::now();
        loop {
            let now = self.descriptors();
            if now <= most || begun.elapsed() > PATIENCE {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Stops it and waits for its end: the exit code, and how often each (kind, end) was written.
    pub async fn stop(mut self) -> (Option<i32>, BTreeMap<(String, String), usize>) {
        self.signal(Signal::TERM);
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("waited") {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end: {}", self.errors());
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let mut ends = BTreeMap::new();
        for line in std::fs::read_to_string(&self.lines).expect("UTF-8").lines() {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let word = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            *ends.entry((word("kind"), word("end"))).or_default() += 1;
        }
        (status.code(), ends)
    }

    pub fn errors(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap_or_default()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

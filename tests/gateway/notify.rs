//! What systemd is told (sd_notify(3)), on a socket in systemd's place.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::house::program::Program;
use crate::house::{Backend, PATIENCE, certificates, route};

/// Hears everything, also while nobody asks: whoever speaks would wait for a full socket.
struct Systemd {
    path: PathBuf,
    heard: mpsc::Receiver<String>,
    said: Vec<String>,
}

impl Systemd {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(certificates::folder()).join(format!("{name}.notify"));
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).expect("a socket");
        let (tell, heard) = mpsc::channel();
        std::thread::spawn(move || {
            let mut space = [0; 4096];
            while let Ok(length) = socket.recv(&mut space) {
                let text = String::from_utf8(space[..length].to_vec()).expect("UTF-8");
                if tell.send(text).is_err() {
                    return;
                }
            }
        });
        Self { path, heard, said: Vec::new() }
    }

    /// Waits until a message that begins with `start` comes after those that are known.
    fn hears(&mut self, start: &str) -> String {
        let begun = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let heard = self.heard.recv_timeout(left);
            let text = heard.unwrap_or_else(|_| panic!("no {start:?} in {:?}", self.said));
            self.said.push(text.clone());
            if text.starts_with(start) {
                return text;
            }
        }
    }
}

fn number(message: &str, key: &str) -> i64 {
    let line = message.lines().find_map(|it| it.strip_prefix(key)).expect("the key");
    line.parse().expect("a number")
}

#[tokio::test]
async fn systemd_hears_of_ready_reload_status_watchdog_heir_and_stop() {
    let backend = Backend::echo().await;
    let mut systemd = Systemd::new("told");
    let before = format!("export NOTIFY_SOCKET={} WATCHDOG_USEC=300000;", systemd.path.display());
    let program = Program::start("told", &before, "", &route("/", &backend)).await;
    systemd.hears("READY=1");
    assert_eq!(systemd.said.len(), 1, "ready comes first: {:?}", systemd.said);
    // A third of the limit lies between two of them.
    let begun = Instant::now();
    (0..4).for_each(|_| drop(systemd.hears("WATCHDOG=1")));
    assert!(begun.elapsed() > Duration::from_millis(200), "{:?}", begun.elapsed());
    assert!(systemd.said.iter().any(|it| it.trim() == "STATUS=0 WebSockets, 0 connections"));
    program.signal(Signal::HUP);
    assert!(number(&systemd.hears("RELOADING=1"), "MONOTONIC_USEC=") > 0);
    systemd.hears("READY=1");
    program.signal(Signal::USR2);
    let heir = number(&systemd.hears("MAINPID="), "MAINPID=");
    assert_eq!(program.end().await.0, Some(0), "the old one ends without being told to");
    // It is the heir who feeds the watchdog now, and says when it stops.
    (0..2).for_each(|_| drop(systemd.hears("WATCHDOG=1")));
    let heir = Pid::from_raw(i32::try_from(heir).expect("a process id")).expect("not zero");
    kill_process(heir, Signal::TERM).expect("it lives");
    let last = systemd.hears("STOPPING=1");
    assert!(last.contains("STATUS=draining 0 connections"), "{last:?}");
}

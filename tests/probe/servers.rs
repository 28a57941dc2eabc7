//! What every server under test has: a free port, a moment until it listens, an end.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::certificates::files;

/// How long a server has until it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that ends with the test.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Starts `command` in the foreground and waits until it listens.
    pub fn start(mut command: Command, address: SocketAddr, log: &Path) -> Self {
        let output = std::fs::File::create(log).expect("a file");
        let errors = output.try_clone().expect("a file");
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let mut server = Self { child: command.spawn().expect("started"), address };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            let gone = server.child.try_wait().expect("waited").is_some();
            let said = std::fs::read_to_string(log).unwrap_or_default();
            assert!(!gone, "it ended: {said}");
            assert!(begun.elapsed() < PATIENCE, "it does not listen: {said}");
            sleep(Duration::from_millis(10));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that nobody listens on.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address")
}

/// A folder of its own for a server.
pub fn fresh_folder(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = files().folder.join(format!("{name}-{number}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

//! Handing over to a new process: it gets the listening sockets while this one still accepts, says
//! when it is ready, and only then this one drains. Whatever fails before leaves this one in place.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::accept::{self, Inherited};
use crate::life::{Elapsed, Timer, within};

/// For the new process to read its configuration and take the sockets.
const TAKE_OVER: Duration = Duration::from_secs(30);

/// For the old process to send its sockets after it was called.
const SOCKETS: Duration = Duration::from_secs(10);

/// Where the new process finds the old one: the name of an abstract unix socket.
const WAY: &str = "WSGATE_HANDOVER";

/// What systemd said of the old process, and would be wrong for the new one.
const NOT_FOR_HEIRS: [&str; 4] = ["WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// What the new process says when it accepts.
const READY: &[u8] = b"ready\n";

/// The program that runs here, as it was started: an upgrade replaces the file at its path.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

/// Why there is no new process in this one's place.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// The system refused something.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The new process ended before it was ready; its own log says why.
    #[error("the new process ended before it was ready: {0}")]
    Ended(ExitStatus),
    /// The new process hung up before it was ready.
    #[error("the new process hung up before it was ready")]
    HungUp,
    /// Somebody asked to stop before it was ready.
    #[error("asked to stop before the new process was ready")]
    Stopped,
    /// It was not ready in time.
    #[error(transparent)]
    Elapsed(#[from] Elapsed),
}

impl Program {
    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// This one. To be asked at the start, while the file is still the one that runs, and the working
    /// directory the one that it was named in.
    ///
    /// # Errors
    /// When the system does not know the program's path.
    pub fn this() -> io::Result<Self> {
        let mut words = std::env::args_os();
        let path = match words.next().and_then(|it| called(Path::new(&it))) {
            Some(path) => path,
            None => std::env::current_exe()?,
        };
        Ok(Self { path, arguments: words.collect() })
    }
}

/// The path by which the program was called, links as they are: a deployment changes where they lead,
/// and what the system says of a running program is where they led.
fn called(name: &Path) -> Option<PathBuf> {
    if name.components().count() > 1 {
        return std::path::absolute(name).ok().filter(|it| it.is_file());
    }
    // Found by a shell in one of these; other programs may have the same name in another.
    let folders = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&folders).map(|it| it.join(name));
    found.filter_map(|it| std::path::absolute(it).ok()).find(|it| runs_here(it))
}

fn runs_here(path: &Path) -> bool {
    let identity = |path: &Path| path.metadata().map(|it| (it.dev(), it.ino())).ok();
    identity(path).is_some_and(|it| Some(it) == identity(Path::new("/proc/self/exe")))
}

/// Starts `program` with `sockets` and waits until it is ready, or until `stop`.
pub(super) async fn hand_over(
    program: &Program,
    sockets: &[(String, BorrowedFd<'_>)],
    stop: impl Future<Output = ()>,
) -> Result<Successor, HandoverError> {
    let name = format!("wsgate-{}-{:016x}", std::process::id(), rand::random::<u64>());
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let mut command = Command::new(&program.path);
    command.args(&program.arguments).env(WAY, &name);
    NOT_FOR_HEIRS.iter().for_each(|it| {
        command.env_remove(it);
    });
    let mut child = command.spawn()?;
    let pid = child.id();
    let taken = within(Some(TAKE_OVER), Timer::Handover, async {
        tokio::select! {
            // Once it is ready it has clients, and goes on whatever else there is.
            biased;
            ready = introduce(&listener, pid, sockets) => ready,
            ended = child.wait() => Err(HandoverError::Ended(ended?)),
            () = stop => Err(HandoverError::Stopped),
        }
    });
    let taken = taken.await.map_err(HandoverError::from).and_then(|it| it);
    if taken.is_err() {
        // It may have ended by itself.
        let _ = child.kill().await;
    }
    taken
}

/// Sends the sockets to our own child, whoever else calls, and waits for its word.
async fn introduce(
    listener: &tokio::net::UnixListener,
    child: Option<u32>,
    sockets: &[(String, BorrowedFd<'_>)],
) -> Result<Successor, HandoverError> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        let caller = stream.peer_cred()?.pid().and_then(|it| u32::try_from(it).ok());
        let Some(pid) = caller.filter(|it| child == Some(*it)) else { continue };
        accept::hand_over(stream.as_fd(), sockets)?;
        let mut word = [0; READY.len()];
        return match stream.read_exact(&mut word).await {
            Ok(_) if word == READY => Ok(Successor { pid, _way: stream }),
            _ => Err(HandoverError::HungUp),
        };
    }
}

/// The process that goes on in this one's place. To be kept until the end of this one, for which the
/// other may wait.
#[derive(Debug)]
pub struct Successor {
    pid: u32,
    /// Nothing more is said on it; that it closes is the news.
    _way: tokio::net::UnixStream,
}

impl Successor {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }
}

/// The process that this one takes over from.
pub(super) struct Predecessor(UnixStream);

impl Predecessor {
    /// Calls it, if there is one, and takes its sockets.
    ///
    /// # Errors
    /// When there is one, but it does not send them.
    pub(super) fn call() -> io::Result<Option<(Self, Inherited)>> {
        let Some(name) = std::env::var_os(WAY) else { return Ok(None) };
        let address = SocketAddr::from_abstract_name(name.as_encoded_bytes())?;
        let stream = UnixStream::connect_addr(&address)?;
        stream.set_read_timeout(Some(SOCKETS))?;
        let inherited = Inherited::receive(&stream)?;
        Ok(Some((Self(stream), inherited)))
    }

    /// This process accepts now: the other may go.
    pub(super) fn dismiss(&mut self) {
        use std::io::Write;
        // When it is gone already, there is nobody to be told.
        let _ = self.0.write_all(READY);
    }

    /// Whether it has not ended yet.
    pub(super) fn lives(&self) -> bool {
        // It says nothing more, and the end of the stream is its own.
        let look = recv(&self.0, &mut [0; 1][..], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        look.is_err_and(|error| error == Errno::AGAIN)
    }

    /// Waits until it has ended; no limit here.
    pub(super) async fn gone(self) {
        let stream =
            self.0.set_nonblocking(true).and_then(|()| tokio::net::UnixStream::from_std(self.0));
        if let Ok(mut stream) = stream {
            // It says nothing more: bytes and errors are its end as well.
            let _ = stream.read(&mut [0]).await;
        }
    }
}

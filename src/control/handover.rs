//! Handing over to a new process: it gets the listening sockets while this one still accepts, says
//! when it is ready, and only then this one drains. Whatever fails before leaves this one in place.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

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
    /// It was not ready in time.
    #[error(transparent)]
    Elapsed(#[from] Elapsed),
}

impl Program {
    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// This one. To be asked at the start, while the file is still the one that runs.
    ///
    /// # Errors
    /// When the system does not know the program's path.
    pub fn this() -> io::Result<Self> {
        let path = std::env::current_exe()?;
        Ok(Self { path, arguments: std::env::args_os().skip(1).collect() })
    }
}

/// Starts `program` with `sockets` and waits until it is ready; gives its process id.
pub(super) async fn hand_over(
    program: &Program,
    sockets: &[(String, BorrowedFd<'_>)],
) -> Result<u32, HandoverError> {
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
            ended = child.wait() => Err(HandoverError::Ended(ended?)),
            ready = introduce(&listener, pid, sockets) => ready,
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
) -> Result<u32, HandoverError> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        let caller = stream.peer_cred()?.pid().and_then(|it| u32::try_from(it).ok());
        let Some(pid) = caller.filter(|it| child == Some(*it)) else { continue };
        accept::hand_over(stream.as_fd(), sockets)?;
        let mut word = [0; READY.len()];
        return match stream.read_exact(&mut word).await {
            Ok(_) if word == READY => Ok(pid),
            _ => Err(HandoverError::HungUp),
        };
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
    pub(super) fn dismiss(mut self) {
        use std::io::Write;
        // When it is gone already, there is nobody to be told.
        let _ = self.0.write_all(READY);
    }
}

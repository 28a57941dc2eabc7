//! Listening sockets that were there before this process: systemd's, or those of the process that
//! it takes over from. Knows their names, not what is spoken on them.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Weak};

use listenfd::ListenFd;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use super::listen::{Bound, ListenError, bind, take_over};
use crate::config::model::ListenAddress;

/// Most sockets that one message carries: the kernel's SCM_MAX_FD is 253.
pub const HANDED_MOST: usize = 250;

/// Most bytes of their names.
const NAMES_MOST: usize = 64 * 1024;

/// What every name of systemd's begins with.
const SYSTEMD: &str = "systemd:";

/// Sockets that wait to be asked for by the address that the configuration has for them. Those of
/// systemd stay here and are lent: it gives them once, and a configuration may come back to them.
#[derive(Debug, Default)]
pub struct Inherited(VecDeque<Heirloom>);

#[derive(Debug)]
struct Heirloom {
    name: String,
    ready: Ready,
    /// Dead while nobody has it.
    loan: Weak<()>,
}

/// A socket of systemd's is in use for as long as this is kept.
#[derive(Debug)]
pub struct Loan(#[expect(dead_code, reason = "it counts by being there")] Arc<()>);

/// A socket that listens.
#[derive(Debug)]
pub(super) enum Ready {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Inherited {
    /// What systemd listens on for this service (sd_listen_fds(3)); outside systemd nothing.
    pub fn from_systemd() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').filter(|it| !it.is_empty());
        let mut given = ListenFd::from_env();
        let mut sockets = VecDeque::new();
        for place in 0..given.len() {
            let name = format!("{SYSTEMD}{}", names.next().unwrap_or("unknown"));
            let socket = match given.take_tcp_listener(place) {
                Ok(Some(listener)) => Some(Ready::Tcp(listener)),
                _ => given.take_unix_listener(place).ok().flatten().map(Ready::Unix),
            };
            sockets.extend(socket.map(|it| Heirloom::new(name, it)));
        }
        Self(sockets)
    }

    /// What another process sends with [`hand_over`] through `stream`, a unix socket that blocks.
    ///
    /// # Errors
    /// When the message breaks off or has something else than listening sockets.
    pub fn receive(stream: impl AsFd) -> io::Result<Self> {
        let mut names = vec![0; NAMES_MOST];
        let mut space =
            [const { MaybeUninit::uninit() }; rustix::cmsg_space!(ScmRights(HANDED_MOST))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut names)];
        let got = recvmsg(stream, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes;
        let fds = control.drain().flat_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => fds.collect(),
            _ => Vec::new(),
        });
        let fds: Vec<OwnedFd> = fds.collect();
        let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        let text = names.get(..got).and_then(|it| std::str::from_utf8(it).ok());
        let names: Vec<&str> = text.unwrap_or_default().lines().collect();
        if names.len() != fds.len() {
            return Err(invalid("not as many sockets as names"));
        }
        let pairs = names.into_iter().zip(fds);
        pairs
            .map(|(name, fd)| Ok(Heirloom::new(name.to_owned(), ready(fd)?)))
            .collect::<io::Result<_>>()
            .map(Self)
    }

    /// Adds those of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// A socket for `address`: one that is there already, else a new one; inside a tokio runtime.
    ///
    /// # Errors
    /// [`ListenError`] with the address and the operating system's reason.
    pub async fn bind(&mut self, address: &ListenAddress) -> Result<Bound, ListenError> {
        let name = address.to_string();
        let place = self.0.iter().position(|it| it.name == name && it.is_free());
        let Some(place) = place else { return bind(address).await };
        if let Some(kept) = self.0.get_mut(place).filter(|it| it.is_systemds()) {
            let failed = |source| ListenError::Inherited { address: address.clone(), source };
            let (ready, loan) = kept.lend().map_err(failed)?;
            return take_over(address, ready, Some(loan));
        }
        match self.0.remove(place) {
            Some(it) => take_over(address, it.ready, None),
            None => bind(address).await,
        }
    }

    /// Those that nobody has asked for, or that came back, by their names.
    pub fn left(&self) -> impl Iterator<Item = (String, BorrowedFd<'_>)> {
        self.0.iter().filter(|it| it.is_free()).map(|it| (it.name.clone(), it.ready.as_fd()))
    }

    /// Closes those that are not systemd's, and removes the files of unix sockets among them.
    pub fn keep_systemds(&mut self) {
        let before = std::mem::take(&mut self.0);
        let (kept, others): (VecDeque<_>, VecDeque<_>) =
            before.into_iter().partition(Heirloom::is_systemds);
        self.0 = kept;
        for it in others {
            tracing::info!(address = it.name, "no longer listening");
            if let Some(path) = it.name.strip_prefix("unix:") {
                // Who has removed it already has done what is wanted.
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

impl Heirloom {
    fn new(name: String, ready: Ready) -> Self {
        Self { name, ready, loan: Weak::new() }
    }

    fn is_systemds(&self) -> bool {
        self.name.starts_with(SYSTEMD)
    }

    fn is_free(&self) -> bool {
        self.loan.strong_count() == 0
    }

    fn lend(&mut self) -> io::Result<(Ready, Loan)> {
        let ready = self.ready.try_clone()?;
        let loan = Arc::new(());
        self.loan = Arc::downgrade(&loan);
        Ok((ready, Loan(loan)))
    }
}

impl Ready {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(listener) => Self::Tcp(listener.try_clone()?),
            Self::Unix(listener) => Self::Unix(listener.try_clone()?),
        })
    }
}

impl AsFd for Ready {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }
}

/// Sends listening sockets under their names through `stream`, a unix socket.
///
/// # Errors
/// Those of sendmsg(2), and when there are more than [`HANDED_MOST`].
pub fn hand_over(stream: impl AsFd, sockets: &[(String, BorrowedFd<'_>)]) -> io::Result<()> {
    let names: Vec<&str> = sockets.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join("\n") + "\n";
    let fds: Vec<BorrowedFd<'_>> = sockets.iter().map(|(_, fd)| *fd).collect();
    if fds.len() > HANDED_MOST || names.len() > NAMES_MOST {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many listeners"));
    }
    let mut space = [const { MaybeUninit::uninit() }; rustix::cmsg_space!(ScmRights(HANDED_MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    let sent =
        sendmsg(stream, &[IoSlice::new(names.as_bytes())], &mut control, SendFlags::NOSIGNAL)?;
    if sent == names.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

fn ready(fd: OwnedFd) -> io::Result<Ready> {
    let listens = rustix::net::sockopt::socket_acceptconn(&fd)?;
    if !listens {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not listen"));
    }
    match rustix::net::sockopt::socket_domain(&fd)? {
        AddressFamily::UNIX => Ok(Ready::Unix(fd.into())),
        _ => Ok(Ready::Tcp(fd.into())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[tokio::test]
    async fn sockets_keep_their_queue_when_they_are_handed_over() {
        let any = ListenAddress::Tcp("127.0.0.1:0".parse().expect("an address"));
        let path = std::env::temp_dir().join(format!("wsgate-inherit-{}", std::process::id()));
        let unix = ListenAddress::Unix(path.clone());
        let (tcp, file) = (bind(&any).await.expect("bound"), bind(&unix).await.expect("bound"));
        let ListenAddress::Tcp(at) = *tcp.address() else { panic!("not TCP") };
        let early = std::net::TcpStream::connect(at).expect("queued");
        let (one, other) = UnixStream::pair().expect("a pair");
        let sockets = [(any.to_string(), tcp.as_fd()), (unix.to_string(), file.as_fd())];
        hand_over(&one, &sockets).expect("sent");
        let mut inherited = Inherited::receive(&other).expect("received");
        tcp.give_away();
        file.give_away();
        drop((tcp, file));
        let tcp = inherited.bind(&any).await.expect("taken over");
        assert_eq!(*tcp.address(), ListenAddress::Tcp(at), "the very same port");
        let (_, peer) = tcp.accept().await.expect("the one who came before");
        assert_eq!(peer, Some(early.local_addr().expect("its address")));
        let left: Vec<String> = inherited.left().map(|(name, _)| name).collect();
        assert_eq!(left, [unix.to_string()]);
        let file = inherited.bind(&unix).await.expect("taken over");
        assert!(path.exists(), "its file stayed");
        drop(file);
        assert!(!path.exists(), "and goes with the last who listens");
    }

    /// As if somebody had handed these over.
    fn given(sockets: &[(String, BorrowedFd<'_>)]) -> Inherited {
        let (one, other) = UnixStream::pair().expect("a pair");
        hand_over(&one, sockets).expect("sent");
        Inherited::receive(&other).expect("received")
    }

    fn port() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").expect("a port")
    }

    #[tokio::test]
    async fn sockets_of_systemd_are_lent_each_to_one_and_come_back() {
        let (one, two) = (port(), port());
        let web = ListenAddress::Systemd("web".to_owned());
        let mut inherited =
            given(&[(web.to_string(), one.as_fd()), (web.to_string(), two.as_fd())]);
        let mut first = inherited.bind(&web).await.expect("the first");
        let second = inherited.bind(&web).await.expect("the second");
        assert_ne!(first.address(), second.address());
        inherited.bind(&web).await.expect_err("there are two");
        assert_eq!(inherited.left().count(), 0);
        drop(second);
        assert_eq!(inherited.left().count(), 1);
        let at = first.address().clone();
        drop(first.take_loan());
        let again = inherited.bind(&web).await.expect("while the other is still being closed");
        assert_eq!(*again.address(), at);
    }

    #[tokio::test]
    async fn what_nobody_asks_for_is_closed_unless_it_is_systemds() {
        let (tcp, kept) = (port(), port());
        let path = std::env::temp_dir().join(format!("wsgate-unclaimed-{}", std::process::id()));
        let file = UnixListener::bind(&path).expect("bound");
        let at = tcp.local_addr().expect("an address");
        let mut inherited = given(&[
            (at.to_string(), tcp.as_fd()),
            (format!("unix:{}", path.display()), file.as_fd()),
            ("systemd:http".to_owned(), kept.as_fd()),
        ]);
        drop((tcp, file));
        assert!(std::net::TcpStream::connect(at).is_ok(), "it listens here");
        inherited.keep_systemds();
        assert!(std::net::TcpStream::connect(at).is_err() && !path.exists());
        let left: Vec<String> = inherited.left().map(|(name, _)| name).collect();
        assert_eq!(left, ["systemd:http"]);
    }

    #[tokio::test]
    async fn what_does_not_listen_is_refused_and_what_is_not_there_is_named() {
        let (one, other) = UnixStream::pair().expect("a pair");
        hand_over(&one, &[("127.0.0.1:1".to_owned(), other.as_fd())]).expect("sent");
        assert!(Inherited::receive(&other).is_err());
        let missing = ListenAddress::Systemd("https".to_owned());
        let error = Inherited::default().bind(&missing).await.expect_err("nothing was given");
        assert!(error.to_string().contains("FileDescriptorName=https"), "{error}");
    }
}

//! The byte streams that connections run on: TCP or unix, plain or under TLS. Knows no other room.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client;

mod rest;
mod scratch;
mod secure;

pub use rest::Rest;
pub use secure::{Agreed, Secure};

/// A connected socket without TLS.
#[derive(Debug)]
pub enum Socket {
    /// TCP over IPv4 or IPv6.
    Tcp(TcpStream),
    /// A unix stream socket.
    Unix(UnixStream),
}

/// A socket between two event loops.
#[derive(Debug)]
pub enum Homeless {
    /// TCP over IPv4 or IPv6.
    Tcp(std::net::TcpStream),
    /// A unix stream socket.
    Unix(std::os::unix::net::UnixStream),
}

impl Homeless {
    /// Settles it on the event loop of the caller.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn settle(self) -> io::Result<Socket> {
        match self {
            Self::Tcp(stream) => TcpStream::from_std(stream).map(Socket::Tcp),
            Self::Unix(stream) => UnixStream::from_std(stream).map(Socket::Unix),
        }
    }
}

/// What a connection reads and writes.
#[derive(Debug)]
pub enum Stream {
    /// Bytes as they are.
    Plain(Socket),
    /// TLS with us as the server. Boxed: it is over a kilobyte, and plain streams are not.
    Tls(Box<Secure>),
    /// One stream of an HTTP/2 connection. Boxed: nobody else is to be bigger for it.
    Http2(Box<TokioIo<Upgraded>>),
    /// TLS with us as the client.
    TlsOut(Box<client::TlsStream<Socket>>),
}

impl Socket {
    /// The address at this end; `None` for a unix socket, or when the connection is gone already.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }
}

impl Socket {
    /// Takes it off its event loop.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn leave(self) -> io::Result<Homeless> {
        match self {
            Self::Tcp(stream) => stream.into_std().map(Homeless::Tcp),
            Self::Unix(stream) => stream.into_std().map(Homeless::Unix),
        }
    }

    /// Waits for bytes and shows them without taking them; 0 at the end of the stream.
    ///
    /// # Errors
    /// Those of recv(2).
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let look = |fd: BorrowedFd<'_>, buf: &mut [u8]| {
            recv(fd, buf, RecvFlags::PEEK).map(|(_, len)| len).map_err(io::Error::from)
        };
        match self {
            Self::Tcp(stream) => {
                stream.async_io(Interest::READABLE, || look(stream.as_fd(), buf)).await
            }
            Self::Unix(stream) => {
                stream.async_io(Interest::READABLE, || look(stream.as_fd(), buf)).await
            }
        }
    }

    /// Ends the connection without a word and without keeping anything of it in the kernel.
    pub fn reset(self) {
        if let Self::Tcp(stream) = &self {
            // Where this fails the connection ends politely instead.
            let _ = stream.set_zero_linger();
        }
    }

    /// Writes what the kernel takes at once, to a client that is about to be dropped.
    pub fn try_write(&self, bytes: &[u8]) {
        // It may be gone already: nothing is lost then.
        let _ = match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Unix(stream) => stream.try_write(bytes),
        };
    }
}

impl Stream {
    /// The stream of an HTTP/2 connection that hyper gives behind an extended CONNECT.
    pub fn over_http2(upgraded: Upgraded) -> Self {
        Self::Http2(Box::new(TokioIo::new(upgraded)))
    }

    /// The error that the socket has come to, and forgets it (`SO_ERROR`): a reset is seen here
    /// without reading.
    pub fn take_error(&self) -> Option<io::Error> {
        let socket = match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.socket(),
            Self::TlsOut(stream) => stream.get_ref().0,
            // The connection's own reader sees it, and ends all its streams.
            Self::Http2(_) => return None,
        };
        match socket {
            Socket::Tcp(stream) => stream.take_error().ok().flatten(),
            Socket::Unix(stream) => stream.take_error().ok().flatten(),
        }
    }
}

impl Stream {
    /// As `poll_write`, for what ends the stream: whoever has written all of `bytes` may only shut
    /// it down. Under TLS close_notify leaves with them, one write and one wake-up of the peer less.
    pub fn poll_write_last(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tls(stream) => stream.poll_write_last(cx, bytes),
            other => Pin::new(other).poll_write(cx, bytes),
        }
    }
}

/// A stream and the bytes already read from it that belong to whoever takes it over.
#[derive(Debug)]
pub struct Side {
    /// The stream.
    pub stream: Stream,
    /// Read from it by the protocol before, not yet consumed.
    pub read_buf: Bytes,
}

/// Passes the calls of the stream traits on to whichever stream it is.
macro_rules! delegate {
    ($name:ident { $($kind:ident),+ }) => {
        impl AsyncRead for $name {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match self.get_mut() { $(Self::$kind(it) => Pin::new(it).poll_read(cx, buf),)+ }
            }
        }

        impl AsyncWrite for $name {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() { $(Self::$kind(it) => Pin::new(it).poll_write(cx, buf),)+ }
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() { $(Self::$kind(it) => Pin::new(it).poll_flush(cx),)+ }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() { $(Self::$kind(it) => Pin::new(it).poll_shutdown(cx),)+ }
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $(Self::$kind(it) => Pin::new(it).poll_write_vectored(cx, bufs),)+
                }
            }

            fn is_write_vectored(&self) -> bool {
                match self { $(Self::$kind(it) => it.is_write_vectored(),)+ }
            }
        }
    };
}

delegate!(Socket { Tcp, Unix });
delegate!(Stream { Plain, Tls, Http2, TlsOut });

#[cfg(test)]
mod tests {
    use super::*;

    /// What streams were made of before there was HTTP/2.
    #[allow(dead_code, reason = "only its size counts")]
    enum Http1 {
        Plain(Socket),
        Tls(Box<Secure>),
        TlsOut(Box<client::TlsStream<Socket>>),
    }

    #[test]
    fn nobody_is_bigger_for_http2() {
        assert_eq!(size_of::<Stream>(), size_of::<Http1>());
    }
}

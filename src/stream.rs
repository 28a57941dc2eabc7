//! The byte streams that connections run on: TCP or unix, plain or under TLS. Knows no other room.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

/// A connected socket without TLS.
#[derive(Debug)]
pub enum Socket {
    /// TCP over IPv4 or IPv6.
    Tcp(TcpStream),
    /// A unix stream socket.
    Unix(UnixStream),
}

/// What a connection reads and writes.
#[derive(Debug)]
pub enum Stream {
    /// Bytes as they are.
    Plain(Socket),
    /// TLS with us as the server. Boxed: it is over a kilobyte, and plain streams are not.
    Tls(Box<TlsStream<Socket>>),
}

/// A stream and the bytes already read from it that belong to whoever takes it over.
#[derive(Debug)]
pub struct Side {
    /// The stream.
    pub stream: Stream,
    /// Read from it by the protocol before, not yet consumed.
    pub read_buf: Bytes,
}

/// Passes the calls of one stream trait on to whichever stream it is.
macro_rules! each {
    ($self:ident, $kind:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            $kind!(0, $stream) => $call,
            $kind!(1, $stream) => $call,
        }
    };
}
macro_rules! socket {
    (0, $stream:ident) => {
        Socket::Tcp($stream)
    };
    (1, $stream:ident) => {
        Socket::Unix($stream)
    };
}
macro_rules! stream {
    (0, $stream:ident) => {
        Stream::Plain($stream)
    };
    (1, $stream:ident) => {
        Stream::Tls($stream)
    };
}
macro_rules! delegate {
    ($name:ident, $kind:ident) => {
        impl AsyncRead for $name {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                each!(self, $kind, it => Pin::new(it).poll_read(cx, buf))
            }
        }

        impl AsyncWrite for $name {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                each!(self, $kind, it => Pin::new(it).poll_write(cx, buf))
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                each!(self, $kind, it => Pin::new(it).poll_flush(cx))
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                each!(self, $kind, it => Pin::new(it).poll_shutdown(cx))
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                each!(self, $kind, it => Pin::new(it).poll_write_vectored(cx, bufs))
            }

            fn is_write_vectored(&self) -> bool {
                match self {
                    $kind!(0, it) => it.is_write_vectored(),
                    $kind!(1, it) => it.is_write_vectored(),
                }
            }
        }
    };
}

delegate!(Socket, socket);
delegate!(Stream, stream);

//! A stream that remembers the first bytes it gave. Knows nothing of what they mean.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is remembered at most.
const KEPT: usize = 512;

/// A stream and its beginning.
#[derive(Debug)]
pub struct Tap<S> {
    inner: S,
    first: Vec<u8>,
}

impl<S> Tap<S> {
    /// Listens from now on; `before` was read already.
    pub fn new(inner: S, before: &[u8]) -> Self {
        Self { inner, first: before[..before.len().min(KEPT)].to_vec() }
    }

    /// The first bytes that came, at most 512.
    pub fn first(&self) -> &[u8] {
        &self.first
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        let came = &buf.filled()[before..];
        let room = KEPT - self.first.len();
        self.first.extend_from_slice(&came[..came.len().min(room)]);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

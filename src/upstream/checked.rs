//! A backend's stream under hyper: the frame of each answer is checked before hyper sees it, and
//! what nobody asked for ends the connection. Knows bytes, and no answer's meaning.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::framing::{Framing, Violation};
use crate::stream::Stream;

/// What the exchanges on a connection tell its stream.
#[derive(Clone, Debug)]
pub(super) struct Answers(Arc<Mutex<Framing>>);

impl Answers {
    /// An answer is expected from now on; one to a HEAD has no body.
    pub(super) fn expect(&self, to_head: bool) {
        self.framing().next(to_head);
    }

    fn framing(&self) -> MutexGuard<'_, Framing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream.
#[derive(Debug)]
pub(super) struct Checked {
    pub stream: Stream,
    answers: Answers,
    /// More came than was asked for; the answer before it is sound.
    surplus: bool,
}

impl Checked {
    /// `head_max`: what hyper takes of a head.
    pub(super) fn new(stream: Stream, head_max: usize) -> (Self, Answers) {
        // More than hyper reads, so that hyper is the one to name it.
        let framing = Framing::answers(head_max.saturating_mul(2));
        let answers = Answers(Arc::new(Mutex::new(framing)));
        (Self { stream, answers: answers.clone(), surplus: false }, answers)
    }
}

impl AsyncRead for Checked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.surplus {
            return Poll::Ready(Err(broken(Violation::Surplus)));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let fresh = buf.filled().get(before..).unwrap_or_default();
        let taken = this.answers.framing().take(fresh).map_err(broken)?;
        if taken < fresh.len() {
            this.surplus = true;
            if taken == 0 {
                return Poll::Ready(Err(broken(Violation::Surplus)));
            }
            buf.set_filled(before + taken);
        }
        Poll::Ready(Ok(()))
    }
}

fn broken(violation: Violation) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, violation)
}

/// The violation that `error` came of, if it is one of ours.
pub(super) fn violation(error: &(dyn Error + 'static)) -> Option<Violation> {
    let mut error = Some(error);
    while let Some(it) = error {
        let inner = it.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(violation) = inner.and_then(|it| it.downcast_ref()) {
            return Some(*violation);
        }
        error = it.source();
    }
    None
}

impl AsyncWrite for Checked {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

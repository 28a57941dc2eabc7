//! `Secure` as whoever reads and writes sees it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::session::Wish;
use super::{ALERT_MAX, Secure, Tickets};

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Secure<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        loop {
            if !this.plain.is_empty() {
                let some = this.plain.left().len().min(buf.remaining());
                buf.put_slice(&this.plain.left()[..some]);
                this.plain.take(some);
            }
            if buf.filled().len() > before || buf.remaining() == 0 {
                if this.tickets == Tickets::AwaitRequest {
                    this.tickets = Tickets::AwaitAnswer;
                }
                return Poll::Ready(Ok(()));
            }
            if let Some(error) = this.error.take() {
                return Poll::Ready(Err(*error));
            }
            if this.ended || this.failed {
                return Poll::Ready(Ok(()));
            }
            let taken = this.take_in(cx, buf);
            let due = match this.tickets {
                Tickets::Leave => true,
                Tickets::AwaitRequest => taken.is_pending(),
                Tickets::AwaitAnswer => false,
            };
            // An alert, say; or tickets, when the client sends no request with its last word. If
            // the socket is full or broken, writers will see it.
            if due && !this.out.is_empty() {
                let _ = this.poll_out(cx);
            }
            ready!(taken)?;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Secure<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_encrypt(cx, bytes, false)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.tickets == Tickets::Leave { this.poll_out(cx) } else { Poll::Ready(Ok(())) }
    }

    /// close_notify, and then the end of the stream. The other direction stays open.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.parted {
            this.parted = true;
            let mut alert = [0; ALERT_MAX];
            // A session that has failed has sent its alert already.
            if let Ok(len) = this.bring_out(Wish::Part(&mut alert)) {
                this.out.extend(&alert[..len]);
            }
        }
        ready!(this.poll_out(cx))?;
        Pin::new(&mut this.socket).poll_shutdown(cx)
    }
}

//! The hot path: bytes from one stream to the other. One read and one write for each wake-up, no
//! allocation and no lock while neither side blocks.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::{Broken, Flow, Input, Output, Seer};
use crate::stream::Stream;

/// Reads of one poll before others have their turn.
const TURNS: usize = 16;

impl Flow {
    /// Moves bytes from `from` to `to` until one of them blocks.
    pub(in crate::relay) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
        scratch: &mut [u8],
        seer: &Seer<'_>,
    ) -> Result<(), Broken> {
        let now = seer.now;
        for _ in 0..TURNS {
            self.put_in();
            if self.push(cx, to, now).map_err(|_| Broken::Writing)?.is_pending() {
                return Ok(());
            }
            if self.beats.is_waiting() && self.may_speak() {
                let len = self.beats.speak(scratch);
                self.passed = now;
                self.pass(cx, to, &scratch[..len], false).map_err(|_| Broken::Writing)?;
                continue;
            }
            if self.tempo.is_some() && self.is_paused(now) {
                return Ok(());
            }
            let Poll::Ready(read) = self.pull(cx, from, scratch) else {
                return Ok(());
            };
            let got = read.map_err(Broken::Reading)?;
            if got == 0 {
                return Ok(());
            }
            self.heard = now;
            let (passed, broken) = match self.tempo {
                None => self.digest::<false>(&mut scratch[..got], seer),
                Some(_) => self.digest::<true>(&mut scratch[..got], seer),
            };
            // What came before a broken frame is good, and goes first.
            let last = self.output == Output::Closed && seer.parting;
            self.pass(cx, to, &scratch[passed], last).map_err(|_| Broken::Writing)?;
            if let Some(broken) = broken {
                return Err(broken);
            }
        }
        // There may be more: the other direction and other sockets come first.
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Writes what is kept; `Ready` when nothing is left and everything has been flushed.
    fn push(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut Stream,
        now: Instant,
    ) -> io::Result<Poll<()>> {
        if self.output == Output::Shut {
            return Ok(Poll::Ready(()));
        }
        while !self.backlog.is_empty() {
            let rest = self.backlog.left();
            let Poll::Ready(written) = Pin::new(&mut *to).poll_write(cx, rest) else {
                self.stalled.get_or_insert(now);
                return Ok(Poll::Pending);
            };
            match written? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                some => self.backlog.take(some),
            }
            self.unflushed = true;
            self.stalled = None;
        }
        if self.unflushed {
            let Poll::Ready(flushed) = Pin::new(&mut *to).poll_flush(cx) else {
                self.stalled.get_or_insert(now);
                return Ok(Poll::Pending);
            };
            flushed?;
            self.unflushed = false;
            self.all_left(now);
        }
        if self.output == Output::Ending && Pin::new(to).poll_shutdown(cx)?.is_ready() {
            self.output = Output::Shut;
        }
        Ok(Poll::Ready(()))
    }

    /// Nothing waits for the destination any more.
    fn all_left(&mut self, now: Instant) {
        self.stalled = None;
        if self.pinged.waiting && self.inject.is_empty() {
            self.pinged.waiting = false;
            self.pinged.first.get_or_insert(now);
            self.pinged.last = Some(now);
        }
    }

    /// Reads behind what was carried over. 0 bytes: the stream has ended, or had before.
    fn pull(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        scratch: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.fresh {
            let some = self.carry.left().len().min(scratch.len());
            scratch[..some].copy_from_slice(&self.carry.left()[..some]);
            self.carry.take(some);
            self.fresh = !self.carry.is_empty();
            return Poll::Ready(Ok(some));
        }
        if self.input == Input::Ended {
            return Poll::Ready(Ok(0));
        }
        let (front, rest) = scratch.split_at_mut(self.carry.left().len());
        let mut buf = ReadBuf::new(rest);
        let Poll::Ready(read) = Pin::new(from).poll_read(cx, &mut buf) else {
            return Poll::Pending;
        };
        let got = buf.filled().len();
        match read {
            // TLS without close_notify: frames tell by themselves whether anything is missing.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Poll::Ready(Err(error)),
            Ok(()) => {}
        }
        if got == 0 {
            self.input = Input::Ended;
            return Poll::Ready(Ok(0));
        }
        let whole = front.len() + got;
        if !front.is_empty() {
            front.copy_from_slice(self.carry.left());
            self.carry.clear();
        }
        Poll::Ready(Ok(whole))
    }

    /// Scans `buf` in place and says which part of it is to be passed on, and whether what follows
    /// that part is broken. Where no rate is `METERED` there is not even a look at one.
    fn digest<const METERED: bool>(
        &mut self,
        buf: &mut [u8],
        seer: &Seer<'_>,
    ) -> (Range<usize>, Option<Broken>) {
        let (mut at, mut start, mut end) = (0, 0, 0);
        if METERED && let Some(tempo) = &mut self.tempo {
            tempo.fill(seer.now);
        }
        while at < buf.len() && matches!(self.input, Input::Relay | Input::Watch) {
            if !self.inject.is_empty() && self.scanner.at_border() {
                self.backlog.extend(&buf[start..end]);
                self.put_in();
                (start, end) = (at, at);
            }
            if self.beats.is_waiting() && self.may_speak() {
                self.backlog.extend(&buf[start..end]);
                self.beats.append(self.backlog.end());
                self.passed = seer.now;
                (start, end) = (at, at);
            }
            let border = METERED && self.scanner.at_border();
            if METERED {
                match self.may_go(&buf[at..], border, seer.now) {
                    Ok(true) => {}
                    Ok(false) => {
                        self.put_back(&buf[at..]);
                        self.fresh = true;
                        break;
                    }
                    Err(broken) => return (start..end, Some(broken)),
                }
            }
            let (len, passes) = match self.frame(&buf[at..], seer) {
                Ok(Some(it)) => it,
                Ok(None) => {
                    self.put_back(&buf[at..]);
                    break;
                }
                Err(broken) => return (start..end, Some(self.recognised(broken, &buf[at..]))),
            };
            if METERED && let Some(tempo) = &mut self.tempo {
                tempo.charge(&buf[at..], border, len);
            }
            self.seen.bytes += len as u64;
            if passes {
                if end != at {
                    buf.copy_within(at..at + len, end);
                }
                end += len;
            }
            at += len;
        }
        (start..end, None)
    }

    /// Writes `bytes` straight on, keeping what is not taken. Behind the `last` the stream ends.
    fn pass(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut Stream,
        bytes: &[u8],
        last: bool,
    ) -> io::Result<()> {
        if bytes.is_empty() || self.output == Output::Shut {
            return Ok(());
        }
        let mut written = 0;
        if self.backlog.is_empty() {
            let polled = match last {
                true => to.poll_write_last(cx, bytes),
                false => Pin::new(to).poll_write(cx, bytes),
            };
            if let Poll::Ready(some) = polled {
                written = some?;
                self.unflushed = true;
            }
        }
        self.backlog.extend(&bytes[written..]);
        Ok(())
    }
}

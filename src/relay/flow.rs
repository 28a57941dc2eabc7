//! One direction of a tunnel: read, scan, write straight on. What the other side does not take at
//! once is kept, and while anything is kept nothing more is read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::pulse::Pinged;
use crate::life::Rule;
use crate::observe::line;
use crate::stream::Stream;
use crate::ws::close::{self, BadClose};
use crate::ws::control::{Control, Kind};
use crate::ws::scan::{Scanner, Step, Violation};

/// What the gateway's own pings of one tunnel begin with: a pong that carries it is ours.
pub(super) type Nonce = [u8; 8];

/// Reads of one poll before others have their turn.
const TURNS: usize = 16;

/// What is done with what a side sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// It is passed on.
    Relay,
    /// It is dropped, but its Close frame is waited for.
    Watch,
    /// It is dropped until the stream ends.
    Discard,
    /// The stream has ended.
    Ended,
}

/// What may still be written to the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Frames.
    Open,
    /// A Close frame has passed: nothing may follow (RFC 6455 section 5.5.1).
    Closed,
    /// The end of the stream, once everything before has left.
    Ending,
    /// The end of the stream has left, or there is nobody to take it.
    Shut,
}

/// Why a flow cannot go on.
#[derive(Debug)]
pub(super) enum Broken {
    /// Its source broke a rule of RFC 6455.
    Rule(Rule),
    /// Its source sent a message longer than the limit.
    TooBig,
    /// Its source's stream broke.
    Reading(io::Error),
    /// Its destination's stream broke.
    Writing(io::Error),
}

/// One direction.
pub(super) struct Flow {
    pub(super) input: Input,
    pub(super) output: Output,
    /// What passed from the source.
    pub(super) seen: line::Flow,
    /// The code of the source's Close frame.
    pub(super) closed: Option<u16>,
    /// When the source was last heard: any byte counts.
    pub(super) heard: Instant,
    /// When the source last sent data.
    pub(super) data: Instant,
    /// Since when the destination has taken nothing of what waits for it.
    pub(super) stalled: Option<Instant>,
    scanner: Scanner,
    /// Read but not yet passed: a split header or control frame, or what came with the handshake.
    carry: Vec<u8>,
    /// `carry` has not been looked at yet.
    fresh: bool,
    /// Passed, but not yet taken by the destination.
    backlog: Vec<u8>,
    taken: usize,
    unflushed: bool,
    /// The gateway's own frames, to be put in at the next border.
    inject: Vec<u8>,
    /// The last of them is a Close.
    inject_closes: bool,
    pinged: Pinged,
}

impl Flow {
    /// A flow whose source has already sent `early`.
    pub(super) fn new(scanner: Scanner, early: &Bytes, now: Instant) -> Self {
        Self {
            input: Input::Relay,
            output: Output::Open,
            seen: line::Flow::default(),
            closed: None,
            heard: now,
            data: now,
            stalled: None,
            scanner,
            fresh: !early.is_empty(),
            carry: early.to_vec(),
            backlog: Vec::new(),
            taken: 0,
            unflushed: false,
            inject: Vec::new(),
            inject_closes: false,
            pinged: Pinged::default(),
        }
    }

    /// Moves bytes from `from` to `to` until one of them blocks.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
        scratch: &mut [u8],
        now: Instant,
        nonce: Nonce,
    ) -> Result<(), Broken> {
        self.put_in();
        for _ in 0..TURNS {
            if self.push(cx, to, now).map_err(Broken::Writing)?.is_pending() {
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
            let (start, end) = self.digest(&mut scratch[..got], now, nonce)?;
            self.pass(cx, to, &scratch[start..end]).map_err(Broken::Writing)?;
        }
        // There may be more: the other direction and other sockets come first.
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Queues a ping of the gateway.
    pub(super) fn ping(&mut self, frame: &[u8]) {
        if self.output == Output::Open && !self.inject_closes {
            self.inject.extend_from_slice(frame);
            self.pinged.waiting = true;
        }
    }

    /// Queues a Close of the gateway: the last frame of this direction. Where the current frame
    /// can no longer be finished, the stream is ended without one.
    pub(super) fn close(&mut self, frame: &[u8]) {
        if self.output != Output::Open || self.inject_closes {
            return;
        }
        if self.scanner.at_border() || self.input == Input::Relay {
            self.inject.extend_from_slice(frame);
            self.inject_closes = true;
            self.put_in();
        } else {
            self.output = Output::Ending;
        }
    }

    /// Lets the destination see the end of the stream after everything that is on its way.
    pub(super) fn finish(&mut self) {
        if self.output != Output::Shut {
            self.put_in();
            self.output = Output::Ending;
        }
    }

    /// The destination is gone.
    pub(super) fn abandon(&mut self) {
        self.output = Output::Shut;
        self.backlog = Vec::new();
        self.inject = Vec::new();
        self.unflushed = false;
        self.stalled = None;
    }

    /// What the source sends from now on is dropped; `input` says until when.
    pub(super) fn ignore(&mut self, input: Input) {
        if self.input != Input::Ended {
            self.input = input;
        }
    }

    /// Whether the gateway's Close or the source's has been handed to the destination.
    pub(super) fn is_closed(&self) -> bool {
        self.output != Output::Open
    }

    /// Pings sent to the destination since its answer is awaited.
    pub(super) fn pinged(&self) -> Pinged {
        self.pinged
    }

    /// The destination was heard: what was asked before is answered.
    pub(super) fn answered(&mut self, heard: Instant) {
        if self.pinged.first.is_some_and(|first| heard > first) {
            self.pinged.first = None;
        }
    }

    /// While the destination takes nothing, the source is not read: its silence proves nothing.
    pub(super) fn excuse(&mut self, now: Instant) {
        if self.stalled.is_some() {
            self.heard = now;
        }
    }

    /// Puts the gateway's own frames in, if this is a border between frames.
    fn put_in(&mut self) {
        if self.inject.is_empty() || self.output != Output::Open || !self.scanner.at_border() {
            return;
        }
        self.backlog.append(&mut self.inject);
        self.inject = Vec::new();
        if self.inject_closes {
            self.output = Output::Closed;
            if self.input == Input::Relay {
                self.input = Input::Watch;
            }
        }
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
        while self.taken < self.backlog.len() {
            let rest = &self.backlog[self.taken..];
            let Poll::Ready(written) = Pin::new(&mut *to).poll_write(cx, rest) else {
                self.stalled.get_or_insert(now);
                return Ok(Poll::Pending);
            };
            match written? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                some => self.taken += some,
            }
            self.unflushed = true;
            self.stalled = None;
        }
        if self.taken > 0 {
            self.backlog = Vec::new();
            self.taken = 0;
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
            let some = self.carry.len().min(scratch.len());
            scratch[..some].copy_from_slice(&self.carry[..some]);
            self.carry.drain(..some);
            self.fresh = !self.carry.is_empty();
            return Poll::Ready(Ok(some));
        }
        if self.input == Input::Ended {
            return Poll::Ready(Ok(0));
        }
        let (front, rest) = scratch.split_at_mut(self.carry.len());
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
            front.copy_from_slice(&self.carry);
            self.carry = Vec::new();
        }
        Poll::Ready(Ok(whole))
    }

    /// Scans `buf` in place and says which part of it is to be passed on.
    fn digest(
        &mut self,
        buf: &mut [u8],
        now: Instant,
        nonce: Nonce,
    ) -> Result<(usize, usize), Broken> {
        let (mut at, mut start, mut end) = (0, 0, 0);
        while at < buf.len() && matches!(self.input, Input::Relay | Input::Watch) {
            if !self.inject.is_empty() && self.scanner.at_border() {
                self.backlog.extend_from_slice(&buf[start..end]);
                self.put_in();
                (start, end) = (at, at);
            }
            let (len, passes) = match self.scanner.step(&buf[at..]).map_err(Broken::from)? {
                Step::Data { len, begins, ends_message } => {
                    self.seen.frames += u64::from(begins);
                    self.seen.messages += u64::from(ends_message);
                    self.data = now;
                    (len, self.input == Input::Relay)
                }
                Step::Control { len, control } => {
                    self.seen.frames += 1;
                    (len, self.control(&control, nonce)?)
                }
                Step::Incomplete => {
                    let mut tail = buf[at..].to_vec();
                    // What came with the handshake may still have a piece behind this one.
                    tail.append(&mut self.carry);
                    self.carry = tail;
                    break;
                }
            };
            self.seen.bytes += len as u64;
            if passes {
                if end != at {
                    buf.copy_within(at..at + len, end);
                }
                end += len;
            }
            at += len;
        }
        Ok((start, end))
    }

    /// Whether a control frame of the source is passed on.
    fn control(&mut self, control: &Control, nonce: Nonce) -> Result<bool, Broken> {
        let passes = self.input == Input::Relay;
        match control.kind {
            Kind::Ping => Ok(passes),
            Kind::Pong => Ok(passes && !control.payload().starts_with(&nonce)),
            Kind::Close => {
                let code = close::parse(control.payload()).map_err(|bad| match bad {
                    BadClose::Code => Broken::Rule(Rule::CloseCode),
                    BadClose::Reason => Broken::Rule(Rule::CloseReason),
                })?;
                self.closed = Some(code);
                self.input = Input::Discard;
                if passes && self.output == Output::Open {
                    self.output = Output::Closed;
                    self.inject = Vec::new();
                }
                Ok(passes)
            }
        }
    }

    /// Writes `bytes` straight on, keeping what is not taken.
    fn pass(&mut self, cx: &mut Context<'_>, to: &mut Stream, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() || self.output == Output::Shut {
            return Ok(());
        }
        let mut written = 0;
        if self.backlog.is_empty()
            && let Poll::Ready(some) = Pin::new(to).poll_write(cx, bytes)
        {
            written = some?;
            self.unflushed = true;
        }
        self.backlog.extend_from_slice(&bytes[written..]);
        Ok(())
    }
}

impl From<Violation> for Broken {
    fn from(violation: Violation) -> Self {
        Self::Rule(match violation {
            Violation::TooBig => return Self::TooBig,
            Violation::Mask => Rule::Mask,
            Violation::ReservedBit => Rule::ReservedBit,
            Violation::Opcode => Rule::Opcode,
            Violation::Length => Rule::Length,
            Violation::Control => Rule::Control,
            Violation::Sequence => Rule::Sequence,
        })
    }
}

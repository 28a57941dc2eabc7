//! One direction of a tunnel: read, scan, write straight on. What the other side does not take at
//! once is kept, and while anything is kept nothing more is read. This file says what a flow is and
//! how it is steered; `motion` moves its bytes, `frames` knows what to do with each of them.

mod frames;
mod motion;
mod pause;

use std::io;

use bytes::Bytes;
use tokio::time::Instant;

use super::application::Beats;
use super::pulse::Pinged;
use super::tempo::Tempo;
use crate::life::{Refusal, Rule};
use crate::observe::histogram::SizeMeter;
use crate::observe::line;
use crate::stream::Rest;
use crate::ws::scan::{Scanner, Violation};

/// What the gateway's own pings of one tunnel begin with: a pong that carries it is ours.
pub(super) type Nonce = [u8; 8];

/// With what a flow is looked at during one poll.
pub(super) struct Seer<'a> {
    pub(super) now: Instant,
    pub(super) nonce: Nonce,
    /// Where the source's messages are measured.
    pub(super) sizes: &'a SizeMeter,
    /// The destination has said its Close: with the source's the stream toward it ends.
    pub(super) parting: bool,
}

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
    /// The same, by beginning with an HTTP answer.
    Http(Rule),
    /// Its source sent a message longer than the limit.
    TooBig,
    /// Its source sent faster than it may.
    TooFast(Refusal),
    /// Its source's stream broke.
    Reading(io::Error),
    /// Its destination's stream broke; what is still to be read there says why.
    Writing,
}

/// One direction.
pub(super) struct Flow {
    pub(super) input: Input,
    pub(super) output: Output,
    /// What passed from the source.
    pub(super) seen: line::Flow,
    /// The code of the source's Close frame.
    pub(super) closed: Option<u16>,
    /// The source has answered a ping of the gateway's.
    pub(super) ponged: bool,
    /// When the source was last heard: any byte counts.
    pub(super) heard: Instant,
    /// When the source last sent data: heartbeats are none.
    pub(super) data: Instant,
    /// When something of a message was last passed on: heartbeats are some.
    pub(super) passed: Instant,
    /// The heartbeats among the source's messages, and ours in its place.
    pub(super) beats: Beats,
    /// Since when the destination has taken nothing of what waits for it.
    pub(super) stalled: Option<Instant>,
    /// How fast the source may send; `None`: as fast as the destination takes it.
    pub(super) tempo: Option<Box<Tempo>>,
    /// Until when the source is not read, for it was too fast.
    pub(super) paused: Option<Instant>,
    scanner: Scanner,
    /// Read but not yet passed: a split header or control frame, or what came with the handshake.
    carry: Rest,
    /// `carry` has not been looked at yet.
    fresh: bool,
    /// Passed, but not yet taken by the destination.
    backlog: Rest,
    unflushed: bool,
    /// The gateway's own frames, to be put in at the next border.
    inject: Rest,
    /// The last of them is a Close.
    inject_closes: bool,
    /// The Close that the destination gets in place of the source's, or at the source's end.
    last_word: Rest,
    pinged: Pinged,
}

impl Flow {
    /// A flow whose source has already sent `early`.
    pub(super) fn new(mut scanner: Scanner, beats: Beats, early: &Bytes, now: Instant) -> Self {
        scanner.want(beats.lengths());
        let mut carry = Rest::default();
        carry.extend(early);
        Self {
            input: Input::Relay,
            output: Output::Open,
            seen: line::Flow::default(),
            closed: None,
            ponged: false,
            heard: now,
            data: now,
            passed: now,
            beats,
            stalled: None,
            tempo: None,
            paused: None,
            scanner,
            fresh: !early.is_empty(),
            carry,
            backlog: Rest::default(),
            unflushed: false,
            inject: Rest::default(),
            inject_closes: false,
            last_word: Rest::default(),
            pinged: Pinged::default(),
        }
    }

    /// Queues a ping of the gateway.
    pub(super) fn ping(&mut self, frame: &[u8]) {
        if self.output == Output::Open && !self.inject_closes {
            self.inject.extend(frame);
            self.pinged.waiting = true;
        }
    }

    /// Queues a Close of the gateway: the last frame of this direction. Where the current frame
    /// can no longer be finished, the stream is ended without one.
    pub(super) fn close(&mut self, frame: &[u8]) {
        if self.output != Output::Open || self.inject_closes {
            return;
        }
        let last_word = std::mem::take(&mut self.last_word);
        let frame = if last_word.is_empty() { frame } else { last_word.left() };
        if self.scanner.at_border() || self.input == Input::Relay {
            self.inject.extend(frame);
            self.inject_closes = true;
            self.put_in();
        } else {
            self.output = Output::Ending;
        }
    }

    /// As [`Flow::close`], but what the source has still to say goes first, up to its own Close,
    /// which this one replaces.
    pub(super) fn close_after(&mut self, frame: Vec<u8>) {
        match self.input {
            Input::Relay => self.last_word.replace(&frame),
            _ => self.close(&frame),
        }
    }

    /// The source has had its time: what [`Flow::close_after`] was given goes out now.
    pub(super) fn hurry(&mut self) {
        if !self.last_word.is_empty() {
            self.close(&[]);
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
        self.backlog.clear();
        self.inject.clear();
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

    /// From here on the source may send as fast as it likes: what is left has a bounded time.
    pub(super) fn hasten(&mut self) {
        self.tempo = None;
        self.paused = None;
    }

    /// While the source is not read its silence proves nothing: the destination takes nothing, or
    /// it was too fast.
    pub(super) fn excuse(&mut self, now: Instant) {
        if self.stalled.is_some() || self.paused.is_some() {
            self.heard = now;
        }
    }

    /// Bytes that wait for the destination.
    pub(super) fn waiting(&self) -> usize {
        self.backlog.left().len()
    }

    /// Whether a message of the gateway may be put in here: behind whole messages, before a Close.
    fn may_speak(&self) -> bool {
        self.output == Output::Open && !self.inject_closes && self.scanner.at_message_border()
    }

    /// Puts the gateway's own frames in, if this is a border between frames.
    fn put_in(&mut self) {
        if self.inject.is_empty() || self.output != Output::Open || !self.scanner.at_border() {
            return;
        }
        self.backlog.extend(self.inject.left());
        self.inject.clear();
        if self.inject_closes {
            self.output = Output::Closed;
            if self.input == Input::Relay {
                self.input = Input::Watch;
            }
        }
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

//! What is done with one frame of a source: counted, measured, and passed on or not.

use tokio::time::Instant;

use super::{Broken, Flow, Input, Nonce, Output, Seer};
use crate::life::Rule;
use crate::relay::application::Heard;
use crate::relay::diagnosis::is_http;
use crate::ws::close::{self, BadClose};
use crate::ws::control::{Control, Kind};
use crate::ws::scan::Step;
use crate::ws::short::Short;

impl Flow {
    /// How long the piece at the front of `buf` is and whether it is passed on; `None` when more
    /// is needed to tell. Inlined: both digests walk through thousands of frames.
    #[inline(always)]
    pub(super) fn frame(
        &mut self,
        buf: &[u8],
        seer: &Seer<'_>,
    ) -> Result<Option<(usize, bool)>, Broken> {
        match self.scanner.step(buf)? {
            Step::Incomplete => Ok(None),
            Step::Data { len, begins, ends_message, binary } => {
                self.seen.frames += u64::from(begins);
                if ends_message {
                    self.seen.messages += 1;
                    seer.sizes.add(self.scanner.message_length());
                }
                if binary {
                    self.seen.binary.frames += u64::from(begins);
                    self.seen.binary.bytes += len as u64;
                }
                self.data = seer.now;
                self.passed = seer.now;
                Ok(Some((len, self.input == Input::Relay)))
            }
            Step::Short { len, short } => {
                if !short.is_text {
                    self.seen.binary.frames += 1;
                    self.seen.binary.bytes += len as u64;
                }
                seer.sizes.add(self.scanner.message_length());
                Ok(Some((len, self.short(&short, seer.now))))
            }
            Step::Control { len, control } => {
                self.seen.frames += 1;
                self.seen.control.frames += 1;
                self.seen.control.bytes += len as u64;
                Ok(Some((len, self.control(&control, seer.nonce)?)))
            }
        }
    }

    /// What a stream is that is broken at its very beginning.
    pub(super) fn recognised(&self, broken: Broken, rest: &[u8]) -> Broken {
        match broken {
            Broken::Rule(rule) if self.seen.frames == 0 && is_http(rest) => Broken::Http(rule),
            other => other,
        }
    }

    /// Whether a short message of the source is passed on.
    fn short(&mut self, short: &Short, now: Instant) -> bool {
        let first = (self.seen.messages == 0).then_some(short);
        if self.beats.greeted(first) {
            self.scanner.want(self.beats.lengths());
        }
        self.seen.frames += 1;
        self.seen.messages += 1;
        if self.input != Input::Relay {
            return false;
        }
        let heard = self.beats.hear(short);
        if heard == Heard::Data {
            self.data = now;
        }
        if heard != Heard::Taken {
            self.passed = now;
        }
        heard != Heard::Taken
    }

    /// Whether a control frame of the source is passed on.
    fn control(&mut self, control: &Control, nonce: Nonce) -> Result<bool, Broken> {
        let passes = self.input == Input::Relay;
        match control.kind {
            Kind::Ping => Ok(passes),
            Kind::Pong => {
                let ours = control.payload().starts_with(&nonce);
                self.ponged |= ours;
                Ok(passes && !ours)
            }
            Kind::Close => {
                let code = close::parse(control.payload()).map_err(|bad| match bad {
                    BadClose::Code => Broken::Rule(Rule::CloseCode),
                    BadClose::Reason => Broken::Rule(Rule::CloseReason),
                })?;
                self.closed = Some(code);
                self.input = Input::Discard;
                if !self.last_word.is_empty() {
                    self.inject = std::mem::take(&mut self.last_word);
                    self.inject_closes = true;
                    return Ok(false);
                }
                if passes && self.output == Output::Open {
                    self.output = Output::Closed;
                    self.inject.clear();
                }
                Ok(passes)
            }
        }
    }
}

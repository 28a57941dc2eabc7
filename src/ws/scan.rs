//! Walks one direction of a socket frame header by frame header. Payloads of data frames are
//! counted, never looked at; control frames are handed out whole, for they are short. So are whole
//! messages of lengths that were asked for.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control as ControlCode, Data, OpCode};

use super::control::{Control, Kind, Mask, PAYLOAD_MAX};
use super::short::{Lengths, Short};

/// Who sends in this direction: it decides about the mask (RFC 6455 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Masks every frame.
    Client,
    /// Masks none.
    Server,
}

/// What a frame broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Section 5.1: a client frame without a mask, or a server frame with one.
    Mask,
    /// Section 5.2: a reserved bit without an extension that gives it meaning.
    ReservedBit,
    /// Section 5.2: a reserved opcode.
    Opcode,
    /// Section 5.2: a length not in its shortest form, or with the top bit set.
    Length,
    /// Section 5.5: a control frame that is fragmented or longer than 125 bytes.
    Control,
    /// Section 5.4: a continuation without a beginning, or a beginning inside a message.
    Sequence,
    /// The message is longer than the limit.
    TooBig,
}

/// What stands at the front of a buffer.
pub enum Step {
    /// `len` bytes of a data frame, to be passed on as they are.
    Data {
        /// Header and payload together, as far as the buffer goes.
        len: usize,
        /// Whether a frame begins here: its header is among the bytes.
        begins: bool,
        /// Whether these bytes end a message.
        ends_message: bool,
        /// Whether they belong to a binary message.
        binary: bool,
    },
    /// A whole control frame of `len` bytes.
    Control {
        /// Header and payload together.
        len: usize,
        /// What it says.
        control: Control,
    },
    /// A whole message of `len` bytes, of a length that was asked for.
    Short {
        /// Header and payload together.
        len: usize,
        /// What it says.
        short: Short,
    },
    /// Not yet enough to tell: at most [`super::control::FRAME_MAX`] bytes, to be shown again
    /// with more behind them.
    Incomplete,
}

/// The state of one direction between two buffers.
#[derive(Clone, Debug)]
pub struct Scanner {
    /// Payload of the current data frame still to come.
    left: u64,
    /// Bytes of the current message so far.
    message: u64,
    /// Most bytes of a message.
    limit: u64,
    sender: Sender,
    /// An extension gives RSV1 a meaning on the first frame of a message (RFC 7692 section 6).
    compressed: bool,
    in_message: bool,
    last_fragment: bool,
    /// The current message is binary.
    binary: bool,
    /// Messages of these lengths are handed out.
    wanted: Lengths,
}

impl Scanner {
    /// A scanner at the beginning of the stream behind the 101.
    ///
    /// `limit` is the most bytes of one message on the wire, `None` for any number;
    /// `compressed` says that permessage-deflate was agreed on.
    pub fn new(sender: Sender, limit: Option<u64>, compressed: bool) -> Self {
        Self {
            left: 0,
            message: 0,
            limit: limit.unwrap_or(u64::MAX),
            sender,
            compressed,
            in_message: false,
            last_fragment: false,
            binary: false,
            wanted: Lengths::NONE,
        }
    }

    /// From the next frame on, hands out messages of these lengths when they are one frame that no
    /// extension has touched.
    pub fn want(&mut self, lengths: Lengths) {
        self.wanted = lengths;
    }

    /// Whether everything so far was whole frames: the only place where another may be put in.
    pub fn at_border(&self) -> bool {
        self.left == 0
    }

    /// Whether everything so far was whole messages: where another message may be put in.
    pub fn at_message_border(&self) -> bool {
        self.left == 0 && !self.in_message
    }

    /// The length of the current message so far, or of the last one.
    pub fn message_length(&self) -> u64 {
        self.message
    }

    /// Says what stands at the front of `buf`, which is not empty.
    ///
    /// # Errors
    /// [`Violation`]; nothing of `buf` may be passed on then, and the scanner is of no more use.
    pub fn step(&mut self, buf: &[u8]) -> Result<Step, Violation> {
        if self.left > 0 {
            return Ok(self.payload(0, buf));
        }
        let mut cursor = Cursor::new(buf);
        // The only error that parsing knows is a reserved opcode.
        let parsed = FrameHeader::parse(&mut cursor).map_err(|_| Violation::Opcode)?;
        let Some((header, length)) = parsed else {
            return Ok(Step::Incomplete);
        };
        let used = cursor.position() as usize;
        self.check_form(&header, length, used)?;
        match header.opcode {
            OpCode::Data(data) => {
                self.begin(&header, data, length)?;
                if self.wanted.has(length)
                    && header.is_final
                    && !header.rsv1
                    && let Some(is_text) = beginning(data)
                {
                    return Ok(self.short(is_text, header.mask, used, buf));
                }
                Ok(self.payload(used, &buf[used..]))
            }
            OpCode::Control(code) => Self::control(&header, code, length, used, buf),
        }
    }

    /// What holds for every frame.
    fn check_form(&self, header: &FrameHeader, length: u64, used: usize) -> Result<(), Violation> {
        if header.rsv2 || header.rsv3 {
            return Err(Violation::ReservedBit);
        }
        if header.mask.is_some() != (self.sender == Sender::Client) {
            return Err(Violation::Mask);
        }
        // `len` is the size of the shortest header that says the same.
        if length >> 63 != 0 || header.len(length) != used {
            return Err(Violation::Length);
        }
        Ok(())
    }

    /// A data frame begins: its place in the message, and the message's size.
    fn begin(&mut self, header: &FrameHeader, data: Data, length: u64) -> Result<(), Violation> {
        let continues = match data {
            Data::Continue => true,
            Data::Text | Data::Binary => false,
            Data::Reserved(_) => return Err(Violation::Opcode),
        };
        if continues != self.in_message {
            return Err(Violation::Sequence);
        }
        if header.rsv1 && (continues || !self.compressed) {
            return Err(Violation::ReservedBit);
        }
        let before = if continues { self.message } else { 0 };
        self.message = before.saturating_add(length);
        if self.message > self.limit {
            return Err(Violation::TooBig);
        }
        if !continues {
            self.binary = data == Data::Binary;
        }
        self.in_message = !header.is_final;
        self.last_fragment = header.is_final;
        self.left = length;
        Ok(())
    }

    /// `head` bytes of header and as much of the payload as `rest` has.
    fn payload(&mut self, head: usize, rest: &[u8]) -> Step {
        let taken = self.left.min(rest.len() as u64);
        self.left -= taken;
        let ends_message = self.left == 0 && self.last_fragment;
        let (len, begins) = (head + taken as usize, head > 0);
        Step::Data { len, begins, ends_message, binary: self.binary }
    }

    /// A whole message in one frame. Out of line: the frames that nobody asked for don't pay for it.
    /// Until all of it is there, nothing of it has begun.
    #[inline(never)]
    fn short(&mut self, is_text: bool, mask: Mask, used: usize, buf: &[u8]) -> Step {
        let len = used + self.left as usize;
        self.left = 0;
        match buf.get(used..len) {
            Some(payload) => Step::Short { len, short: Short::new(is_text, payload, mask) },
            None => Step::Incomplete,
        }
    }

    fn control(
        header: &FrameHeader,
        code: ControlCode,
        length: u64,
        used: usize,
        buf: &[u8],
    ) -> Result<Step, Violation> {
        let kind = match code {
            ControlCode::Close => Kind::Close,
            ControlCode::Ping => Kind::Ping,
            ControlCode::Pong => Kind::Pong,
            ControlCode::Reserved(_) => return Err(Violation::Opcode),
        };
        if header.rsv1 {
            return Err(Violation::ReservedBit);
        }
        if length > PAYLOAD_MAX as u64 || !header.is_final {
            return Err(Violation::Control);
        }
        let len = used + length as usize;
        let Some(payload) = buf.get(used..len) else {
            return Ok(Step::Incomplete);
        };
        Ok(Step::Control { len, control: Control::new(kind, payload, header.mask) })
    }
}

/// Whether a message begins here, and then whether it is text.
fn beginning(data: Data) -> Option<bool> {
    match data {
        Data::Text => Some(true),
        Data::Binary => Some(false),
        Data::Continue | Data::Reserved(_) => None,
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;

//! Control frames: those of the peers as values, and those that the gateway sends itself.

use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame, FrameHeader};

use super::close;

/// Most bytes of a control frame's payload (RFC 6455 section 5.5).
pub const PAYLOAD_MAX: usize = 125;

/// Most bytes of a whole control frame: two of header, four of mask, the payload.
pub const FRAME_MAX: usize = 2 + 4 + PAYLOAD_MAX;

/// A key that masks a frame toward a server (RFC 6455 section 5.3); `None` toward a client.
pub type Mask = Option<[u8; 4]>;

/// Which control frame it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Opcode 8.
    Close,
    /// Opcode 9.
    Ping,
    /// Opcode 10.
    Pong,
}

/// A control frame that a peer sent, its payload unmasked.
#[derive(Clone, Copy)]
pub struct Control {
    /// Which one.
    pub kind: Kind,
    payload: Unmasked,
}

impl Control {
    pub(super) fn new(kind: Kind, masked: &[u8], mask: Mask) -> Self {
        Self { kind, payload: Unmasked::new(masked, mask) }
    }

    /// The payload, unmasked.
    pub fn payload(&self) -> &[u8] {
        self.payload.bytes()
    }
}

/// A short payload, on the stack.
#[derive(Clone, Copy)]
pub(super) struct Unmasked {
    payload: [u8; PAYLOAD_MAX],
    len: u8,
}

impl Unmasked {
    /// Takes over a payload of at most [`PAYLOAD_MAX`] bytes; what is longer is cut.
    pub(super) fn new(masked: &[u8], mask: Mask) -> Self {
        let len = masked.len().min(PAYLOAD_MAX);
        let mut payload = [0; PAYLOAD_MAX];
        payload[..len].copy_from_slice(&masked[..len]);
        if let Some(key) = mask {
            payload[..len].iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        }
        Self { payload, len: len as u8 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.payload[..usize::from(self.len)]
    }
}

/// Appends a Ping to `out`; `payload` has at most [`PAYLOAD_MAX`] bytes.
pub fn ping(payload: &[u8], mask: Mask, out: &mut Vec<u8>) {
    debug_assert!(payload.len() <= PAYLOAD_MAX);
    append(Frame::ping(payload.to_vec()), mask, out);
}

/// Writes a whole text message to the front of `out`, and says how long it is: no control frame,
/// but what else the gateway says itself. 0 when `out` has no room for it.
pub fn text(payload: &str, mask: Mask, out: &mut [u8]) -> usize {
    let opcode = OpCode::Data(Data::Text);
    let header = FrameHeader { opcode, mask, ..FrameHeader::default() };
    let length = payload.len() as u64;
    let head = header.len(length);
    let Some(body) = out.get_mut(head..head + payload.len()) else { return 0 };
    let key = mask.unwrap_or_default();
    let masked = payload.bytes().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
    body.iter_mut().zip(masked).for_each(|(to, byte)| *to = byte);
    // There is room, and writing to a slice fails for no other reason.
    let _ = header.format(length, &mut &mut out[..head]);
    head + payload.len()
}

/// Appends a Close to `out`; a reason that is too long is cut.
pub fn close(code: u16, reason: &str, mask: Mask, out: &mut Vec<u8>) {
    debug_assert!(close::may_be_sent(code));
    let reason = close::fit(reason).into();
    append(Frame::close(Some(CloseFrame { code: CloseCode::from(code), reason })), mask, out);
}

fn append(mut frame: Frame, mask: Mask, out: &mut Vec<u8>) {
    frame.header_mut().mask = mask;
    out.reserve(frame.len());
    // Writing to a Vec cannot fail.
    let _ = frame.format(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_toward_a_client_are_bare_and_toward_a_backend_masked() {
        let mut out = Vec::new();
        ping(b"hi", None, &mut out);
        assert_eq!(out, b"\x89\x02hi");
        out.clear();
        close(1001, "bye", Some([1, 2, 3, 4]), &mut out);
        assert_eq!(out[..6], [0x88, 0x85, 1, 2, 3, 4]);
        let control = Control::new(Kind::Close, &out[6..], Some([1, 2, 3, 4]));
        assert_eq!(control.payload(), b"\x03\xe9bye");
    }

    #[test]
    fn a_text_is_written_where_there_is_room_for_it() {
        let mut out = [0; 8];
        assert_eq!(text("3", None, &mut out), 3);
        assert_eq!(out[..3], *b"\x81\x013");
        assert_eq!(text("ab", Some([1, 2, 3, 4]), &mut out), 8);
        assert_eq!(out, *b"\x81\x82\x01\x02\x03\x04``");
        assert_eq!(text("abc", Some([1, 2, 3, 4]), &mut out), 0);
    }
}

//! Control frames: those of the peers as values, and those that the gateway sends itself.

use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::frame::{CloseFrame, Frame};

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
    payload: [u8; PAYLOAD_MAX],
    len: u8,
}

impl Control {
    /// Takes over a payload of at most [`PAYLOAD_MAX`] bytes; what is longer is cut.
    pub(super) fn new(kind: Kind, masked: &[u8], mask: Mask) -> Self {
        let len = masked.len().min(PAYLOAD_MAX);
        let mut payload = [0; PAYLOAD_MAX];
        payload[..len].copy_from_slice(&masked[..len]);
        if let Some(key) = mask {
            payload[..len].iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        }
        Self { kind, payload, len: len as u8 }
    }

    /// The payload, unmasked.
    pub fn payload(&self) -> &[u8] {
        &self.payload[..usize::from(self.len)]
    }
}

/// Appends a Ping to `out`; `payload` has at most [`PAYLOAD_MAX`] bytes.
pub fn ping(payload: &[u8], mask: Mask, out: &mut Vec<u8>) {
    debug_assert!(payload.len() <= PAYLOAD_MAX);
    append(Frame::ping(payload.to_vec()), mask, out);
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
}

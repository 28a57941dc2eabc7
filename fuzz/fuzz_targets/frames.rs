//! Whatever bytes a peer sends and however they are split over reads, the scanner passes on exactly the
//! frames that RFC 6455 allows: held against a second reading of the RFC, written below for that alone.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wsgate::ws::control::FRAME_MAX;
use wsgate::ws::scan::{Scanner, Sender, Step};
use wsgate::ws::short::Lengths;

/// What a direction made of its bytes.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    passed: usize,
    messages: usize,
    controls: Vec<Vec<u8>>,
    shorts: Vec<(bool, Vec<u8>)>,
    refused: bool,
}

struct Rules {
    sender: Sender,
    compressed: bool,
    limit: u64,
    /// The length of messages that are handed out; 0 for none.
    wanted: usize,
}

fuzz_target!(|input: &[u8]| {
    let Some(([flags, limit, chunk], stream)) = input.split_first_chunk::<3>() else { return };
    let sender = if flags & 1 == 0 { Sender::Client } else { Sender::Server };
    // Up to 255 bytes a message, or 255 times 64 KiB.
    let limit = u64::from(*limit) << if flags & 4 == 0 { 0 } else { 16 };
    let wanted = usize::from(flags >> 3);
    let rules = Rules { sender, compressed: flags & 2 != 0, limit, wanted };

    let expected = reference(&rules, stream);
    assert_eq!(scan(&rules, stream, stream.len().max(1)), expected, "in one piece");
    let chunk = usize::from(*chunk).max(1);
    assert_eq!(scan(&rules, stream, chunk), expected, "in pieces of {chunk}");
});

/// As a relay does: what is incomplete is shown again with more behind it.
fn scan(rules: &Rules, stream: &[u8], chunk: usize) -> Seen {
    let mut scanner = Scanner::new(rules.sender, Some(rules.limit), rules.compressed);
    scanner.want(Lengths::NONE.with(rules.wanted));
    let mut seen = Seen::default();
    let mut buf: Vec<u8> = Vec::new();
    for piece in stream.chunks(chunk) {
        buf.extend_from_slice(piece);
        while !buf.is_empty() {
            let len = match scanner.step(&buf) {
                Err(_) => {
                    seen.refused = true;
                    return seen;
                }
                Ok(Step::Incomplete) => {
                    assert!(buf.len() < FRAME_MAX, "{} bytes kept back", buf.len());
                    break;
                }
                Ok(Step::Data { len, ends_message, .. }) => {
                    seen.messages += usize::from(ends_message);
                    len
                }
                Ok(Step::Short { len, short }) => {
                    assert!(scanner.at_message_border(), "a whole message");
                    seen.messages += 1;
                    seen.shorts.push((short.is_text, short.payload().to_vec()));
                    len
                }
                Ok(Step::Control { len, control }) => {
                    seen.controls.push(control.payload().to_vec());
                    len
                }
            };
            assert!(len > 0 && len <= buf.len(), "{len} of {} bytes", buf.len());
            seen.passed += len;
            buf.drain(..len);
        }
    }
    seen
}

/// RFC 6455 section 5.2, byte by byte.
fn reference(rules: &Rules, stream: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let mut message: Option<u64> = None;
    loop {
        let rest = &stream[seen.passed..];
        let Some(header) = Header::read(rest) else { return seen };
        seen.refused = true;
        let before = if header.opcode == 0 { message } else { Some(0) };
        let size = before.unwrap_or(0).saturating_add(header.length);
        let known = matches!(header.opcode, 0 | 1 | 2 | 8 | 9 | 10);
        let in_order = header.is_control() || (header.opcode == 0) == message.is_some();
        let short = !header.is_control() || (header.fin && header.length <= 125);
        let rsv1 = header.reserved == 4 && rules.compressed && matches!(header.opcode, 1 | 2);
        let unreserved = header.reserved == 0 || rsv1;
        let masked = header.mask.is_some() == (rules.sender == Sender::Client);
        let fits = header.is_control() || size <= rules.limit;
        if !(known && in_order && short && unreserved && masked && header.shortest && fits) {
            return seen;
        }
        seen.refused = false;
        let whole = (header.len as u64).saturating_add(header.length);
        if header.is_control() {
            let Some(payload) = header.unmasked(rest) else { return seen };
            seen.controls.push(payload);
        } else {
            if rules.wants(&header) {
                let Some(payload) = header.unmasked(rest) else { return seen };
                seen.shorts.push((header.opcode == 1, payload));
            }
            message = (!header.fin).then_some(size);
            if whole > rest.len() as u64 {
                seen.passed = stream.len();
                return seen;
            }
            seen.messages += usize::from(header.fin);
        }
        seen.passed += whole as usize;
    }
}

impl Rules {
    /// Whether a sound frame is a whole message that is to be handed out.
    fn wants(&self, header: &Header) -> bool {
        let begins = header.fin && matches!(header.opcode, 1 | 2) && header.reserved == 0;
        begins && header.length > 0 && header.length == self.wanted as u64
    }
}

struct Header {
    fin: bool,
    reserved: u8,
    opcode: u8,
    mask: Option<[u8; 4]>,
    length: u64,
    /// Neither longer than needed nor with its top bit set.
    shortest: bool,
    /// Bytes of the header itself.
    len: usize,
}

impl Header {
    /// `None` when it is not all there.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (first, second) = (*bytes.first()?, *bytes.get(1)?);
        let (length, shortest, mut len) = match second & 0x7f {
            126 => {
                let length = u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?));
                (length, length > 125, 4)
            }
            127 => {
                let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
                (length, length > 0xffff && length >> 63 == 0, 10)
            }
            length => (u64::from(length), true, 2),
        };
        let mut mask = None;
        if second & 0x80 != 0 {
            mask = Some(bytes.get(len..len + 4)?.try_into().ok()?);
            len += 4;
        }
        let (reserved, opcode) = (first >> 4 & 7, first & 15);
        Some(Self { fin: first & 0x80 != 0, reserved, opcode, mask, length, shortest, len })
    }

    fn is_control(&self) -> bool {
        self.opcode & 8 != 0
    }

    /// The payload behind this header at the front of `bytes`, once all of it is there.
    fn unmasked(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let payload = bytes.get(self.len..self.len + self.length as usize)?;
        let key = self.mask.unwrap_or_default();
        Some(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect())
    }
}

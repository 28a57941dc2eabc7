//! As much of the frame format as a load generator needs. Masks are read over: its clients mask
//! with zeros, which leaves payloads as they are.

/// What stands next in a stream of frames.
pub enum Piece<'a> {
    /// A frame begins: its first byte, and the length of its payload.
    Head(u8, u64),
    /// Some of its payload.
    Payload(&'a [u8]),
    /// It is over.
    End(u8),
}

/// Reads frames that may be split anywhere.
#[derive(Default)]
pub struct Frames {
    head: [u8; 14],
    have: usize,
    left: u64,
    first: u8,
}

impl Frames {
    /// Hands every piece of `bytes` to `each`.
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Piece<'_>)) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let some = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                each(Piece::Payload(&bytes[..some]));
                self.left -= some as u64;
                bytes = &bytes[some..];
                if self.left == 0 {
                    each(Piece::End(self.first));
                }
                continue;
            }
            self.head[self.have] = bytes[0];
            self.have += 1;
            bytes = &bytes[1..];
            if let Some(length) = self.length() {
                self.have = 0;
                self.first = self.head[0];
                self.left = length;
                each(Piece::Head(self.first, length));
                if length == 0 {
                    each(Piece::End(self.first));
                }
            }
        }
    }

    /// The payload's length, once the whole header is there.
    fn length(&self) -> Option<u64> {
        if self.have < 2 {
            return None;
        }
        let extended = match self.head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.head[1] & 0x80 == 0 { 0 } else { 4 };
        if self.have < 2 + extended + mask {
            return None;
        }
        let big_endian = |bytes: &[u8]| bytes.iter().fold(0, |sum, it| sum << 8 | u64::from(*it));
        Some(match extended {
            0 => u64::from(self.head[1] & 0x7f),
            _ => big_endian(&self.head[2..2 + extended]),
        })
    }
}

/// The header of a frame; `masked` is for clients.
pub fn head(first: u8, length: u64, masked: bool, out: &mut Vec<u8>) {
    let bit = if masked { 0x80 } else { 0 };
    out.push(first);
    match length {
        0..=125 => out.push(bit | length as u8),
        126..=0xffff => {
            out.push(bit | 126);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(bit | 127);
            out.extend(length.to_be_bytes());
        }
    }
    if masked {
        out.extend([0; 4]);
    }
}

/// A whole message of a client.
pub fn message(length: usize) -> Vec<u8> {
    let mut out = Vec::new();
    head(0x82, length as u64, true, &mut out);
    out.resize(out.len() + length, 7);
    out
}

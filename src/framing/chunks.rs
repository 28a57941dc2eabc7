//! A body in chunks (RFC 9112 section 7.1), followed to its end.

use super::Violation;
use super::head::{field, is_text};

/// Most digits of a chunk's size: what 64 bits hold, less one for hyper's own arithmetic.
const DIGITS_MAX: usize = 15;

/// Most bytes of a chunk's extension.
const EXTENSION_MAX: usize = 256;

/// Most bytes of a trailer section.
const TRAILER_MAX: usize = 8 * 1024;

/// A place in a chunked body.
#[derive(Debug)]
pub(super) enum Chunks {
    Size {
        digits: usize,
        size: u64,
    },
    Extension {
        length: usize,
        size: u64,
    },
    /// The size has been read up to the CR.
    SizeEnd(u64),
    Data(u64),
    /// The CR behind a chunk.
    DataCr,
    DataLf,
    /// A line of the trailer section so far, and the bytes of all.
    Trailer {
        line: Vec<u8>,
        total: usize,
    },
}

impl Default for Chunks {
    fn default() -> Self {
        Self::Size { digits: 0, size: 0 }
    }
}

impl Chunks {
    /// How many bytes belong to the body, and whether it ends with them.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(usize, bool), Violation> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..) {
            let Some(byte) = rest.first() else { break };
            if let Self::Data(left) = self {
                let len = usize::try_from(*left).map_or(rest.len(), |it| it.min(rest.len()));
                *left -= len as u64;
                taken += len;
                if *left == 0 {
                    *self = Self::DataCr;
                }
                continue;
            }
            taken += 1;
            if self.step(*byte)? {
                return Ok((taken, true));
            }
        }
        Ok((taken, false))
    }

    /// One byte outside of data; whether it was the last of the body.
    fn step(&mut self, byte: u8) -> Result<bool, Violation> {
        *self = match (&mut *self, byte) {
            (Self::Size { digits: 1.., size }, b'\r') => Self::SizeEnd(*size),
            (Self::Size { digits: 1.., size }, b';') => Self::Extension { length: 0, size: *size },
            (Self::Size { digits, size }, byte) if *digits < DIGITS_MAX => {
                let digit = char::from(byte).to_digit(16).ok_or(Violation::Chunk)?;
                Self::Size { digits: *digits + 1, size: *size << 4 | u64::from(digit) }
            }
            (Self::Extension { size, .. }, b'\r') => Self::SizeEnd(*size),
            (Self::Extension { length, size }, byte)
                if is_text(byte) && *length < EXTENSION_MAX =>
            {
                Self::Extension { length: *length + 1, size: *size }
            }
            (Self::SizeEnd(0), b'\n') => Self::Trailer { line: Vec::new(), total: 0 },
            (Self::SizeEnd(size), b'\n') => Self::Data(*size),
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::default(),
            (Self::Trailer { line, total }, byte) => return Self::trailer(line, total, byte),
            _ => return Err(Violation::Chunk),
        };
        Ok(false)
    }

    fn trailer(line: &mut Vec<u8>, total: &mut usize, byte: u8) -> Result<bool, Violation> {
        *total += 1;
        if *total > TRAILER_MAX {
            return Err(Violation::Trailer);
        }
        line.push(byte);
        let Some(text) = line.strip_suffix(b"\n") else { return Ok(false) };
        let text = text.strip_suffix(b"\r").ok_or(Violation::Trailer)?;
        if text.is_empty() {
            return Ok(true);
        }
        field(text).map_err(|_| Violation::Trailer)?;
        line.clear();
        Ok(false)
    }
}

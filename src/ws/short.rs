//! Short whole messages that somebody asked to see: which lengths are of interest, and what such a
//! message says. Everything else about data frames stays a matter of their headers.

use super::control::{Mask, PAYLOAD_MAX, Unmasked};

/// A set of lengths of payloads, from 1 to [`PAYLOAD_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lengths([u64; 2]);

impl Lengths {
    /// None: nothing is handed out.
    pub const NONE: Self = Self([0; 2]);

    /// All of them.
    pub const ALL: Self = Self([!1, (1 << (PAYLOAD_MAX + 1 - 64)) - 1]);

    /// These as well; a length that is out of range is left out.
    pub fn with(mut self, length: usize) -> Self {
        if (1..=PAYLOAD_MAX).contains(&length) {
            self.0[length / 64] |= 1 << (length % 64);
        }
        self
    }

    /// Whether `length` is one of them.
    pub fn has(self, length: u64) -> bool {
        length <= PAYLOAD_MAX as u64 && self.0[length as usize / 64] >> (length % 64) & 1 == 1
    }
}

/// A whole message in one frame, without any extension's bit, its payload unmasked.
#[derive(Clone, Copy)]
pub struct Short {
    /// Text; binary otherwise.
    pub is_text: bool,
    payload: Unmasked,
}

impl Short {
    pub(super) fn new(is_text: bool, masked: &[u8], mask: Mask) -> Self {
        Self { is_text, payload: Unmasked::new(masked, mask) }
    }

    /// The payload, unmasked.
    pub fn payload(&self) -> &[u8] {
        self.payload.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lengths_that_fit_into_a_short_frame_can_be_asked_for() {
        let some = Lengths::NONE.with(1).with(125).with(0).with(126).with(usize::MAX);
        let found = |lengths: Lengths| (0..1000).filter(|it| lengths.has(*it)).collect::<Vec<_>>();
        assert_eq!(found(some), [1, 125]);
        assert!(found(Lengths::NONE).is_empty());
        assert_eq!(found(Lengths::ALL), (1..=125).collect::<Vec<_>>());
        assert!(!Lengths::ALL.has(u64::MAX));
    }
}

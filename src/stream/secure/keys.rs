//! The key of one direction of TLS 1.3, with the number of the record that it is for. A stream keeps
//! it as it was agreed on, in some 80 bytes. What a cipher works with is computed from it and eight
//! times as long: the thread keeps that, for the keys that were used last. Knows no records.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use aws_lc_rs::error::Unspecified;
use rustls::ConnectionTrafficSecrets;
use rustls::crypto::cipher;

/// The header of a record, which the tag covers too (RFC 8446 section 5.2).
pub(super) type Header = [u8; 5];

/// The tag of a record; of all three ciphers.
pub(super) const TAG: usize = 16;

/// The key of one direction.
pub(super) struct Key {
    secrets: ConnectionTrafficSecrets,
    /// The number of the next record.
    next: u64,
    /// No other key of this process has it.
    id: u64,
}

impl Key {
    /// The key that protects record number `next` and those that follow.
    pub(super) fn new((next, secrets): (u64, ConnectionTrafficSecrets)) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(0);
        Self { secrets, next, id: IDS.fetch_add(1, Ordering::Relaxed) }
    }

    /// How many records it has protected.
    pub(super) fn used(&self) -> u64 {
        self.next
    }

    /// Encrypts `text`, and behind it `kind`, into `to`, which is longer by those and the tag.
    pub(super) fn seal(
        &mut self,
        header: &Header,
        text: &[u8],
        kind: u8,
        to: &mut [u8],
    ) -> Result<(), Unspecified> {
        let (sealed, behind) = to.split_at_mut_checked(text.len()).ok_or(Unspecified)?;
        self.apply(|key, nonce| {
            key.seal_out_of_place_scatter(nonce, Aad::from(header), text, sealed, &[kind], behind)
        })
    }

    /// Decrypts `text` into `to`, which is as long.
    pub(super) fn open(
        &mut self,
        header: &Header,
        text: &[u8],
        tag: &[u8],
        to: &mut [u8],
    ) -> Result<(), Unspecified> {
        self.apply(|key, nonce| key.open_separate_gather(nonce, Aad::from(header), text, tag, to))
    }

    /// Decrypts `text` where it is.
    pub(super) fn open_in_place(
        &mut self,
        header: &Header,
        text: &mut [u8],
        tag: &[u8],
    ) -> Result<(), Unspecified> {
        self.apply(|key, nonce| {
            key.open_in_place_separate_tag(nonce, Aad::from(header), tag, text).map(|_| ())
        })
    }

    /// Uses the key for one record; each has a number of its own.
    fn apply(
        &mut self,
        work: impl FnOnce(&LessSafeKey, Nonce) -> Result<(), Unspecified>,
    ) -> Result<(), Unspecified> {
        let (cipher, bytes, iv) = match &self.secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, key, iv),
            _ => return Err(Unspecified),
        };
        let nonce = Nonce::assume_unique_for_key(cipher::Nonce::new(iv, self.next).0);
        // Never twice the same, whatever becomes of this record (RFC 8446 section 5.3).
        self.next = self.next.checked_add(1).ok_or(Unspecified)?;
        EXPANDED.with_borrow_mut(|slots| {
            if slots.is_empty() {
                slots.resize_with(SLOTS, || None);
            }
            let slot = slots.get_mut(self.slot()).ok_or(Unspecified)?;
            match slot {
                Some((id, expanded)) if *id == self.id => work(expanded, nonce),
                _ => {
                    let fresh = LessSafeKey::new(UnboundKey::new(cipher, bytes.as_ref())?);
                    let (_, expanded) = slot.insert((self.id, fresh));
                    work(expanded, nonce)
                }
            }
        })
    }

    fn slot(&self) -> usize {
        // It is small.
        (self.id % SLOTS as u64) as usize
    }
}

impl Drop for Key {
    /// What was computed from it goes with it, if it was used last on the thread that drops it.
    fn drop(&mut self) {
        // A thread that ends has given up its slots.
        let _ = EXPANDED.try_with(|slots| {
            if let Ok(mut slots) = slots.try_borrow_mut()
                && let Some(slot) = slots.get_mut(self.slot())
                && slot.as_ref().is_some_and(|(id, _)| *id == self.id)
            {
                *slot = None;
            }
        });
    }
}

/// How many keys a thread keeps ready, some 500 bytes each: two for each of the 1,024 connections that have come last, or
/// as many others. A key that is not among them is made ready once more, which `benches/tls.rs` measures.
const SLOTS: usize = 2048;

thread_local! {
    static EXPANDED: RefCell<Vec<Option<(u64, LessSafeKey)>>> = const { RefCell::new(Vec::new()) };
}

#[cfg(test)]
mod tests {
    use rustls::crypto::cipher::{AeadKey, Iv};

    use super::*;

    const HEADER: Header = [23, 3, 3, 0, 22];

    /// One of those that share a slot.
    fn key(which: u8) -> Key {
        let (key, iv) = (AeadKey::from([which; 32]), Iv::new([which; 12]));
        let secrets = ConnectionTrafficSecrets::Aes256Gcm { key, iv };
        Key { secrets, next: 0, id: 5 + u64::from(which) * SLOTS as u64 }
    }

    /// Whose key lies ready in the slot.
    fn ready() -> Option<u64> {
        EXPANDED.with_borrow(|slots| slots.get(5)?.as_ref().map(|(id, _)| *id))
    }

    fn sealed(key: &mut Key) -> [u8; 22] {
        let mut record = [0; 22];
        key.seal(&HEADER, b"hello", 23, &mut record).unwrap();
        record
    }

    #[test]
    fn keys_that_share_a_slot_take_turns() {
        let mut senders = [key(0), key(1), key(2)];
        let mut receivers = [key(0), key(1), key(2)];
        for _ in 0..3 {
            let records = senders.each_mut().map(sealed);
            for (receiver, record) in receivers.iter_mut().zip(records) {
                let (text, tag) = record.split_at(6);
                let mut opened = [0; 6];
                receiver.open(&HEADER, text, tag, &mut opened).unwrap();
                assert_eq!(&opened, b"hello\x17");
                assert_eq!(ready(), Some(receiver.id));
            }
        }
        assert_eq!(senders.map(|it| it.used()), [3; 3]);
    }

    #[test]
    fn a_key_takes_along_what_lies_ready_of_it_and_of_nobody_else() {
        let [mut first, mut second] = [key(0), key(1)];
        sealed(&mut first);
        sealed(&mut second);
        drop(first);
        assert_eq!(ready(), Some(second.id));
        drop(second);
        assert_eq!(ready(), None);
    }
}

//! Session tickets under keys from files: several gateways with the same files resume each other's
//! sessions, and so does one after a restart. The first file seals, all of them open.
//!
//! A ticket is the name of its key (16 bytes), a nonce (12), and the sealed rest: when it was made
//! (8 bytes, seconds since 1970), the session, and the tag. What is not in a file is derived with
//! HKDF-SHA256, apart for each TLS policy.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{self, HKDF_SHA256, Salt};
use rustls::server::ProducesTickets;

/// How long a ticket is good: as long as with keys of the gateway's own.
const LIFETIME: u32 = 12 * 60 * 60;

/// Another gateway's clock may be ahead by this many seconds.
const SKEW: u64 = 60;

const NAME_LEN: usize = 16;
const KEY_LEN: usize = 32;

/// The secret of one file.
pub(super) struct Master(Vec<u8>);

/// Seals and opens the tickets of one policy.
#[derive(Debug)]
pub(super) struct SharedTickets(Vec<TicketKey>);

struct TicketKey {
    name: [u8; NAME_LEN],
    key: LessSafeKey,
}

impl Master {
    pub(super) const SHORTEST: usize = 32;
    pub(super) const LONGEST: usize = 4096;

    /// `None` when it is too short to be a secret, or too long to be a key.
    pub(super) fn new(secret: Vec<u8>) -> Option<Self> {
        (Self::SHORTEST..=Self::LONGEST).contains(&secret.len()).then_some(Self(secret))
    }
}

impl SharedTickets {
    /// The keys of `masters` for the policy that `label` stands for; `None` without any.
    pub(super) fn derive(masters: &[Master], label: &[u8]) -> Result<Option<Self>, rustls::Error> {
        let keys = masters.iter().map(|it| TicketKey::derive(it, label));
        let keys: Vec<_> = keys.collect::<Result<_, _>>().map_err(general)?;
        Ok((!keys.is_empty()).then_some(Self(keys)))
    }

    fn seal(&self, session: &[u8], now: u64) -> Option<Vec<u8>> {
        let TicketKey { name, key } = self.0.first()?;
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = now.to_be_bytes().to_vec();
        sealed.extend_from_slice(session);
        let aad = Aad::from(*name);
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed).ok()?;
        Some([name.as_slice(), &nonce, &sealed].concat())
    }

    fn open(&self, ticket: &[u8], now: u64) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_at_checked(NAME_LEN)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        let TicketKey { name, key } = self.0.iter().find(|it| it.name == name)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let opened = key.open_in_place(nonce, Aad::from(*name), &mut sealed).ok()?;
        let (made, session) = opened.split_first_chunk()?;
        let made = u64::from_be_bytes(*made);
        let good = made <= now + SKEW && now < made + u64::from(LIFETIME);
        good.then(|| session.to_vec())
    }
}

impl ProducesTickets for SharedTickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(plain, now())
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.open(cipher, now())
    }
}

impl TicketKey {
    fn derive(master: &Master, label: &[u8]) -> Result<Self, Unspecified> {
        let secret = Salt::new(HKDF_SHA256, b"wsgate session tickets 1").extract(&master.0);
        let mut name = [0; NAME_LEN];
        secret.expand(&[b"name", label], Bytes(NAME_LEN))?.fill(&mut name)?;
        let mut key = [0; KEY_LEN];
        secret.expand(&[b"key", label], Bytes(KEY_LEN))?.fill(&mut key)?;
        Ok(Self { name, key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key)?) })
    }
}

/// How much HKDF shall give.
struct Bytes(usize);

impl hkdf::KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

/// Neither key nor secret belongs in a log.
impl std::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TicketKey")
    }
}

impl std::fmt::Debug for Master {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Master")
    }
}

fn general(_: Unspecified) -> rustls::Error {
    rustls::Error::General("a ticket key cannot be derived".to_owned())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tickets(secrets: &[u8], label: &[u8]) -> SharedTickets {
        let masters: Vec<Master> =
            secrets.iter().map(|it| Master::new(vec![*it; 48]).expect("long enough")).collect();
        SharedTickets::derive(&masters, label).expect("derived").expect("some keys")
    }

    #[test]
    fn another_gateway_with_the_same_key_opens_a_ticket() {
        let ticket = tickets(&[1], b"a").seal(b"session", 1000).expect("sealed");
        let there = tickets(&[1], b"a");
        assert_eq!(there.open(&ticket, 1010).as_deref(), Some(&b"session"[..]));
        assert_eq!(there.open(&ticket, 1000 + u64::from(LIFETIME)), None, "too old");
        assert_eq!(there.open(&ticket, 900), None, "from the future");
        assert_eq!(there.open(&ticket, 950).as_deref(), Some(&b"session"[..]), "a clock is off");
    }

    #[test]
    fn a_rotated_key_still_opens_and_the_new_one_seals() {
        let old = tickets(&[1], b"a").seal(b"session", 1000).expect("sealed");
        let rotated = tickets(&[2, 1], b"a");
        assert!(rotated.open(&old, 1000).is_some());
        let new = rotated.seal(b"session", 1000).expect("sealed");
        assert!(tickets(&[2], b"a").open(&new, 1000).is_some());
        assert!(tickets(&[1], b"a").open(&new, 1000).is_none());
    }

    #[test]
    fn policies_are_apart_and_what_was_touched_is_refused() {
        let ticket = tickets(&[1], b"tls 1.2").seal(b"session", 1000).expect("sealed");
        assert!(tickets(&[1], b"tls 1.3").open(&ticket, 1000).is_none());
        for at in 0..ticket.len() {
            let mut touched = ticket.clone();
            touched[at] ^= 1;
            assert!(tickets(&[1], b"tls 1.2").open(&touched, 1000).is_none(), "byte {at}");
            assert!(tickets(&[1], b"tls 1.2").open(&ticket[..at], 1000).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn a_short_secret_is_none() {
        assert!(Master::new(vec![7; 31]).is_none() && Master::new(vec![7; 4097]).is_none());
    }
}

//! Bytes that wait for somebody. Most of the time there are none, and then this is one pointer: a
//! socket that sleeps has a dozen of them.

/// Bytes of which the first have been used.
#[derive(Debug, Default)]
pub struct Rest(Option<Box<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    used: usize,
}

impl Rest {
    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_none() || self.left().is_empty()
    }

    /// What is left.
    pub fn left(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |it| &it.bytes[it.used..])
    }

    /// The same, to be changed in place.
    pub fn left_mut(&mut self) -> &mut [u8] {
        self.0.as_mut().map_or(&mut [], |it| &mut it.bytes[it.used..])
    }

    /// The first `some` of what is left have been used; at most all. Once all have, no memory is
    /// held.
    pub fn take(&mut self, some: usize) {
        if let Some(kept) = &mut self.0 {
            kept.used = (kept.used + some).min(kept.bytes.len());
        }
        if self.is_empty() {
            self.0 = None;
        }
    }

    /// Adds bytes behind what is left.
    pub fn extend(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.end().extend_from_slice(bytes);
        }
    }

    /// What is left is this, and nothing else.
    pub fn replace(&mut self, bytes: &[u8]) {
        self.0 = None;
        self.extend(bytes);
    }

    /// Nothing is left.
    pub fn clear(&mut self) {
        self.0 = None;
    }

    /// The buffer itself, for whoever only adds to it.
    pub fn end(&mut self) -> &mut Vec<u8> {
        &mut self.0.get_or_insert_default().bytes
    }
}

impl From<Vec<u8>> for Rest {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Some(Box::new(Kept { bytes, used: 0 })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_is_gone_and_the_last_byte_takes_the_memory_along() {
        let mut rest = Rest::default();
        assert!(rest.is_empty() && size_of_val(&rest) == size_of::<usize>());
        rest.extend(b"ab");
        rest.take(1);
        rest.extend(b"c");
        assert_eq!(rest.left(), b"bc");
        rest.take(9);
        assert!(rest.is_empty() && rest.0.is_none());
        rest.end();
        assert!(rest.is_empty());
        rest.replace(b"d");
        rest.left_mut()[0] = b'e';
        assert_eq!(rest.left(), b"e");
        rest.clear();
        assert!(rest.0.is_none());
    }
}

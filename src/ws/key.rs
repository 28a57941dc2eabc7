//! The handshake's key and its answer (RFC 6455 sections 4.2.1 and 4.2.2).

/// Whether `key` is what a client must send: base64 of 16 bytes.
pub fn is_valid(key: &[u8]) -> bool {
    // 16 bytes are 22 digits and "==": the last digit carries 2 bits, the other 4 must be zero.
    key.len() == 24
        && key.ends_with(b"==")
        && key[..22].iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
        && matches!(key[21], b'A' | b'Q' | b'g' | b'w')
}

/// A key of our own, for a client that has none (RFC 8441 section 5.1).
pub fn fresh() -> String {
    tungstenite::handshake::client::generate_key()
}

/// The value of `Sec-WebSocket-Accept` that answers `key`.
pub fn accept(key: &[u8]) -> String {
    tungstenite::handshake::derive_accept_key(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_rfc_is_answered_as_in_the_rfc() {
        let key = b"dGhlIHNhbXBsZSBub25jZQ==";
        assert!(is_valid(key));
        assert_eq!(accept(key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_key_that_is_not_16_bytes_in_base64_is_refused() {
        for key in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZR==", // bits behind the last byte
            "dGhlIHNhbXBsZSBub25jZQ==x",
            "dGhlIHNhbXBsZSBub25jZWE=", // 17 bytes
            "dGhlIHNhbXBsZSBub25j!Q==",
            "========================",
        ] {
            assert!(!is_valid(key.as_bytes()), "{key:?}");
        }
    }
}

//! The order of ciphers. Knows no sites.

use rustls::CipherSuite;
use rustls::crypto::{CryptoProvider, aws_lc_rs};

/// AES-128 before AES-256, which many clients list the other way round: 128 bits are enough, it takes
/// fewer rounds for each record, and its hash, SHA-256, is done by the processor where SHA-384 of
/// every handshake is not. Where the processor has no instructions for AES, ChaCha20 comes first.
pub(super) fn provider() -> CryptoProvider {
    ordered(has_aes())
}

fn ordered(has_aes: bool) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    // The sort is stable: TLS 1.3 stays before TLS 1.2.
    provider.cipher_suites.sort_by_key(|it| {
        let suite = it.suite();
        (it.tls13().is_none(), is_chacha(suite) == has_aes, !is_aes_128(suite))
    });
    provider
}

/// A client that puts ChaCha20 first has no AES in its processor: it drains its battery with AES.
/// Values that nobody knows may come before it (RFC 8701).
pub(super) fn prefers_chacha(suites: &[CipherSuite]) -> bool {
    let known = suites.iter().find(|it| it.as_str().is_some());
    known.is_some_and(|it| is_chacha(*it))
}

/// Whether this processor has instructions for AES.
fn has_aes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

fn is_aes_128(suite: CipherSuite) -> bool {
    named(suite, "_AES_128_")
}

fn is_chacha(suite: CipherSuite) -> bool {
    named(suite, "_CHACHA20_")
}

fn named(suite: CipherSuite, part: &str) -> bool {
    suite.as_str().is_some_and(|it| it.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aes_128_comes_first_and_nothing_is_left_out() {
        let names: Vec<_> =
            ordered(true).cipher_suites.iter().filter_map(|it| it.suite().as_str()).collect();
        assert_eq!(names.len(), aws_lc_rs::default_provider().cipher_suites.len());
        assert_eq!(
            names[..3],
            [
                "TLS13_AES_128_GCM_SHA256",
                "TLS13_AES_256_GCM_SHA384",
                "TLS13_CHACHA20_POLY1305_SHA256"
            ]
        );
        assert!(is_chacha(ordered(false).cipher_suites[0].suite()));
        assert!(names[3].contains("_AES_128_") && names[names.len() - 1].contains("_CHACHA20_"));
    }

    #[test]
    fn a_client_without_aes_is_known_by_its_first_choice() {
        let (aes, chacha) = (
            CipherSuite::TLS13_AES_256_GCM_SHA384,
            CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        );
        let grease = CipherSuite::Unknown(0x1a1a);
        assert!(prefers_chacha(&[grease, chacha, aes]));
        assert!(!prefers_chacha(&[grease, aes, chacha]));
        assert!(!prefers_chacha(&[grease]) && !prefers_chacha(&[]));
    }
}

//! Which cipher suite a connection gets: the gateway chooses, in one fixed order, except that a
//! client that asks for ChaCha20 first gets it: it has no AES in hardware. Knows nothing of sites.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::cipher_suite::{
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
};
use rustls::{CipherSuite, ServerConfig, SupportedCipherSuite};

/// The same TLS settings twice, with the suites in either order.
#[derive(Debug)]
pub(super) struct BySuite {
    aes_first: Arc<ServerConfig>,
    chacha_first: Arc<ServerConfig>,
}

impl BySuite {
    /// Makes the settings for each order.
    ///
    /// # Errors
    /// Those of `make`.
    pub(super) fn new<E>(
        make: impl Fn(Arc<CryptoProvider>) -> Result<ServerConfig, E>,
    ) -> Result<Self, E> {
        let ordered = |suites: Vec<SupportedCipherSuite>| {
            let provider = rustls::crypto::aws_lc_rs::default_provider();
            let mut tls = make(Arc::new(CryptoProvider { cipher_suites: suites, ..provider }))?;
            tls.ignore_client_order = true;
            Ok(Arc::new(tls))
        };
        Ok(Self {
            aes_first: ordered([AES, CHACHA].concat())?,
            chacha_first: ordered([CHACHA, AES].concat())?,
        })
    }

    /// The settings for a client that offers `suites`, its favourite first. What the gateway does
    /// not speak says nothing about the client, e.g. the made-up values of RFC 8701.
    pub(super) fn for_client(&self, suites: &[CipherSuite]) -> &Arc<ServerConfig> {
        let is = |group: &[SupportedCipherSuite], it: &CipherSuite| {
            group.iter().any(|known| known.suite() == *it)
        };
        let favourite = suites.iter().find(|it| is(AES, it) || is(CHACHA, it));
        match favourite.is_some_and(|it| is(CHACHA, it)) {
            true => &self.chacha_first,
            false => &self.aes_first,
        }
    }
}

/// Forward secret and authenticated, every one; the short key first, as browsers ask for it: it is
/// no weaker in practice, and faster.
const AES: &[SupportedCipherSuite] = &[
    TLS13_AES_128_GCM_SHA256,
    TLS13_AES_256_GCM_SHA384,
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
];

const CHACHA: &[SupportedCipherSuite] = &[
    TLS13_CHACHA20_POLY1305_SHA256,
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_two_orders_have_the_suites_that_rustls_speaks_by_default_and_no_other() {
        let names = |it: &[SupportedCipherSuite]| -> BTreeSet<_> {
            it.iter().map(|it| u16::from(it.suite())).collect()
        };
        let ours = [AES, CHACHA].concat();
        assert_eq!(names(&ours), names(rustls::crypto::aws_lc_rs::DEFAULT_CIPHER_SUITES));
        assert_eq!(ours.len(), 9);
    }
}

//! Which cipher suite a client gets: the gateway's choice, but ChaCha20 for who asks for it first.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::cipher_suite::{
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 as OLD_AES_128,
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 as OLD_AES_256,
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 as OLD_CHACHA,
    TLS13_AES_128_GCM_SHA256 as AES_128, TLS13_AES_256_GCM_SHA384 as AES_256,
    TLS13_CHACHA20_POLY1305_SHA256 as CHACHA,
};
use rustls::{ClientConfig, SupportedCipherSuite};

use crate::house::client::shake;
use crate::house::{Backend, HOST, House, certificates, route};

fn offering(suites: &[SupportedCipherSuite]) -> Arc<ClientConfig> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let provider = CryptoProvider { cipher_suites: suites.to_vec(), ..provider };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(certificates::roots())
        .with_no_client_auth();
    Arc::new(config)
}

#[tokio::test]
async fn the_gateway_chooses_the_suite_but_a_client_that_wants_chacha_most_gets_it() {
    let backend = Backend::echo().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let cases: [(&[SupportedCipherSuite], SupportedCipherSuite); 6] = [
        (&[AES_128, AES_256, CHACHA], AES_128),
        (&[AES_256, CHACHA, AES_128], AES_128),
        (&[AES_256, CHACHA], AES_256),
        (&[CHACHA, AES_256, AES_128], CHACHA),
        (&[OLD_AES_256, OLD_CHACHA, OLD_AES_128], OLD_AES_128),
        (&[OLD_CHACHA, OLD_AES_256, OLD_AES_128], OLD_CHACHA),
    ];
    for (offered, expected) in cases {
        let stream = shake(house.address(), HOST, offering(offered)).await.expect("a handshake");
        let chosen = stream.get_ref().1.negotiated_cipher_suite().expect("a suite");
        assert_eq!(chosen.suite(), expected.suite(), "offered {offered:?}");
    }
    house.finish().await;
}

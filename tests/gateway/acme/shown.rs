//! What a test needs to see of a gateway that orders certificates.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use wsgate::observe::issuances::Standing;

use crate::house::client::shake;
use crate::house::{House, PATIENCE, certificates};

/// Where this test's certificates and account are kept.
pub fn storage(name: &str) -> PathBuf {
    Path::new(certificates::folder()).join(format!("acme-{name}"))
}

/// A client that trusts these roots.
pub fn trusting(roots: impl IntoIterator<Item = CertificateDer<'static>>) -> Arc<ClientConfig> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root).expect("a root");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().expect("versions");
    Arc::new(builder.with_root_certificates(store).with_no_client_auth())
}

/// The leaf that a client is shown, which it believes; else why it does not.
pub async fn leaf(at: SocketAddr, name: &str, tls: &Arc<ClientConfig>) -> Result<Vec<u8>, String> {
    let stream = shake(at, name, Arc::clone(tls)).await.map_err(|error| error.to_string())?;
    Ok(stream.get_ref().1.peer_certificates().expect("some")[0].to_vec())
}

/// Takes new certificates as the program does, until `done`.
pub async fn renewing(house: &mut House, mut done: impl FnMut(&House) -> bool) {
    let (begun, bell) = (Instant::now(), house.gateway.issued());
    while !done(house) {
        let words = house.gateway.books().issuances.all();
        assert!(begun.elapsed() < PATIENCE * 3, "it did not happen: {words:?}");
        let pause = Duration::from_millis(20);
        let _ = tokio::time::timeout(pause, bell.notified()).await;
        house.gateway.renew();
    }
}

/// How often certificates were issued, and how often not.
pub fn counts(house: &House) -> (u64, u64) {
    let issuances = &house.gateway.books().issuances;
    (issuances.issued.value(), issuances.failed.value())
}

/// How it stands with a site.
pub fn standing(house: &House, site: &str) -> Standing {
    house.gateway.books().issuances.of(site).unwrap_or_default()
}

//! A certificate for all proxies alike (P-256), and clients that take any: what a client does is
//! not what is compared.

#[path = "../../tests/hostile/trusting.rs"]
mod trusting;

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::ClientConfig;
use rustls::client::Resumption;

/// How clients come.
pub struct Trust {
    /// With a full handshake each time.
    pub full: Arc<ClientConfig>,
    /// With a ticket of the time before.
    pub resuming: Arc<ClientConfig>,
}

/// Tickets that are kept; enough for every socket that is closing while others open.
const TICKETS: usize = 64;

/// Writes `site.crt`, `site.key` and both together.
pub fn make(folder: &Path) -> Trust {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let (certificate, key) =
        (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem());
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("written");
    write("site.crt", &certificate);
    write("site.key", &key);
    write("site.pem", &format!("{certificate}{key}"));
    Trust {
        full: client(Resumption::disabled()),
        resuming: client(Resumption::in_memory_sessions(TICKETS)),
    }
}

fn client(resumption: Resumption) -> Arc<ClientConfig> {
    let mut config = trusting::config();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = resumption;
    Arc::new(config)
}

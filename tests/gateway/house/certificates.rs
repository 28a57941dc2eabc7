//! A certificate authority and its certificates, made anew by each run of the tests.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PublicKeyData};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

struct Authority {
    folder: PathBuf,
    root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    made: Mutex<HashMap<String, (String, String)>>,
}

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
    let folder = fresh_folder();
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&key).expect("a root").der().clone();
    let issuer = Issuer::new(params, key);
    Authority { folder, root, issuer, made: Mutex::default() }
});

/// In the system's folder for temporary files, since paths of unix sockets are short. What earlier runs
/// have left goes, also what one with the same process id has: a socket there could not be bound again.
fn fresh_folder() -> PathBuf {
    let all = std::env::temp_dir().join("wsgate-tests");
    let id = std::process::id().to_string();
    for run in std::fs::read_dir(&all).into_iter().flatten().flatten() {
        let name = run.file_name();
        if name == id.as_str() || !Path::new("/proc").join(name).exists() {
            let _ = std::fs::remove_dir_all(run.path());
        }
    }
    let folder = all.join(id);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

pub fn folder() -> &'static str {
    AUTHORITY.folder.to_str().expect("UTF-8")
}

/// The paths of certificate and key for `host`, which may be a wildcard.
pub fn of(host: &str) -> (String, String) {
    let mut made = AUTHORITY.made.lock().unwrap();
    made.entry(host.to_owned()).or_insert_with(|| make(host)).clone()
}

fn make(host: &str) -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    with_key(host, &key, &key.serialize_pem())
}

/// A certificate for `host` and `key`, and the paths of both; the key's file says `text`.
pub fn with_key(host: &str, key: &KeyPair, text: &str) -> (String, String) {
    let params = CertificateParams::new(vec![host.to_owned()]).expect("a name");
    let certificate = params.signed_by(key, &AUTHORITY.issuer).expect("a certificate");
    let write = |ending: &str, pem: &str| {
        let path = AUTHORITY.folder.join(format!("{}.{ending}", host.replace('*', "any")));
        std::fs::write(&path, pem).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    (write("crt", &certificate.pem()), write("key", text))
}

/// A chain for these names and this key, valid for `lifetime` from some seconds ago, as PEM.
pub fn sign(names: &[String], key: &impl PublicKeyData, lifetime: Duration) -> String {
    let mut params = CertificateParams::new(names.to_vec()).expect("names");
    let now = SystemTime::now();
    params.not_before = (now - Duration::from_secs(5)).into();
    params.not_after = (now + lifetime).into();
    params.use_authority_key_identifier_extension = true;
    params.signed_by(key, &AUTHORITY.issuer).expect("a certificate").pem()
}

/// The same, read.
pub fn pair(host: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let (certificate, key) = of(host);
    let chain = CertificateDer::pem_file_iter(certificate).expect("readable");
    let chain = chain.collect::<Result<_, _>>().expect("certificates");
    (chain, PrivateKeyDer::from_pem_file(key).expect("a key"))
}

/// A file with the authority's own certificate.
pub fn ca_file() -> String {
    let path = AUTHORITY.folder.join("ca.crt");
    let body = data_encoding::BASE64_MIME.encode(&AUTHORITY.root);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n");
    std::fs::write(&path, pem).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

/// Who trusts the authority.
pub fn roots() -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(AUTHORITY.root.clone()).expect("a root");
    roots
}

/// The same for TLS 1.3, offering `suites` in this order.
pub fn client_config_with(suites: &[rustls::CipherSuite]) -> Arc<rustls::ClientConfig> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    let place = |it: &rustls::SupportedCipherSuite| suites.iter().position(|at| *at == it.suite());
    provider.cipher_suites.retain(|it| place(it).is_some());
    provider.cipher_suites.sort_by_key(place);
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("a version")
        .with_root_certificates(roots())
        .with_no_client_auth();
    Arc::new(config)
}

/// A client's TLS settings: trusts the authority, offers `versions`.
pub fn client_config(
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots())
        .with_no_client_auth();
    Arc::new(config)
}

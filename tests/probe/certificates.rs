//! An authority with an intermediate, and certificates below it, made anew by each run. Names and
//! dates are fixed, so that reports are.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

/// The name that every probe here asks for.
pub const HOST: &str = "game.example.test";

/// PEM files of one run.
pub struct Files {
    pub folder: PathBuf,
    pub root: PathBuf,
    pub key: PathBuf,
    /// Leaf and intermediate.
    pub good: PathBuf,
    /// The leaf alone.
    pub leaf_only: PathBuf,
    /// Ended in 2021.
    pub expired: PathBuf,
    /// For other.example.test.
    pub wrong_name: PathBuf,
    /// Signed by nobody else.
    pub self_signed: PathBuf,
    /// Leaf, intermediate and the root, in the wrong order.
    pub jumbled: PathBuf,
}

/// The files, written once.
pub fn files() -> &'static Files {
    static FILES: LazyLock<Files> = LazyLock::new(make);
    &FILES
}

fn make() -> Files {
    let folder = fresh_folder();
    let (root, root_pem) = authority("Probe Test Root", None);
    let (intermediate, intermediate_pem) = authority("Probe Test Intermediate", Some(&root));
    let key = KeyPair::generate().expect("a key");
    let leaf = |host: &str, from: i32, until: i32| {
        let params = leaf_params(host, from, until);
        params.signed_by(&key, &intermediate).expect("a certificate").pem()
    };
    let good = leaf(HOST, 2020, 2120);
    let own = leaf_params(HOST, 2020, 2120).self_signed(&key).expect("a certificate").pem();
    let write = |name: &str, parts: &[&str]| write(&folder, name, parts);
    Files {
        root: write("root.crt", &[&root_pem]),
        key: write("site.key", &[&key.serialize_pem()]),
        good: write("good.crt", &[&good, &intermediate_pem]),
        leaf_only: write("leaf-only.crt", &[&good]),
        expired: write("expired.crt", &[&leaf(HOST, 2020, 2021), &intermediate_pem]),
        wrong_name: write(
            "wrong-name.crt",
            &[&leaf("other.example.test", 2020, 2120), &intermediate_pem],
        ),
        self_signed: write("self-signed.crt", &[&own]),
        jumbled: write("jumbled.crt", &[&good, &root_pem, &intermediate_pem]),
        folder: folder.clone(),
    }
}

/// Below the build's folder; what runs that are over have left there is removed.
fn fresh_folder() -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("probe");
    for run in std::fs::read_dir(&all).into_iter().flatten().flatten() {
        if !Path::new("/proc").join(run.file_name()).exists() {
            let _ = std::fs::remove_dir_all(run.path());
        }
    }
    let folder = all.join(std::process::id().to_string());
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn write(folder: &Path, name: &str, parts: &[&str]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, parts.concat()).expect("written");
    path
}

fn authority(
    name: &str,
    above: Option<&Issuer<'static, KeyPair>>,
) -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2120, 1, 1);
    let certificate = match above {
        Some(above) => params.signed_by(&key, above),
        None => params.self_signed(&key),
    };
    let pem = certificate.expect("a certificate").pem();
    (Issuer::new(params, key), pem)
}

fn leaf_params(host: &str, from: i32, until: i32) -> CertificateParams {
    let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, host);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    params
}

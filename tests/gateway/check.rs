//! `wsgate check` on broken configurations: each `tests/check/NAME.toml` must give exactly
//! `NAME.out`. `UPDATE_GOLDEN=1` writes the outputs anew; look at the difference before committing.

#![allow(clippy::expect_used, clippy::panic, reason = "in a test that is how to fail")]

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;
use wsgate::control::check::{Machine, check};
use wsgate::tls::inspect::Roots;

macro_rules! goldens {
    ($($name:ident => $file:literal,)*) => {
        $(#[test] fn $name() { golden($file); })*

        #[test]
        fn every_broken_configuration_is_tried() {
            let mut tried = vec![$($file.to_owned(),)*];
            let files = std::fs::read_dir(goldens_folder()).expect("the folder is there");
            let paths = files.map(|it| it.expect("readable").path());
            let tomls = paths.filter(|it| it.extension().is_some_and(|it| it == "toml"));
            let stem = |it: PathBuf| it.file_stem().expect("a name").to_string_lossy().into_owned();
            let mut there: Vec<String> = tomls.map(stem).collect();
            tried.sort();
            there.sort();
            assert_eq!(there, tried);
        }
    };
}

goldens! {
    an_unknown_key_is_answered_with_the_one_that_was_meant => "unknown-keys",
    every_wrong_value_is_reported_at_once => "wrong-values",
    a_missing_key_is_named_with_its_table => "missing-keys",
    a_text_that_is_not_toml_is_shown_where_it_breaks => "syntax",
    routes_that_lead_nowhere_are_found => "routes",
    a_file_that_cannot_be_read_is_an_error => "unreadable-files",
    the_key_of_another_certificate_is_an_error => "wrong-key",
    a_name_that_the_certificate_does_not_cover_is_found => "names",
    a_missing_intermediate_is_found => "missing-intermediate",
    chains_that_lead_to_no_public_root_are_found => "untrusted",
    dates_are_looked_at => "dates",
    pools_that_cannot_work_are_refused => "backends",
    files_for_tls_toward_backends_are_looked_at => "backend-tls",
    pings_that_cannot_be_answered_are_an_error => "heartbeat",
    an_answer_that_would_be_wrong_for_the_application_is_an_error => "application",
    a_missing_environment_variable_is_shown_at_its_place => "environment",
    an_admin_listener_that_everybody_reaches_is_warned_of => "admin",
    an_admin_listener_needs_an_address_of_its_own => "admin-taken",
    limits_of_the_machine_are_named_with_their_numbers => "limits",
    limits_that_are_none_are_refused => "wrong-limits",
    routes_that_serve_files_have_rules_of_their_own => "files",
    a_folder_that_is_not_there_is_warned_of => "no-folder",
    files_about_clients_are_looked_at => "clients",
    a_certificate_that_cannot_be_ordered_is_an_error => "acme",
    a_certificate_without_a_place_to_order_it_is_an_error => "acme-missing",
    a_proof_without_a_listener_is_an_error => "acme-listeners",
    what_would_be_ordered_is_said_and_not_done => "acme-ports",
    answers_that_make_no_sense_are_refused => "answers",
    pages_that_cannot_be_read_are_an_error => "error-pages",
    a_broken_text_hides_none_of_its_mistakes => "broken",
    a_wrong_text_does_not_hide_what_is_wrong_with_the_files => "together",
    a_value_of_the_wrong_shape_is_answered_with_the_right_one => "shapes",
    folders_that_are_not_there_are_named => "places",
}

#[test]
fn a_byte_that_is_not_utf_8_is_shown_at_its_place() {
    let folder = Folder::new("latin1");
    let (output, ok) = folder.check_bytes(b"[log]\nlevel = \"info\" # caf\xe9\n");
    assert!(!ok);
    assert!(output.contains("this byte (0xe9) is not UTF-8"), "{output}");
    assert!(output.contains("gateway.toml:2:21"), "{output}");
}

#[test]
fn an_access_log_that_is_a_folder_is_an_error() {
    let folder = Folder::new("log-folder");
    let text =
        std::fs::read_to_string(goldens_folder().join("error-pages.toml")).expect("readable");
    let (output, ok) = folder.check(&format!("[log]\naccess = \"./certs\"\n\n{text}"));
    assert!(!ok, "{output}");
    assert!(output.contains("`DIR/./certs` is a folder, no file"), "{output}");
    assert!(output.contains("gateway.toml:2:10"), "{output}");
}

#[test]
fn a_good_file_is_summed_up_without_a_finding() {
    let folder = Folder::new("good");
    let text = std::fs::read_to_string(goldens_folder().join("limits.toml")).expect("readable");
    let text = text.replace("400_000", "20_000").replace("\"5m\"", "\"25s\"");
    let (output, ok) = folder.check(&text.replace("\"10m\"", "\"60s\""));
    assert!(ok, "{output}");
    assert!(output.starts_with("The configuration is valid. It would serve:\n"), "{output}");
    assert!(output.contains("/applet/websocket -> game (10.0.0.5:9595)"), "{output}");
    assert!(output.contains("certificate for 70 more days"), "{output}");
}

#[test]
fn routes_without_a_backend_are_summed_up() {
    let folder = Folder::new("answers-good");
    let text =
        std::fs::read_to_string(goldens_folder().join("error-pages.toml")).expect("readable");
    let (text, _) = text.split_once("[[sites]]\ndomains = [\"play").expect("a second site");
    let (output, ok) = folder.check(text);
    assert!(ok, "{output}");
    for line in [
        "    /old -> https://${host}/new${rest}?${query} (301)\n",
        "    = /robots.txt -> answered with 200\n",
    ] {
        assert!(output.contains(line), "{output}");
    }
}

#[test]
fn a_file_that_is_not_there_is_a_report_too() {
    let (output, ok) = check(Path::new("/nowhere/gateway.toml"), &machine(Roots::these(vec![])));
    assert!(!ok);
    assert!(output.starts_with("error: `/nowhere/gateway.toml` cannot be read: "), "{output}");
}

fn golden(name: &str) {
    let source = goldens_folder().join(format!("{name}.toml"));
    let text = std::fs::read_to_string(source).expect("the configuration is readable");
    let folder = Folder::new(name);
    let (output, ok) = folder.check(&text);
    let actual = format!("{output}-- {}\n", if ok { "valid" } else { "refused" });
    let path = goldens_folder().join(format!("{name}.out"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &actual).expect("the golden is writable");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some(line) = first_difference(&expected, &actual) {
        panic!("{name}.out differs in line {line}\n-- expected\n{expected}\n-- actual\n{actual}");
    }
}

fn first_difference(expected: &str, actual: &str) -> Option<usize> {
    let (mut expected, mut actual) = (expected.split('\n'), actual.split('\n'));
    (1..).find_map(|line| match (expected.next(), actual.next()) {
        (None, None) => Some(None),
        (one, other) if one == other => None,
        _ => Some(Some(line)),
    })?
}

fn goldens_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check")
}

/// The day on which everything is judged, so that no golden depends on the calendar.
fn today() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_219_200) // 2026-11-21
}

fn machine(roots: Roots) -> Machine {
    let (open_files, source_ports) = (Some(524_288), (32_768, 60_999));
    Machine { now: today(), roots, open_files, source_ports }
}

/// A folder of its own with certificates made on the spot; gone when the test is over.
struct Folder {
    path: PathBuf,
    root: CertificateDer<'static>,
}

impl Folder {
    fn new(name: &str) -> Self {
        let id = std::process::id();
        let path = std::env::temp_dir().join(format!("wsgate-check-{id}-{name}"));
        std::fs::create_dir_all(path.join("certs")).expect("a folder in temp");
        let root = certificates(&path.join("certs"));
        Self { path, root }
    }

    /// The report on a file with this text; the folder's own name is replaced.
    fn check(&self, text: &str) -> (String, bool) {
        self.check_bytes(text.as_bytes())
    }

    fn check_bytes(&self, text: &[u8]) -> (String, bool) {
        let file = self.path.join("gateway.toml");
        std::fs::write(&file, text).expect("writable");
        let roots = Roots::these(vec![self.root.clone()]);
        let (output, ok) = check(&file, &machine(roots));
        (output.replace(&*self.path.to_string_lossy(), "DIR"), ok)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Fills the folder and gives the root that the test machine trusts.
fn certificates(folder: &Path) -> CertificateDer<'static> {
    let root_key = KeyPair::generate().expect("a key");
    let root_params = authority("Test Root");
    let root = root_params.self_signed(&root_key).expect("signed");
    let root_issuer = Issuer::new(root_params, root_key);
    let key = KeyPair::generate().expect("a key");
    let params = authority("Test Intermediate");
    let intermediate = params.signed_by(&key, &root_issuer).expect("signed").pem();
    let issuer = Issuer::new(params, key);

    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("writable");
    let leaf = |name: &str, until: (i32, u8, u8), chain: &str| {
        let key = KeyPair::generate().expect("a key");
        let mut params =
            CertificateParams::new(vec!["game.example.com".to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, "game.example.com");
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        let certificate = params.signed_by(&key, &issuer).expect("signed").pem();
        write(&format!("{name}.crt"), &format!("{certificate}{chain}"));
        write(&format!("{name}.key"), &key.serialize_pem());
    };
    leaf("good", (2027, 1, 30), &intermediate);
    leaf("alone", (2027, 1, 30), "");
    leaf("expired", (2026, 11, 1), &intermediate);
    leaf("soon", (2026, 12, 1), &intermediate);
    let good = std::fs::read_to_string(folder.join("good.crt")).expect("just written");
    let (leaf_pem, rest) = good.split_at(good.len() - intermediate.len());
    write("reversed.crt", &format!("{rest}{leaf_pem}"));
    write("empty.key", "");
    untrusted(&write);
    root.der().clone()
}

/// A leaf that signed itself, and one of an authority that nobody knows.
fn untrusted(write: &dyn Fn(&str, &str)) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["a.example.com".to_owned()]).expect("a name");
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 30);
    write("self.crt", &params.self_signed(&key).expect("signed").pem());
    write("self.key", &key.serialize_pem());

    let root_key = KeyPair::generate().expect("a key");
    let root_params = authority("Company Root");
    let root = root_params.self_signed(&root_key).expect("signed").pem();
    params.not_before = date_time_ymd(2026, 12, 1);
    params.distinguished_name.push(DnType::CommonName, "a.example.com");
    let leaf = params.signed_by(&key, &Issuer::new(root_params, root_key)).expect("signed").pem();
    write("private.crt", &format!("{leaf}{root}"));
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

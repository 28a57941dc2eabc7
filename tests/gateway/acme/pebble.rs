//! Before Pebble, the test server of Let's Encrypt, which asks over real connections and spoils some nonces on purpose.
//! tests/acme/run gives it; without it these tests cannot run, and are not among those of `cargo test`.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::net::TcpStream;
use wsgate::life::Cause;

use super::shown::{counts, leaf, renewing, standing, storage, trusting};
use crate::house::client::{Client, shake};
use crate::house::frames::{TEXT, masked};
use crate::house::program::free_address;
use crate::house::{Backend, House, PATIENCE, certificates, route};

/// A Pebble and its DNS, in which every name leads to 127.0.0.1.
struct Pebble {
    processes: Vec<Child>,
    at: SocketAddr,
    management: SocketAddr,
    /// Where it asks for proofs.
    http: SocketAddr,
    tls: SocketAddr,
    storage: PathBuf,
}

impl Pebble {
    /// With more keys of its configuration.
    async fn start(name: &str, more: &str) -> Self {
        let [at, management, http, tls, dns, dns_management] =
            std::array::from_fn(|_| free_address());
        let (certificate, key) = certificates::of("localhost");
        let config = format!(
            "{{ \"pebble\": {{ \"listenAddress\": \"{at}\", \"managementListenAddress\": \"{management}\",\n\
             \"certificate\": \"{certificate}\", \"privateKey\": \"{key}\", {more}\n\
             \"httpPort\": {}, \"tlsPort\": {}, \"ocspResponderURL\": \"\" }} }}",
            http.port(),
            tls.port()
        );
        let file = PathBuf::from(certificates::folder()).join(format!("pebble-{name}.json"));
        std::fs::write(&file, config).expect("written");
        let log = std::fs::File::create(file.with_extension("log")).expect("a file");
        let dns_flags = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""];
        let start = |program: &str, arguments: &[&str]| {
            let folder = std::env::var("PEBBLE").expect("tests/acme/run sets it");
            let mut command = Command::new(format!("{folder}/{program}"));
            command.args(arguments).stdout(log.try_clone().expect("a file"));
            command.stderr(Stdio::from(log.try_clone().expect("a file")));
            // It looks at once, and spoils every fifth nonce.
            command.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "20");
            command.spawn().expect("it starts")
        };
        let (dns, dns_management) = (dns.to_string(), dns_management.to_string());
        let dns_arguments =
            [&dns_flags[..], &["-dns01", &dns, "-management", &dns_management]].concat();
        let resolver = start("pebble-challtestsrv", &dns_arguments);
        let file = file.to_str().expect("UTF-8");
        let server = start("pebble", &["-config", file, "-strict", "-dnsserver", &dns]);
        let (processes, storage) = (vec![resolver, server], storage(name));
        let pebble = Self { processes, at, management, http, tls, storage };
        pebble.listens().await;
        pebble
    }

    async fn listens(&self) {
        let begun = Instant::now();
        for address in [self.at, self.management] {
            while TcpStream::connect(address).await.is_err() {
                assert!(begun.elapsed() < PATIENCE, "Pebble does not listen on {address}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// A client that trusts what it issues, and nothing else.
    async fn trusting(&self) -> Arc<ClientConfig> {
        let mut client = Client::tls(self.management, "localhost").await.expect("TLS");
        let head = client.get_as("localhost", "/roots/0", "").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let pem = client.body(&head).await;
        trusting([CertificateDer::from_pem_slice(pem.as_bytes()).expect("a root")])
    }

    /// `[acme]`, with more keys.
    fn settings(&self, more: &str) -> String {
        format!(
            "[acme]\nagree_tos = true\ncontact = [\"mailto:ops@example.test\"]\n\
             directory = \"https://localhost:{}/dir\"\nca = \"{}\"\nstorage = \"{}\"\n{more}\n",
            self.at.port(),
            certificates::ca_file(),
            self.storage.display()
        )
    }

    fn listeners(&self) -> String {
        let http = format!("[[listeners]]\naddress = \"{}\"\nprotocol = \"http\"\n", self.http);
        format!("{}{http}redirect_to_https = true\n", self.https_listener())
    }

    fn https_listener(&self) -> String {
        format!("[[listeners]]\naddress = \"{}\"\n", self.tls)
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn site(names: &str, backend: &Backend) -> String {
    format!("[[sites]]\ndomains = [{names}]\ncertificate = \"acme\"\n{}", route("/", backend))
}

#[tokio::test]
#[ignore = "needs Pebble: tests/acme/run"]
async fn a_site_gets_its_certificate_by_http_01_and_has_it_at_once_after_a_restart() {
    let pebble = Pebble::start("http", "").await;
    let backend = Backend::echo().await;
    let names = "\"game.example.test\", \"www.game.example.test\"";
    let text = format!("{}{}{}", pebble.settings(""), pebble.listeners(), site(names, &backend));
    let mut house = House::with(&text).await;
    renewing(&mut house, |it| counts(it).0 == 1).await;
    let tls = pebble.trusting().await;
    let first = leaf(house.address(), "game.example.test", &tls).await.expect("believed");
    assert_eq!(leaf(house.address(), "www.game.example.test", &tls).await, Ok(first.clone()));
    let next = standing(&house, "game.example.test").next.expect("a moment");
    assert!(next > SystemTime::now() + Duration::from_secs(24 * 60 * 60), "renewal is far off");
    let folder = pebble.storage.join(format!("localhost-{}-dir", pebble.at.port()));
    for (path, mode) in [
        (pebble.storage.clone(), 0o700),
        (folder.clone(), 0o700),
        (folder.join("account.json"), 0o600),
        (folder.join("game.example.test.pem"), 0o600),
    ] {
        let found = std::fs::metadata(&path).expect("there").permissions().mode() & 0o777;
        assert_eq!(found, mode, "{}", path.display());
    }
    house.gateway.cut().await;
    let again = House::with(&text).await;
    assert_eq!(leaf(again.address(), "game.example.test", &tls).await, Ok(first), "kept");
    assert_eq!(counts(&again), (0, 0), "nothing was ordered");
    again.gateway.cut().await;
}

#[tokio::test]
#[ignore = "needs Pebble: tests/acme/run"]
async fn a_site_gets_its_certificate_by_tls_alpn_01_where_there_is_nothing_but_tls() {
    let pebble = Pebble::start("alpn", "").await;
    let backend = Backend::echo().await;
    let names = "\"alpn.example.test\", \"other.example.test\"";
    let listener = pebble.https_listener();
    let text = format!("{}{listener}{}", pebble.settings(""), site(names, &backend));
    let mut house = House::with(&text).await;
    renewing(&mut house, |it| counts(it).0 == 1).await;
    let tls = pebble.trusting().await;
    leaf(house.address(), "other.example.test", &tls).await.expect("believed");
    let lines = house.lines(2).await;
    let proofs = lines.iter().filter(|it| it.end.cause == Cause::Finished);
    assert!(proofs.count() >= 2, "the CA was shown the proof of each name: {lines:?}");
    let mut asking = (*tls).clone();
    asking.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let refused = shake(house.address(), "alpn.example.test", Arc::new(asking)).await;
    let refused = refused.expect_err("there is nothing to prove any more").to_string();
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
    house.gateway.cut().await;
}

#[tokio::test]
#[ignore = "needs Pebble: tests/acme/run"]
async fn a_short_lived_certificate_is_renewed_while_a_socket_talks_and_it_notices_nothing() {
    let pebble = Pebble::start("short", "\"certificateValidityPeriod\": 24,").await;
    let backend = Backend::echo().await;
    let name = "short.example.test";
    let site = site(&format!("\"{name}\""), &backend);
    let text = format!("{}{}{site}", pebble.settings(""), pebble.listeners());
    let mut house = House::with(&text).await;
    renewing(&mut house, |it| counts(it).0 == 1).await;
    let tls = pebble.trusting().await;
    let first = leaf(house.address(), name, &tls).await.expect("believed");
    let stream = shake(house.address(), name, Arc::clone(&tls)).await.expect("TLS");
    let mut socket = Client::on(stream);
    let fields = crate::house::client::upgrade_fields();
    assert!(socket.get_as(name, "/", &fields).await.contains(" 101 "));
    let begun = Instant::now();
    let (bell, mut spoken) = (house.gateway.issued(), 0);
    while counts(&house).0 < 3 {
        assert!(begun.elapsed() < PATIENCE * 4, "{:?}", standing(&house, name));
        let word = format!("still here {spoken}");
        socket.send(masked(TEXT, &word)).await;
        assert_eq!(socket.frame().await.expect("the echo").text(), word);
        spoken += 1;
        leaf(house.address(), name, &tls).await.expect("never expired");
        let _ = tokio::time::timeout(Duration::from_millis(50), bell.notified()).await;
        house.gateway.renew();
    }
    let last = leaf(house.address(), name, &tls).await.expect("believed");
    assert_ne!(last, first, "new handshakes get the new certificate");
    assert!(spoken > 50 && counts(&house).1 == 0, "{spoken} words, {:?}", counts(&house));
    house.gateway.cut().await;
}

#[tokio::test]
#[ignore = "needs Pebble: tests/acme/run"]
async fn a_ca_that_finds_nobody_on_its_port_is_explained_and_not_asked_again_soon() {
    let pebble = Pebble::start("lost", "").await;
    let backend = Backend::echo().await;
    let elsewhere = "[[listeners]]\naddress = \"127.0.0.1:0\"\nprotocol = \"http\"\n";
    let site = site("\"lost.example.test\"", &backend);
    let text = format!("{}{}{elsewhere}{site}", pebble.settings(""), pebble.https_listener());
    let text = text.replace("[acme]\n", "[acme]\nchallenge = \"http-01\"\n");
    let mut house = House::with(&text).await;
    renewing(&mut house, |it| standing(it, "lost.example.test").failures > 0).await;
    let standing = standing(&house, "lost.example.test");
    let begins = "lost.example.test by http-01: the CA cannot reach it on port 80: ";
    assert!(standing.words.starts_with(begins), "{}", standing.words);
    let wait = standing.next.expect("a moment").duration_since(SystemTime::now());
    assert!(wait.expect("later") > Duration::from_secs(4 * 60), "a failed proof weighs");
    house.gateway.cut().await;
}

#[tokio::test]
#[ignore = "needs Pebble: tests/acme/run"]
async fn an_account_is_bound_to_that_of_a_customer_where_the_ca_wants_it() {
    const KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let wants = format!(
        "\"externalAccountBindingRequired\": true, \"externalAccountMACKeys\": {{ \"kid-1\": \"{KEY}\" }},"
    );
    let pebble = Pebble::start("bound", &wants).await;
    let backend = Backend::echo().await;
    let site = site("\"bound.example.test\"", &backend);
    let text = |more: &str| format!("{}{}{site}", pebble.settings(more), pebble.listeners());
    let mut stranger = House::with(&text("")).await;
    renewing(&mut stranger, |it| counts(it).1 == 1).await;
    let words = standing(&stranger, "bound.example.test").words;
    assert!(words.contains("set acme.external_account"), "{words}");
    let bound = format!("external_account = {{ key_id = \"kid-1\", hmac_key = \"{KEY}\" }}");
    let (config, _) = crate::house::read(&text(&bound));
    stranger.gateway.reload(config).await.expect("it is valid");
    renewing(&mut stranger, |it| counts(it).0 == 1).await;
    let tls = pebble.trusting().await;
    leaf(stranger.address(), "bound.example.test", &tls).await.expect("believed");
    stranger.gateway.cut().await;
}

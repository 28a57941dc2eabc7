//! Certificates that are renewed while the gateway runs, and ticket keys that gateways share.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use rcgen::KeyPair;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustls::HandshakeKind;

use crate::house::client::{Client, shake};
use crate::house::frames::{TEXT, masked};
use crate::house::log::Log;
use crate::house::{Backend, House, certificates, https_listener, read, route};

/// A pair at paths of this test's own, through links as certbot has them.
#[derive(Clone)]
struct Pair {
    /// The name that the certificate is for, no other test's.
    host: String,
    folder: PathBuf,
    generation: u32,
}

impl Pair {
    fn new(name: &str) -> Self {
        let folder = Path::new(certificates::folder()).join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let host = format!("{name}.renewed.example.test");
        let mut pair = Self { host, folder, generation: 0 };
        pair.make();
        pair.link_both();
        pair
    }

    /// The next pair; nobody uses it yet.
    fn make(&mut self) {
        self.generation += 1;
        let key = KeyPair::generate().expect("a key");
        let (crt, pem) = certificates::with_key(&self.host, &key, &key.serialize_pem());
        for (from, ending) in [(crt, "crt"), (pem, "key")] {
            let to = self.folder.join(format!("{}.{ending}", self.generation));
            std::fs::copy(from, to).expect("copied");
        }
    }

    /// Lets the link lead to the newest file, in one step.
    fn link(&self, ending: &str) {
        let next = self.folder.join(format!("next.{ending}"));
        let newest = format!("{}.{ending}", self.generation);
        std::os::unix::fs::symlink(newest, &next).expect("a link");
        std::fs::rename(next, self.folder.join(format!("live.{ending}"))).expect("renamed");
    }

    fn link_both(&self) {
        self.link("crt");
        self.link("key");
    }

    fn config(&self, backend: &Backend) -> String {
        let (host, folder) = (&self.host, self.folder.display());
        format!(
            "{}[[sites]]\ndomains = [\"{host}\"]\ncertificate = \"{folder}/live.crt\"\n\
             private_key = \"{folder}/live.key\"\n{}",
            https_listener(),
            route("/", backend)
        )
    }
}

/// The certificate that a client is shown.
async fn shown(house: &House, host: &str) -> Vec<u8> {
    let config = certificates::client_config(rustls::ALL_VERSIONS);
    let stream = shake(house.address(), host, config).await.expect("TLS");
    stream.get_ref().1.peer_certificates().expect("some")[0].to_vec()
}

#[tokio::test]
async fn a_renewal_is_taken_when_the_pair_matches_and_not_before() {
    let backend = Backend::echo().await;
    let mut pair = Pair::new("links");
    let mut house = House::with(&pair.config(&backend)).await;
    let first = shown(&house, &pair.host).await;
    let mut live = Client::tls(house.address(), &pair.host).await.expect("TLS");
    assert!(
        live.get_as(&pair.host, "/", &crate::house::client::upgrade_fields())
            .await
            .contains(" 101 ")
    );
    house.gateway.renew();
    assert_eq!(shown(&house, &pair.host).await, first, "nothing has changed");
    pair.make();
    pair.link("key");
    house.gateway.renew();
    assert_eq!(shown(&house, &pair.host).await, first, "the key has no certificate yet");
    pair.link("crt");
    house.gateway.renew();
    let second = shown(&house, &pair.host).await;
    assert_ne!(second, first);
    // Written in place, and nonsense at first.
    std::fs::write(pair.folder.join("2.crt"), "half a certificate").expect("written");
    house.gateway.renew();
    assert_eq!(shown(&house, &pair.host).await, second, "what cannot be read is not taken");
    live.send(masked(TEXT, "still here")).await;
    assert_eq!(live.frame().await.expect("the echo").text(), "still here");
    drop(live);
    house.finish().await;
}

#[tokio::test]
async fn gateways_with_the_same_ticket_key_resume_each_others_sessions() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    let backend = Backend::answering(answer).await;
    let folder = Path::new(certificates::folder());
    let key = |name: &str| {
        let path = folder.join(name);
        let secret: [u8; 48] = rand::random();
        std::fs::write(&path, secret).expect("written");
        path.display().to_string()
    };
    let (shared, other) = (key("shared.key"), key("other.key"));
    let pair = Pair::new("tickets");
    let text = |keys: &str| format!("[gateway]\nticket_keys = [{keys}]\n{}", pair.config(&backend));
    let one = House::with(&text(&format!("\"{shared}\""))).await;
    let rotated = House::with(&text(&format!("\"{other}\", \"{shared}\""))).await;
    let stranger = House::with(&text(&format!("\"{other}\""))).await;
    let config = certificates::client_config(&[&rustls::version::TLS13]);
    let mut kinds = Vec::new();
    for house in [&one, &rotated, &one, &stranger] {
        let stream = shake(house.address(), &pair.host, Arc::clone(&config)).await.expect("TLS");
        kinds.push(stream.get_ref().1.handshake_kind());
        if std::ptr::eq(house, &one) {
            // Its tickets come behind the handshake; the others' are left aside.
            let mut client = Client::on(stream);
            assert!(
                client.get_as(&pair.host, "/", "Connection: close\r\n").await.contains(" 200 ")
            );
            client.rest().await;
        }
    }
    let (full, resumed) = (Some(HandshakeKind::Full), Some(HandshakeKind::Resumed));
    assert_eq!(kinds[..2], [full, resumed], "the second gateway knows the first one's key");
    assert_eq!(kinds[3], full, "a gateway without that key does not");
    for house in [one, rotated, stranger] {
        house.finish().await;
    }
}

/// A page for errors, which are read behind the certificates: whoever reads it waits until `then` was
/// done.
fn page(path: &Path, then: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let path = path.to_owned();
    std::thread::spawn(move || {
        let mut page = std::fs::File::options().write(true).open(path).expect("a reader");
        then();
        page.write_all(b"<p>{{status}}</p>").expect("written");
    })
}

#[tokio::test]
async fn a_pair_that_is_replaced_while_a_start_or_a_reload_reads_is_taken_at_the_next_look() {
    let backend = Backend::echo().await;
    let mut pair = Pair::new("meanwhile");
    let host = &pair.host.clone();
    let path = pair.folder.join("page.html");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    let text = pair.config(&backend);
    let text =
        text.replace("private_key", &format!("error_page = \"{}\"\nprivate_key", path.display()));
    let mut replace = || {
        pair.make();
        let next = pair.clone();
        move || next.link_both()
    };
    let started = page(&path, replace());
    let mut house = House::with(&text).await;
    started.join().expect("replaced");
    let first = shown(&house, host).await;
    house.gateway.renew();
    let second = shown(&house, host).await;
    assert_ne!(first, second, "replaced while it started");
    let reloaded = page(&path, replace());
    house.gateway.reload(read(&text).0).await.expect("a good configuration");
    reloaded.join().expect("replaced");
    assert_eq!(shown(&house, host).await, second, "read before it was replaced");
    house.gateway.renew();
    assert_ne!(shown(&house, host).await, second, "replaced while it reloaded");
    house.finish().await;
}

#[tokio::test]
async fn the_log_warns_of_the_certificate_in_use_whatever_its_file_has_become() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let backend = Backend::echo().await;
    let pair = Pair::new("ending");
    let key = KeyPair::generate().expect("a key");
    let chain = certificates::sign(std::slice::from_ref(&pair.host), &key, 60 * DAY);
    std::fs::write(pair.folder.join("1.crt"), chain).expect("written");
    std::fs::write(pair.folder.join("1.key"), key.serialize_pem()).expect("written");
    let mut house = House::with(&pair.config(&backend)).await;
    std::fs::write(pair.folder.join("1.crt"), "half a certificate").expect("written");
    house.gateway.renew();
    let log = Log::new();
    let now = SystemTime::now();
    house.gateway.warn_of_expiry(now + 30 * DAY);
    assert_eq!(log.with("").len(), 0, "too early");
    house.gateway.warn_of_expiry(now + 50 * DAY);
    assert_eq!(log.with("expires soon").len(), 1);
    assert!(log.with(&pair.host)[0].contains("days=9"), "{:?}", log.with(""));
    house.gateway.warn_of_expiry(now + 61 * DAY);
    assert_eq!(log.with("has expired").len(), 1);
    house.finish().await;
}

#[tokio::test]
async fn a_bad_ticket_key_is_called_one() {
    let backend = Backend::echo().await;
    let pair = Pair::new("called");
    let key = pair.folder.join("tickets.key");
    std::fs::write(&key, [7; 48]).expect("written");
    let text = format!("[gateway]\nticket_keys = [\"{}\"]\n", key.display());
    let mut house = House::with(&(text + &pair.config(&backend))).await;
    std::fs::write(&key, "short").expect("written");
    let log = Log::new();
    house.gateway.renew();
    assert_eq!(log.with("a changed ticket key is no use, the old keys stay").len(), 1);
    assert_eq!(log.with("a renewed certificate").len(), 0, "{:?}", log.with(""));
    house.finish().await;
}

//! Certificates that are renewed while the gateway runs, and ticket keys that gateways share.

use std::path::Path;
use std::sync::Arc;

use rcgen::KeyPair;
use rustls::HandshakeKind;

use crate::house::client::{Client, shake};
use crate::house::frames::{TEXT, masked};
use crate::house::{Backend, House, certificates, https_listener, route};

const NAME: &str = "renewed.example.test";

/// A pair at paths of this test's own, through links as certbot has them.
struct Pair {
    folder: std::path::PathBuf,
    generation: u32,
}

impl Pair {
    fn new(name: &str) -> Self {
        let folder = Path::new(certificates::folder()).join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut pair = Self { folder, generation: 0 };
        pair.make();
        pair.link("crt");
        pair.link("key");
        pair
    }

    /// The next pair; nobody uses it yet.
    fn make(&mut self) {
        self.generation += 1;
        let key = KeyPair::generate().expect("a key");
        let (crt, pem) = certificates::with_key(NAME, &key, &key.serialize_pem());
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

    fn config(&self, backend: &Backend) -> String {
        let folder = self.folder.display();
        format!(
            "{}[[sites]]\ndomains = [\"{NAME}\"]\ncertificate = \"{folder}/live.crt\"\n\
             private_key = \"{folder}/live.key\"\n{}",
            https_listener(),
            route("/", backend)
        )
    }
}

/// The certificate that a client is shown.
async fn shown(house: &House) -> Vec<u8> {
    let config = certificates::client_config(rustls::ALL_VERSIONS);
    let stream = shake(house.address(), NAME, config).await.expect("TLS");
    stream.get_ref().1.peer_certificates().expect("some")[0].to_vec()
}

#[tokio::test]
async fn a_renewal_is_taken_when_the_pair_matches_and_not_before() {
    let backend = Backend::echo().await;
    let mut pair = Pair::new("links");
    let mut house = House::with(&pair.config(&backend)).await;
    let first = shown(&house).await;
    let mut live = Client::tls(house.address(), NAME).await.expect("TLS");
    assert!(
        live.get_as(NAME, "/", &crate::house::client::upgrade_fields()).await.contains(" 101 ")
    );
    house.gateway.renew();
    assert_eq!(shown(&house).await, first, "nothing has changed");
    pair.make();
    pair.link("key");
    house.gateway.renew();
    assert_eq!(shown(&house).await, first, "the key has no certificate yet");
    pair.link("crt");
    house.gateway.renew();
    let second = shown(&house).await;
    assert_ne!(second, first);
    // Written in place, and nonsense at first.
    std::fs::write(pair.folder.join("2.crt"), "half a certificate").expect("written");
    house.gateway.renew();
    assert_eq!(shown(&house).await, second, "what cannot be read is not taken");
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
        let stream = shake(house.address(), NAME, Arc::clone(&config)).await.expect("TLS");
        kinds.push(stream.get_ref().1.handshake_kind());
        if std::ptr::eq(house, &one) {
            // Its tickets come behind the handshake; the others' are left aside.
            let mut client = Client::on(stream);
            assert!(client.get_as(NAME, "/", "Connection: close\r\n").await.contains(" 200 "));
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

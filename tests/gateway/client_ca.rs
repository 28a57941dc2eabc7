//! Sites that take only clients with a certificate: from the right CA, also when a session is
//! resumed, and on no listener without TLS.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wsgate::life::{By, Cause, Refusal, Stage, TlsFault};

use crate::house::client::shake;
use crate::house::{
    Backend, Client, HOST, House, certificates, https_listener, route, site, soon, until,
};
use crate::http::mirror;

/// A CA for clients, and a certificate of it.
struct ClientCa {
    file: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl ClientCa {
    fn new(name: &str) -> Self {
        let ca_key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&ca_key).expect("a root");
        let file = format!("{}/{name}.crt", certificates::folder());
        std::fs::write(&file, ca.pem()).expect("written");
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(vec!["member".to_owned()]).expect("a name");
        let leaf = leaf.signed_by(&key, &Issuer::new(params, ca_key)).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        Self { file, chain: vec![leaf.der().clone()], key }
    }

    fn member(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(certificates::roots())
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key());
        Arc::new(config.expect("a certificate"))
    }
}

async fn house(ca: &ClientCa, backend: &Backend) -> House {
    let open = "open.example.test";
    let text = format!(
        "{}[[listeners]]\naddress = \"127.0.0.1:0\"\nprotocol = \"http\"\n\
         {}client_ca = \"{}\"\n{}{}{}",
        https_listener(),
        site(HOST),
        ca.file,
        route("/", backend),
        site(open),
        route("/", backend)
    );
    House::with(&text).await
}

/// Asks for a page; what comes back, or nothing when the gateway hung up.
async fn asked(house: &House, config: Arc<ClientConfig>) -> (String, Option<HandshakeKind>) {
    let Ok(mut stream) = shake(house.address(), HOST, config).await else {
        return (String::new(), None);
    };
    let kind = stream.get_ref().1.handshake_kind();
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = soon(stream.read_to_end(&mut answer)).await;
    (String::from_utf8_lossy(&answer).into_owned(), kind)
}

#[tokio::test]
async fn a_site_with_a_client_ca_takes_its_members_and_nobody_else() {
    let (ours, theirs, backend) = (ClientCa::new("ours"), ClientCa::new("theirs"), mirror().await);
    let house = house(&ours, &backend).await;
    for versions in [[&TLS12], [&TLS13]] {
        let (answer, _) = asked(&house, ours.member(&versions)).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        house.line().await;
        let refused = [
            (certificates::client_config(&versions), TlsFault::NoCertificate),
            (theirs.member(&versions), TlsFault::BadCertificate),
        ];
        for (config, fault) in refused {
            assert_eq!(asked(&house, config).await.0, "", "{fault:?}");
            let end = house.end().await;
            assert_eq!((end.by, end.stage, end.cause), (By::Client, Stage::Tls, Cause::Tls(fault)));
        }
    }
    assert_eq!(backend.accepted(), 1, "a kept connection for the members, and nothing else");
    house.finish().await;
}

#[tokio::test]
async fn no_session_of_another_site_opens_one_that_wants_a_certificate() {
    let (ours, backend) = (ClientCa::new("resumed"), mirror().await);
    let house = house(&ours, &backend).await;
    let member = ours.member(&[&TLS13]);
    assert_eq!(asked(&house, Arc::clone(&member)).await.1, Some(HandshakeKind::Full));
    let (answer, kind) = asked(&house, member).await;
    assert_eq!(kind, Some(HandshakeKind::Resumed));
    assert!(answer.starts_with("HTTP/1.1 200 "), "a member resumes: {answer}");
    house.lines(2).await;
    // A client without a certificate has a ticket of the open site, and shows it at the other.
    let config = certificates::client_config(&[&TLS13]);
    let mut open =
        shake(house.address(), "open.example.test", Arc::clone(&config)).await.expect("TLS");
    let request = "GET / HTTP/1.1\r\nHost: open.example.test\r\nConnection: close\r\n\r\n";
    open.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let _ = soon(open.read_to_end(&mut answer)).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
    house.line().await;
    let mut open = Client::tls(house.address(), "open.example.test").await.expect("TLS");
    let head = open.get_as(HOST, "/", "").await;
    assert!(head.starts_with("HTTP/1.1 421 "), "nor does a Host: {head}");
    assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::Misdirected));
    assert_eq!(asked(&house, config).await.0, "");
    assert_eq!(house.end().await.cause, Cause::Tls(TlsFault::NoCertificate));
    drop(open);
    house.finish().await;
}

#[tokio::test]
async fn a_listener_without_tls_lets_nobody_into_such_a_site() {
    let (ours, backend) = (ClientCa::new("plain"), mirror().await);
    let house = house(&ours, &backend).await;
    let mut client = Client::tcp(house.address_of(1)).await.expect("connected");
    let head = client.upgrade("/", "").await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::NeedsCertificate));
    assert_eq!(backend.accepted(), 0);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_renewed_client_ca_is_taken_and_the_members_of_the_old_one_are_not() {
    let (old, new, backend) = (ClientCa::new("turns"), ClientCa::new("next"), mirror().await);
    let mut house = house(&old, &backend).await;
    let member = old.member(&[&TLS13]);
    assert!(asked(&house, Arc::clone(&member)).await.0.starts_with("HTTP/1.1 200 "));
    house.line().await;
    std::fs::copy(&new.file, &old.file).expect("copied");
    house.gateway.renew();
    let newcomer = new.member(&[&TLS13]);
    assert!(asked(&house, newcomer).await.0.starts_with("HTTP/1.1 200 "));
    house.line().await;
    assert_eq!(asked(&house, member).await.0, "", "not even with a ticket");
    assert_eq!(house.end().await.cause, Cause::Tls(TlsFault::BadCertificate));
    until(|| house.metrics().connections.value() == 0).await;
    house.finish().await;
}

//! A reload swaps the snapshot: new connections see it, live ones keep what they began with.

use wsgate::accept::Inherited;
use wsgate::control::Gateway;
use wsgate::observe::access::Access;
use wsgate::observe::books::Books;

use crate::house::client::Client;
use crate::house::frames::{TEXT, masked};
use crate::house::{Backend, HOST, House, certificates, https_listener, read, route, site};

#[tokio::test]
async fn live_sockets_survive_a_reload_that_changes_their_route() {
    let (old, new) = (Backend::echo().await, Backend::answering("HTTP/1.1 418 T\r\n\r\n").await);
    let text =
        |backend: &Backend| format!("{}{}{}", https_listener(), site(HOST), route("/", backend));
    let mut house = House::with(&text(&old)).await;
    let mut live = house.socket("/").await;
    let fixed = house.gateway.reload(read(&text(&new)).0).await.expect("a good configuration");
    assert_eq!(fixed, [""; 0]);
    let head = house.client().await.upgrade("/", "").await;
    assert!(head.starts_with("HTTP/1.1 418 "), "{head}");
    live.send(masked(TEXT, "still here")).await;
    assert_eq!(live.frame().await.expect("the echo").text(), "still here");
    drop(live);
    house.finish().await;
}

#[tokio::test]
async fn a_reload_takes_new_certificates_and_names() {
    let backend = Backend::echo().await;
    let text = |host: &str| format!("{}{}{}", https_listener(), site(host), route("/", &backend));
    let mut house = House::with(&text(HOST)).await;
    assert!(Client::tls(house.address(), "new.example.test").await.is_err());
    house.gateway.reload(read(&text("new.example.test")).0).await.expect("a good configuration");
    assert!(Client::tls(house.address(), "new.example.test").await.is_ok());
    assert!(Client::tls(house.address(), HOST).await.is_err(), "the old name is gone");
    house.finish().await;
}

#[tokio::test]
async fn a_bad_certificate_refuses_the_whole_reload() {
    let backend = Backend::echo().await;
    let good = format!("{}{}{}", https_listener(), site(HOST), route("/", &backend));
    let mut house = House::with(&good).await;
    let (certificate, _) = certificates::of(HOST);
    let (_, other_key) = certificates::of("other.example.test");
    let bad = format!(
        "{}[[sites]]\ndomains = [\"{HOST}\"]\ncertificate = \"{certificate}\"\n\
         private_key = \"{other_key}\"\n{}",
        https_listener(),
        route("/", &backend)
    );
    assert!(house.gateway.reload(read(&bad).0).await.is_err());
    drop(house.socket("/").await);
    house.finish().await;
}

#[tokio::test]
async fn what_needs_a_restart_is_said_by_name() {
    let backend = Backend::echo().await;
    let text =
        |more: &str| format!("{more}{}{}{}", https_listener(), site(HOST), route("/", &backend));
    let (config, _) = read(&text(""));
    let mut gateway = Gateway::start_with(config, Books::new(Access::off()), Inherited::default())
        .await
        .expect("starts");
    let (changed, _) = read(&text("[gateway]\nworkers = 3\nmax_connections = 7\n"));
    let fixed = gateway.reload(changed).await.expect("a good configuration");
    assert_eq!(fixed, ["gateway.workers", "gateway.max_connections"]);
    gateway.cut().await;
}

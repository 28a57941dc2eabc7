//! A reload swaps the snapshot: new connections see it, live ones keep what they began with.

use std::net::SocketAddr;

use wsgate::accept::Inherited;
use wsgate::control::Gateway;
use wsgate::life::{By, Cause};
use wsgate::observe::access::Access;
use wsgate::observe::books::Books;

use crate::house::client::Client;
use crate::house::frames::{CLOSE, TEXT, close_payload, masked};
use crate::house::log::Log;
use crate::house::program::free_address;
use crate::house::{Backend, HOST, House, certificates, https_listener, read, route, site, until};

/// A configuration with two named backends; `routes` says where what leads.
fn two(old: &Backend, new: &Backend, routes: &[(&str, &str)]) -> String {
    let mut text =
        format!("[gateway.drain]\nspread = \"300ms\"\n{}{}", https_listener(), site(HOST));
    for (path, backend) in routes {
        text += &format!("[[sites.routes]]\npath = \"{path}\"\nbackend = \"{backend}\"\n");
    }
    let pools = [("old", old), ("new", new)]
        .map(|(name, it)| format!("[backends.{name}]\nservers = [\"{}\"]\n", it.address()));
    text + &pools.concat()
}

#[tokio::test]
async fn live_sockets_survive_a_reload_that_leads_their_route_elsewhere() {
    let (old, new) = (Backend::echo().await, Backend::answering("HTTP/1.1 418 T\r\n\r\n").await);
    let mut house = House::with(&two(&old, &new, &[("/", "old")])).await;
    let mut live = house.socket("/").await;
    let next = read(&two(&old, &new, &[("/", "new"), ("/other", "old")])).0;
    let fixed = house.gateway.reload(next).await.expect("a good configuration");
    assert_eq!(fixed, [""; 0]);
    let head = house.client().await.upgrade("/", "").await;
    assert!(head.starts_with("HTTP/1.1 418 "), "{head}");
    live.send(masked(TEXT, "still here")).await;
    assert_eq!(live.frame().await.expect("the echo").text(), "still here");
    drop(live);
    house.finish().await;
}

#[tokio::test]
async fn sockets_of_a_route_or_backend_that_is_gone_are_let_go_and_no_others() {
    let (old, new) = (Backend::echo().await, Backend::echo().await);
    let before = [("/stays", "old"), ("/goes", "old"), ("/moves", "new")];
    let mut house = House::with(&two(&old, &new, &before)).await;
    let mut stays = house.socket("/stays").await;
    let mut leavers = [house.socket("/goes").await, house.socket("/moves").await];
    let after = two(&old, &new, &[("/stays", "old"), ("/moves", "old")]);
    let (after, _) = after.split_once("[backends.new]").expect("the last backend");
    house.gateway.reload(read(after).0).await.expect("a good configuration");
    for leaver in &mut leavers {
        let close = leaver.frame().await.expect("a close").close();
        assert_eq!(close, (1012, "service restart".to_owned()));
        leaver.send(masked(CLOSE, close_payload(1012, ""))).await;
        leaver.rest().await;
        let end = house.end().await;
        assert_eq!((end.by, end.cause), (By::Gateway, Cause::Drained));
    }
    stays.send(masked(TEXT, "still here")).await;
    assert_eq!(stays.frame().await.expect("the echo").text(), "still here");
    drop((stays, leavers));
    house.finish().await;
}

#[tokio::test]
async fn who_began_before_a_reload_and_comes_later_by_a_removed_route_is_let_go_once() {
    let (old, new) = (Backend::echo().await, Backend::echo().await);
    let mut house = House::with(&two(&old, &new, &[("/stays", "old"), ("/goes", "old")])).await;
    let (mut stays, mut late, idle) =
        (house.client().await, house.client().await, house.client().await);
    let after = read(&two(&old, &new, &[("/stays", "old")])).0;
    house.gateway.reload(after).await.expect("a good configuration");
    for (client, path) in [(&mut stays, "/stays"), (&mut late, "/goes")] {
        let head = client.upgrade(path, "").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "as it began: {head}");
    }
    let sockets = house.gateway.books().sockets.clone();
    until(|| sockets.list(|_| true, 9).1 == 2).await;
    let log = Log::new();
    for _ in 0..9 {
        house.gateway.let_late_ones_go();
    }
    assert_eq!(log.with("they are let go").len(), 1, "a second order would come earlier");
    assert_eq!(late.frame().await.expect("a close").close(), (1012, "service restart".to_owned()));
    late.send(masked(CLOSE, close_payload(1012, ""))).await;
    late.rest().await;
    assert_eq!(house.end().await.cause, Cause::Drained);
    stays.send(masked(TEXT, "still here")).await;
    assert_eq!(stays.frame().await.expect("the echo").text(), "still here");
    drop((stays, late, idle));
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
    for attempt in 1..3 {
        let fixed = gateway.reload(changed.clone()).await.expect("a good configuration");
        assert_eq!(fixed, ["gateway.workers", "gateway.max_connections"], "attempt {attempt}");
    }
    let fixed = gateway.reload(read(&text("")).0).await.expect("a good configuration");
    assert_eq!(fixed, [""; 0], "what was started with holds anyway");
    gateway.cut().await;
}

#[tokio::test]
async fn listeners_open_close_and_change_while_others_are_not_touched() {
    let backend = Backend::echo().await;
    let http = |address: SocketAddr, keys: &str| {
        format!("[[listeners]]\naddress = \"{address}\"\nprotocol = \"http\"\n{keys}")
    };
    let rest = format!("{}{}", site(HOST), route("/", &backend));
    let (one, two) = (free_address(), free_address());
    let mut house = House::with(&format!("{}{}{rest}", https_listener(), http(one, ""))).await;
    let kept = house.address();
    let mut live = Client::tcp(one).await.expect("open");
    assert!(live.upgrade("/", "").await.starts_with("HTTP/1.1 101 "));
    // The second is gone, another is there, and the first stays where it is.
    let text = format!("{}{}{rest}", http(two, ""), https_listener());
    house.gateway.reload(read(&text).0).await.expect("a good configuration");
    assert_eq!(house.address_of(1), kept);
    until(|| std::net::TcpStream::connect(one).is_err()).await;
    let mut new = Client::tcp(two).await.expect("open");
    assert!(new.upgrade("/", "").await.starts_with("HTTP/1.1 101 "));
    drop(Client::tls(kept, HOST).await.expect("TLS as before"));
    // A socket outlives the listener that it came by.
    live.send(masked(TEXT, "still here")).await;
    assert_eq!(live.frame().await.expect("the echo").text(), "still here");
    // The same socket speaks something else.
    let text = format!("{}{}{rest}", http(two, "redirect_to_https = true\n"), https_listener());
    house.gateway.reload(read(&text).0).await.expect("a good configuration");
    let head = Client::tcp(two).await.expect("open").get("/", "").await;
    assert!(head.starts_with("HTTP/1.1 308 "), "{head}");
    drop((live, new));
    house.finish().await;
}

#[tokio::test]
async fn a_listener_that_cannot_be_opened_refuses_the_whole_reload() {
    let backend = Backend::echo().await;
    let rest = |path: &str| format!("{}{}", site(HOST), route(path, &backend));
    let mut house = House::with(&format!("{}{}", https_listener(), rest("/old"))).await;
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = holder.local_addr().expect("an address");
    let bad = format!("[[listeners]]\naddress = \"{taken}\"\n{}{}", https_listener(), rest("/new"));
    let error = house.gateway.reload(read(&bad).0).await.expect_err("the address is taken");
    assert!(error.to_string().contains(&format!("cannot listen on {taken}")), "{error}");
    drop(house.socket("/old").await);
    assert_eq!(house.gateway.addresses().len(), 1);
    house.finish().await;
}

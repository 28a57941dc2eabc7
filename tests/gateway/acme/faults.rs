//! What becomes of orders when something fails, before a CA that fails on request.

use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process};
use wsgate::life::{By, Cause, TlsFault};

use super::ca::{Ca, Manners};
use super::shown::{counts, leaf, renewing, standing, storage};
use crate::house::client::{Client, shake};
use crate::house::program::{Program, free_address, write};
use crate::house::{Backend, House, PATIENCE, certificates, https_listener, read, route, until};

const NAME: &str = "game.example.test";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A gateway's configuration whose certificates are this CA's.
fn text(at: std::net::SocketAddr, name: &str, sites: &str) -> String {
    format!(
        "[acme]\nagree_tos = true\ndirectory = \"https://localhost:{}/directory\"\nca = \"{}\"\n\
         storage = \"{}\"\n{}[[listeners]]\naddress = \"127.0.0.1:0\"\nprotocol = \"http\"\n{sites}",
        at.port(),
        certificates::ca_file(),
        storage(name).display(),
        https_listener(),
    )
}

fn site(name: &str, backend: &Backend) -> String {
    format!("[[sites]]\ndomains = [\"{name}\"]\ncertificate = \"acme\"\n{}", route("/", backend))
}

/// A gateway with one site, whose CA behaves like this at first.
async fn house(name: &str, ca: &Ca, manners: Manners) -> House {
    let backend = Backend::echo().await;
    // The CA knows where the name leads when the gateway listens; till then it makes it wait.
    ca.behave(Manners { instead: Some(String::new()), ..Manners::default() });
    let house = House::with(&text(ca.at, name, &site(NAME, &backend))).await;
    ca.lead_to(house.address_of(1));
    ca.behave(manners);
    house
}

/// The same on ports that are known before.
fn on_ports(text: &str, https: std::net::SocketAddr, http: std::net::SocketAddr) -> String {
    let listener = |at: String, kind| format!("address = \"{at}\"\nprotocol = \"{kind}\"\n");
    let any = || "127.0.0.1:0".to_owned();
    let text = text.replace(&listener(any(), "https"), &listener(https.to_string(), "https"));
    text.replace(&listener(any(), "http"), &listener(http.to_string(), "http"))
}

/// How long from now the next order is off, in seconds.
fn wait(house: &House) -> u64 {
    let next = standing(house, NAME).next.expect("a moment");
    next.duration_since(SystemTime::now()).unwrap_or_default().as_secs()
}

#[tokio::test]
async fn a_site_is_refused_until_it_has_its_certificate_and_spoilt_nonces_are_taken_anew() {
    let ca = Ca::start(90 * DAY).await;
    let silent = Manners { instead: Some(String::new()), ..Manners::default() };
    let mut house = house("nonces", &ca, silent).await;
    let tls = certificates::client_config(rustls::ALL_VERSIONS);
    let refused = shake(house.address(), NAME, tls.clone()).await.expect_err("none yet");
    assert!(refused.to_string().contains("InternalError"), "{refused}");
    let line = house.line().await;
    assert_eq!(line.end.cause, Cause::Tls(TlsFault::NotIssued));
    assert_eq!((line.end.by, line.host.as_str()), (By::Gateway, NAME));
    ca.behave(Manners { spoilt_nonces: 2, ..Manners::default() });
    renewing(&mut house, |it| counts(it).0 == 1).await;
    leaf(house.address(), NAME, &tls).await.expect("believed");
    assert_eq!(standing(&house, NAME).failures, 0);
    // The moment is noted behind the certificate.
    renewing(&mut house, |it| wait(it) > 0).await;
    let third = 30 * DAY.as_secs();
    assert!((2 * third - 60..2 * third + 60).contains(&wait(&house)), "{}", wait(&house));
    house.gateway.cut().await;
}

#[tokio::test]
async fn a_ca_that_has_had_enough_is_asked_again_when_it_says() {
    let ca = Ca::start(90 * DAY).await;
    let mut house =
        house("limited", &ca, Manners { limited: Some(600), ..Manners::default() }).await;
    renewing(&mut house, |it| standing(it, NAME).words.contains("had enough")).await;
    assert!((590..700).contains(&wait(&house)), "{}", wait(&house));
    house.gateway.cut().await;
}

#[tokio::test]
async fn a_proof_that_is_not_believed_is_explained_and_costs_a_long_pause() {
    let ca = Ca::start(90 * DAY).await;
    let manners = Manners { distrustful: true, ..Manners::default() };
    let mut house = house("distrust", &ca, manners).await;
    renewing(&mut house, |it| standing(it, NAME).words.contains("http-01")).await;
    let words = standing(&house, NAME).words;
    assert!(words.starts_with("game.example.test by http-01: somebody else answered"), "{words}");
    assert!(words.ends_with("that is not what I wanted to see (incorrectResponse)"), "{words}");
    assert!(wait(&house) > 200, "{}", wait(&house));
    let (before, config) = (ca.orders(), house.gateway.config().clone());
    house.gateway.reload(config).await.expect("the same is valid");
    renewing(&mut house, |it| standing(it, NAME).failures > 0).await;
    assert_eq!(ca.orders(), before, "a wish so soon after is not heard");
    house.gateway.cut().await;
}

#[tokio::test]
async fn an_order_that_stays_pending_is_given_up() {
    let ca = Ca::start(90 * DAY).await;
    let mut house =
        house("pending", &ca, Manners { pending: Some(600), ..Manners::default() }).await;
    renewing(&mut house, |it| standing(it, NAME).words.contains("still pending")).await;
    house.gateway.cut().await;
}

#[tokio::test]
async fn a_server_that_is_down_is_found_when_it_is_back() {
    let (at, backend) = (free_address(), Backend::echo().await);
    let mut house = House::with(&text(at, "down", &site(NAME, &backend))).await;
    renewing(&mut house, |it| standing(it, NAME).words.contains("cannot be reached")).await;
    assert!(wait(&house) < 60, "nobody has refused anything: {}", wait(&house));
    let ca = Ca::start_at(at, 90 * DAY).await;
    ca.lead_to(house.address_of(1));
    renewing(&mut house, |it| counts(it).0 == 1).await;
    house.gateway.cut().await;
}

#[tokio::test]
async fn answers_that_are_not_acme_are_named_and_bounded() {
    let page = "<html>back soon</html>";
    let html = |status: &str| {
        let length = page.len();
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}")
    };
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(3 << 20));
    for (name, instead, words) in [
        ("page", html("200 OK"), "does not answer as RFC 8555 has it"),
        (
            "gone",
            html("502 Bad Gateway"),
            "answers 502 Bad Gateway, and not as an ACME server does",
        ),
        ("endless", endless, "longer than 1048576 bytes"),
        ("noise", "\0\u{1}\u{2} what?\r\n\r\n".to_owned(), "does not speak HTTP"),
        ("silence", String::new(), "does not speak HTTP"),
    ] {
        let ca = Ca::start(90 * DAY).await;
        let manners = Manners { instead: Some(instead), ..Manners::default() };
        let mut house = house(name, &ca, manners).await;
        renewing(&mut house, |it| standing(it, NAME).words.contains(words)).await;
        house.gateway.cut().await;
    }
}

#[tokio::test]
async fn a_ca_that_has_forgotten_the_account_gets_another() {
    let ca = Ca::start(90 * DAY).await;
    let mut house = house("forgotten", &ca, Manners::default()).await;
    renewing(&mut house, |it| counts(it).0 == 1).await;
    ca.forget_accounts();
    let backend = Backend::echo().await;
    let two = site(NAME, &backend) + &site("more.example.test", &backend);
    let (config, _) = read(&text(ca.at, "forgotten", &two));
    house.gateway.reload(config).await.expect("valid");
    ca.lead_to(house.address_of(1));
    renewing(&mut house, |it| counts(it).0 == 2).await;
    assert_eq!((ca.accounts(), ca.orders()), (1, 2), "what is in order is not ordered again");
    house.gateway.cut().await;
}

#[tokio::test]
async fn a_reload_orders_what_is_new_and_forgets_what_is_gone() {
    let ca = Ca::start(90 * DAY).await;
    let mut house = house("reload", &ca, Manners::default()).await;
    renewing(&mut house, |it| counts(it).0 == 1).await;
    let backend = Backend::echo().await;
    let other = "other.example.test";
    let (config, _) = read(&text(ca.at, "reload", &site(other, &backend)));
    house.gateway.reload(config).await.expect("valid");
    renewing(&mut house, |it| counts(it).0 == 2).await;
    let tls = certificates::client_config(rustls::ALL_VERSIONS);
    leaf(house.address(), other, &tls).await.expect("believed");
    assert!(house.gateway.books().issuances.of(NAME).is_none(), "nobody asks for it any more");
    house.gateway.cut().await;
}

#[tokio::test]
async fn a_renewal_comes_when_the_ca_suggests_it_and_says_what_it_replaces() {
    let ca = Ca::start(90 * DAY).await;
    let mut first = house("advice", &ca, Manners::default()).await;
    renewing(&mut first, |it| counts(it).0 == 1).await;
    first.gateway.cut().await;
    ca.behave(Manners { advice: Some((-20, -10)), ..Manners::default() });
    let (http, backend) = (free_address(), Backend::echo().await);
    ca.lead_to(http);
    let text = text(ca.at, "advice", &site(NAME, &backend));
    let mut house = House::with(&on_ports(&text, free_address(), http)).await;
    renewing(&mut house, |it| counts(it).0 == 1).await;
    // The CA says so of the new one, too: once an hour is enough.
    renewing(&mut house, |it| (3000..=3600).contains(&wait(it))).await;
    assert_eq!((ca.orders(), ca.replaced().len()), (2, 1), "the CA is told what is replaced");
    house.gateway.cut().await;
}

#[tokio::test]
async fn of_two_gateways_that_share_a_folder_one_orders_and_the_other_goes_on_after_it() {
    let ca = Ca::start(90 * DAY).await;
    let mut first = house("shared", &ca, Manners::default()).await;
    renewing(&mut first, |it| counts(it).0 == 1).await;
    let backend = Backend::echo().await;
    let two = site(NAME, &backend) + &site("late.example.test", &backend);
    let mut second = House::with(&text(ca.at, "shared", &two)).await;
    let tls = certificates::client_config(rustls::ALL_VERSIONS);
    leaf(second.address(), NAME, &tls).await.expect("what is stored is used at once");
    // It would have been at it by now.
    renewing(&mut first, |_| ca.accounts() == 1).await;
    assert_eq!((ca.orders(), counts(&second)), (1, (0, 0)));
    ca.lead_to(second.address_of(1));
    first.gateway.cut().await;
    renewing(&mut second, |it| counts(it).0 == 1).await;
    assert_eq!(ca.orders(), 2, "only what was missing is ordered");
    second.gateway.cut().await;
}

#[tokio::test]
async fn a_stored_certificate_that_is_no_use_is_replaced_and_nothing_else_fails() {
    let ca = Ca::start(90 * DAY).await;
    let folder = storage("broken").join(format!("localhost-{}-directory", ca.at.port()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(format!("{NAME}.pem")), "half a key").expect("written");
    std::fs::write(folder.join("account.json"), "{ half").expect("written");
    let mut house = house("broken", &ca, Manners::default()).await;
    renewing(&mut house, |it| counts(it).0 == 1).await;
    let tls = certificates::client_config(rustls::ALL_VERSIONS);
    leaf(house.address(), NAME, &tls).await.expect("believed");
    let mut plain = Client::tcp(house.address_of(1)).await.expect("it listens");
    let head = plain.get_as(NAME, "/.well-known/acme-challenge/token-0-0", "").await;
    assert!(!head.contains(" 200 "), "a proof is gone when its order is over: {head}");
    house.gateway.cut().await;
}

#[tokio::test]
async fn the_program_takes_a_new_certificate_at_once_and_its_successor_has_it_from_the_start() {
    let ca = Ca::start(90 * DAY).await;
    let (https, http, backend) = (free_address(), free_address(), Backend::echo().await);
    ca.lead_to(http);
    let text = text(ca.at, "program", &site(NAME, &backend));
    let text = format!("[admin]\nlisten = \"off\"\n{}", on_ports(&text, https, http));
    let config = write("acme-program", &text);
    let tls = certificates::client_config(rustls::ALL_VERSIONS);
    let program = Program::launch("acme-program", "", config, https);
    let begun = Instant::now();
    let first = loop {
        match leaf(https, NAME, &tls).await {
            Ok(first) => break first,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}: {}", program.errors()),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    program.signal(Signal::USR2);
    until(|| program.errors().contains("the new process has taken over")).await;
    let errors = program.errors();
    let pid = errors.split("pid=").nth(1).and_then(|it| it.split_whitespace().next());
    let pid = pid.and_then(|it| it.parse().ok()).and_then(Pid::from_raw);
    assert_eq!(leaf(https, NAME, &tls).await, Ok(first), "what is stored");
    let output = program.config.clone();
    let (code, _, errors) = program.end().await;
    kill_process(pid.expect("it is named"), Signal::TERM).expect("it lives");
    let gone = || std::net::TcpStream::connect(https).is_err();
    until(gone).await;
    assert_eq!((code, ca.orders()), (Some(0), 1), "{}: {errors}", output.display());
}

//! Listeners: any number, TCP and unix, bounded, and polite on plain HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use wsgate::accept::Inherited;
use wsgate::life::{Cause, Refusal};

use crate::house::client::{Client, field, upgrade_fields};
use crate::house::frames::{CLOSE, TEXT, masked};
use crate::house::{Backend, HOST, House, certificates, https_listener, route, site, until};

fn http_listener(keys: &str) -> String {
    format!("[[listeners]]\naddress = \"127.0.0.1:0\"\nprotocol = \"http\"\n{keys}\n")
}

#[tokio::test]
async fn ipv4_ipv6_and_unix_listeners_serve_the_same_sites() {
    let backend = Backend::echo().await;
    let path = format!("{}/listen.sock", certificates::folder());
    let text = format!(
        "{}[[listeners]]\naddress = \"[::]:0\"\nprotocol = \"https\"\n\
         [[listeners]]\naddress = \"unix:{path}\"\nprotocol = \"http\"\n{}{}",
        https_listener(),
        site(HOST),
        route("/", &backend)
    );
    let house = House::with(&text).await;
    let both = house.address_of(1).port();
    let mut clients = vec![
        Client::tls(house.address(), HOST).await.expect("IPv4"),
        Client::tls(([127, 0, 0, 1], both).into(), HOST).await.expect("IPv4 on [::]"),
        Client::unix(path.as_ref()).await.expect("unix"),
    ];
    if let Ok(client) = Client::tls((std::net::Ipv6Addr::LOCALHOST, both).into(), HOST).await {
        clients.push(client);
    }
    for client in &mut clients {
        assert!(client.upgrade("/", "").await.starts_with("HTTP/1.1 101 "));
        client.send(masked(TEXT, "hello")).await;
        assert_eq!(client.frame().await.expect("the echo").text(), "hello");
        client.send(masked(CLOSE, "")).await;
        client.rest().await;
    }
    drop(clients);
    house.finish().await;
    until(|| !std::path::Path::new(&path).exists()).await;
}

#[tokio::test]
async fn a_socket_file_left_behind_is_replaced_and_a_live_one_is_not() {
    let backend = Backend::echo().await;
    let path = format!("{}/stale.sock", certificates::folder());
    drop(std::os::unix::net::UnixListener::bind(&path).expect("bound"));
    let text = format!(
        "[[listeners]]\naddress = \"unix:{path}\"\nprotocol = \"http\"\n{}{}",
        site(HOST),
        route("/", &backend)
    );
    let house = House::with(&text).await;
    assert!(Client::unix(path.as_ref()).await.is_ok());
    let (config, _) = crate::house::read(&text);
    let second = wsgate::control::Gateway::start(config, Inherited::default()).await;
    assert!(second.is_err_and(|error| error.to_string().contains("stale.sock")));
    assert!(Client::unix(path.as_ref()).await.is_ok(), "the first one still listens");
    house.finish().await;
}

#[tokio::test]
async fn max_connections_is_for_those_who_call_and_not_for_listeners_that_wait() {
    let backend = Backend::echo().await;
    let text = format!(
        "[gateway]\nmax_connections = 2\n{}{}{}{}{}",
        https_listener(),
        https_listener(),
        https_listener(),
        site(HOST),
        route("/", &backend)
    );
    let house = House::with(&text).await;
    for (here, there) in [(1, 0), (0, 2), (2, 2)] {
        let first = socket_at(house.address_of(here)).await;
        let second = socket_at(house.address_of(here)).await;
        let third = tokio::spawn(socket_at(house.address_of(there)));
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(house.metrics().connections.value(), 2);
        assert!(!third.is_finished(), "the third has to wait");
        drop((first, second));
        drop(third.await.expect("served"));
        until(|| house.metrics().connections.value() == 0).await;
    }
    house.finish().await;
}

async fn socket_at(address: SocketAddr) -> Client {
    let mut client = Client::tls(address, HOST).await.expect("in the end");
    assert!(client.upgrade("/", "").await.starts_with("HTTP/1.1 101 "));
    client
}

#[tokio::test]
async fn beyond_max_connections_the_accept_queue_waits() {
    let backend = Backend::echo().await;
    let text = format!(
        "[gateway]\nmax_connections = 2\n{}{}{}",
        https_listener(),
        site(HOST),
        route("/", &backend)
    );
    let house = House::with(&text).await;
    let first = house.socket("/").await;
    let second = house.socket("/").await;
    let address = house.address();
    let third = tokio::spawn(async move {
        let mut client = Client::tls(address, HOST).await.expect("in the end");
        client.upgrade("/", "").await
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(house.metrics().connections.value(), 2);
    assert!(!third.is_finished(), "the third has to wait");
    drop(first);
    assert!(third.await.expect("served").starts_with("HTTP/1.1 101 "));
    drop(second);
    house.finish().await;
}

#[tokio::test]
async fn an_http_listener_redirects_with_308_but_never_an_upgrade() {
    let backend = Backend::echo().await;
    let text = format!(
        "{}{}{}",
        http_listener("redirect_to_https = true"),
        site(HOST),
        route("/", &backend)
    );
    let house = House::with(&text).await;
    let mut client = Client::tcp(house.address()).await.expect("connects");
    let (head, _) = client.fetch("/a//b?x=%41&y", "").await;
    assert!(head.starts_with("HTTP/1.1 308 "), "{head}");
    let location = format!("https://{HOST}/a//b?x=%41&y");
    assert_eq!(field(&head, "Location"), Some(location.as_str()));
    assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::Redirected));
    let head = client.get("/a", &upgrade_fields()).await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    assert_eq!(field(&head, "Location"), None);
    let told = client.body(&head).await;
    assert!(told.contains("WebSockets need wss:// here"), "{told}");
    assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::NeedsTls));
    client.send("GET / HTTP/1.1\r\nHost: evil.example.org\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 421 "), "no redirect to foreign names");
    assert_eq!(backend.accepted(), 0);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn acme_challenges_are_answered_from_their_folder_only() {
    let backend = Backend::echo().await;
    let root = format!("{}/acme", certificates::folder());
    let folder = format!("{root}/.well-known/acme-challenge");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(format!("{folder}/token-1_A"), "token-1_A.thumbprint").expect("a file");
    std::fs::write(format!("{root}/straight"), "straight.thumbprint").expect("a file");
    std::fs::write(format!("{}/secret", certificates::folder()), "secret").expect("a file");
    let keys = format!("redirect_to_https = true\nacme_challenge_root = \"{root}\"");
    let text = format!("{}{}{}", http_listener(&keys), site(HOST), route("/", &backend));
    let house = House::with(&text).await;
    let mut client = Client::tcp(house.address()).await.expect("connects");
    for (token, found) in
        [("token-1_A", "token-1_A.thumbprint"), ("straight", "straight.thumbprint")]
    {
        let (head, body) = client.fetch(&format!("/.well-known/acme-challenge/{token}"), "").await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert_eq!(body, found);
    }
    for token in ["missing", "..%2fsecret", "a/../../secret", "%2e%2e/secret", ".hidden", ""] {
        let path = format!("/.well-known/acme-challenge/{token}");
        let (head, body) = client.fetch(&path, "").await;
        assert!(!head.starts_with("HTTP/1.1 200 "), "{token}: {head}");
        assert!(!body.contains("secret"), "{token}: {body}");
    }
    drop(client);
    house.finish().await;
}

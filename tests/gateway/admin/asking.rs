//! One request to an admin listener, and which ones it refuses.

use serde_json::Value;
use wsgate::config::model::ListenAddress;

use super::{house, window};
use crate::house::client::field;
use crate::house::{Backend, Client, route, soon};

async fn connect(to: &ListenAddress) -> Client {
    match to {
        ListenAddress::Tcp(at) => Client::tcp(*at).await.expect("it is open"),
        ListenAddress::Unix(path) => Client::unix(path).await.expect("it is open"),
        ListenAddress::Systemd(name) => panic!("{name} is systemd's"),
    }
}

/// Head and body of the answer; `fields` are whole lines, and have the Host.
pub async fn ask(to: &ListenAddress, method: &str, target: &str, fields: &str) -> (String, String) {
    let mut client = connect(to).await;
    let head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n{fields}\r\n");
    client.send(head).await;
    let whole = String::from_utf8(soon(client.rest()).await).expect("UTF-8");
    let (head, body) = whole.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

pub const HERE: &str = "Host: localhost\r\n";

/// The status of the answer, and its JSON.
pub async fn json(to: &ListenAddress, method: &str, target: &str) -> (u16, Value) {
    let (head, body) = ask(to, method, target, HERE).await;
    assert_eq!(field(&head, "content-type"), Some("application/json"), "{head}");
    (code(&head), serde_json::from_str(&body).expect("JSON"))
}

pub fn code(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status")
}

#[tokio::test]
async fn health_and_readiness_are_plain_and_nothing_is_cached() {
    let backend = Backend::echo().await;
    let house = house("", &route("/", &backend)).await;
    let to = window(&house);
    for (target, words) in [("/healthz", "alive\n"), ("/readyz", "ready\n")] {
        let (head, body) = ask(&to, "GET", target, HERE).await;
        assert_eq!((code(&head), body.as_str()), (200, words));
        assert_eq!(field(&head, "cache-control"), Some("no-store"), "{head}");
        let (head, body) = ask(&to, "HEAD", target, HERE).await;
        assert_eq!((code(&head), body.as_str()), (200, ""), "a head alone");
        assert_eq!(field(&head, "content-length"), Some(words.len().to_string().as_str()));
    }
    house.finish().await;
}

#[tokio::test]
async fn errors_are_json_with_words() {
    let backend = Backend::echo().await;
    let house = house("", &route("/", &backend)).await;
    let to = window(&house);
    for (method, target, status, word) in [
        ("GET", "/nothing", 404, "nothing here"),
        ("POST", "/api/status", 405, "GET, HEAD"),
        ("GET", "/api/drain", 405, "POST"),
        ("GET", "/api/connections/9f86d081884c7d65", 405, "DELETE"),
        ("DELETE", "/api/connections/9f86d081884c7d65", 404, "no such socket"),
        ("DELETE", "/api/connections/seven", 404, "no such socket"),
        ("DELETE", "/api/connections/9f86d081884c7d65?code=1006", 400, "`code`"),
        ("GET", "/api/connections?limit=1001", 400, "`limit`"),
        ("GET", "/api/connections?rout=a", 400, "`rout`"),
        ("GET", "/api/status?histori=no", 400, "`histori`"),
        ("POST", "/api/drain", 400, "`backend`"),
        ("POST", "/api/drain?backend=a&spread=2h", 400, "`spread`"),
        ("POST", "/api/drain?backend=a&spread=10", 400, "`spread`"),
        ("POST", "/api/drain?backend=a&code=999", 400, "`code`"),
        ("POST", "/api/drain?backend=&site=a.test", 400, "`backend` is empty"),
        ("POST", "/api/drain?backend=a&spread", 400, "`spread` is empty"),
        ("DELETE", "/api/connections/9f86d081884c7d65?reason=", 400, "`reason` is empty"),
        ("GET", "/api/connections?site=", 400, "`site` is empty"),
        ("GET", "/api/status?history=", 400, "`history` is empty"),
        ("GET", "/api/status?history=maybe", 400, "`history`"),
    ] {
        let (answered, body) = json(&to, method, target).await;
        let words = body["error"].as_str().expect("words");
        assert!(
            answered == status && words.contains(word),
            "{method} {target}: {answered} {words}"
        );
        assert_eq!(body.as_object().map(|it| it.len()), Some(1), "one field");
    }
    let (head, _) = ask(&to, "PUT", "/api/drain", HERE).await;
    assert_eq!(field(&head, "allow"), Some("POST"));
    house.finish().await;
}

#[tokio::test]
async fn a_page_of_another_site_learns_nothing_and_changes_nothing() {
    let backend = Backend::echo().await;
    let house = house("", &route("/", &backend)).await;
    let to = window(&house);
    for fields in ["Host: evil.test\r\n", "Host: 127.0.0.1.evil.test\r\n", "Host: 10.0.0.1\r\n"] {
        let (head, body) = ask(&to, "GET", "/api/status", fields).await;
        assert_eq!(code(&head), 421, "DNS rebinding: {fields}");
        assert!(body.contains("error") && !body.contains("uptime"), "{body}");
    }
    let foreign = "Host: localhost\r\nOrigin: https://evil.test\r\nSec-Fetch-Site: cross-site\r\n";
    let (head, _) = ask(&to, "POST", "/api/drain?backend=a", foreign).await;
    assert_eq!(code(&head), 403);
    for fields in ["", "Host: localhost\r\nHost: localhost\r\n"] {
        assert_eq!(code(&ask(&to, "GET", "/healthz", fields).await.0), 400, "{fields:?}");
    }
    house.finish().await;
}

#[tokio::test]
async fn heads_are_bounded_and_a_connection_serves_many_requests() {
    let backend = Backend::echo().await;
    let house = house("", &route("/", &backend)).await;
    let to = window(&house);
    let long = format!("{HERE}X-Long: {}\r\n", "a".repeat(40_000));
    assert_eq!(code(&ask(&to, "GET", "/healthz", &long).await.0), 431);
    let many: String = (0..100).map(|it| format!("X-{it}: a\r\n")).collect();
    assert_eq!(code(&ask(&to, "GET", "/healthz", &format!("{HERE}{many}")).await.0), 431);
    let mut client = connect(&to).await;
    for _ in 0..20 {
        client.send(format!("GET /healthz HTTP/1.1\r\n{HERE}\r\n")).await;
        let head = client.head().await;
        assert_eq!((code(&head), client.body(&head).await.as_str()), (200, "alive\n"));
    }
    drop(client);
    house.finish().await;
}

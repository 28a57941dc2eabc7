//! Routes that the gateway answers itself, and the fields that it changes in answers: over raw
//! sockets, by what stands in the head.

use wsgate::life::{By, Cause, End, Refusal, Stage};

use crate::house::client::{Client, field};
use crate::house::{Backend, HOST, House, https_listener, route, site};

const LISTENERS: &str = "[[listeners]]\naddress = \"127.0.0.1:0\"\nprotocol = \"http\"\n";

/// A route with this action instead of a backend.
fn own(path: &str, action: &str) -> String {
    format!("[[sites.routes]]\npath = \"{path}\"\n{action}\n")
}

fn status(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn redirects_lead_where_they_say_with_any_method() {
    let house = House::with_routes(
        &[
            own("/", "redirect = \"https://www.example.com${uri}\""),
            own("/old", "redirect = \"/new${rest}?${query}\"\nstatus = 308"),
            own("= /host", "redirect = \"https://${host}/x\"\nstatus = 302"),
        ]
        .concat(),
    )
    .await;
    let mut client = house.client().await;
    for (path, expected, location) in [
        ("/a//b?x=%20", "301", "https://www.example.com/a//b?x=%20"),
        ("/old", "308", "/new"),
        ("/old/a%20b?c", "308", "/new/a%20b?c"),
        ("/host", "302", "https://game.example.test/x"),
    ] {
        for method in ["GET", "HEAD", "POST", "DELETE", "PURGE"] {
            client.send(format!("{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
            let head = client.head().await;
            assert_eq!(status(&head), expected, "{method} {path}: {head}");
            assert_eq!(field(&head, "Location"), Some(location), "{method} {path}");
            let length: usize = field(&head, "Content-Length").unwrap().parse().unwrap();
            assert!(length > 0, "{head}");
            if method != "HEAD" {
                let body = client.body(&head).await;
                assert!(body.ends_with(&format!(": {location}\n")), "{body}");
            }
            let line = house.line().await;
            assert_eq!(line.end, End::new(By::Gateway, Stage::Exchange, Cause::Finished));
            assert_eq!((line.status.to_string().as_str(), line.backend.as_str()), (expected, ""));
        }
    }
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn no_request_writes_into_the_head_of_a_redirect_or_chooses_its_host() {
    let house = House::with_routes(
        &[
            own("/", "redirect = \"${uri}\""),
            own("/to", "redirect = \"https://www.example.com/x${rest}?q=${query}\""),
        ]
        .concat(),
    )
    .await;
    for (path, location) in [
        ("//evil.example/x", "/evil.example/x"),
        ("///evil.example", "/evil.example"),
        ("/a?b=%0d%0aSet-Cookie:%20c=d", "/a?b=%0d%0aSet-Cookie:%20c=d"),
        ("/a?b={c}", "/a?b=%7Bc%7D"),
        ("/to//evil.example?a&b", "https://www.example.com/x/evil.example?q=a&b"),
        ("/to/@evil.example", "https://www.example.com/x/@evil.example?q="),
    ] {
        let mut client = house.client().await;
        let head = client.get(path, "").await;
        assert_eq!(field(&head, "Location"), Some(location), "{path}: {head}");
        assert!(!head.to_ascii_lowercase().contains("\r\nset-cookie"), "{head}");
    }
    for path in ["/a\x0b", "/%0d%0aX:y", "/a%00"] {
        let mut client = house.client().await;
        let head = client.get(path, "").await;
        assert_eq!(status(&head), "400", "{path}");
        assert_eq!(field(&head, "Location"), None);
    }
    house.finish().await;
}

#[tokio::test]
async fn a_fixed_reply_is_the_same_whatever_is_asked() {
    let robots = r#"reply = { body = "User-agent: *\nDisallow: /\n" }"#;
    let house = House::with_routes(
        &[
            own("= /robots.txt", robots),
            own("= /empty", "reply = { status = 204 }"),
            own(
                "= /json",
                r#"reply = { body = '{"ok":true}', content_type = "application/json" }"#,
            ),
            own("= /teapot", r#"reply = { status = 418, body = "no coffee" }"#),
            own("/private", "reply = { status = 403 }"),
        ]
        .concat(),
    )
    .await;
    let mut client = house.client().await;
    for (path, expected, kind, text) in [
        ("/robots.txt", "200", Some("text/plain; charset=utf-8"), "User-agent: *\nDisallow: /\n"),
        ("/empty", "204", None, ""),
        ("/json", "200", Some("application/json"), "{\"ok\":true}"),
        ("/teapot", "418", Some("text/plain; charset=utf-8"), "no coffee"),
        ("/private/x", "403", Some("text/plain; charset=utf-8"), "403 Forbidden\n"),
    ] {
        for method in ["GET", "HEAD", "OPTIONS"] {
            client.send(format!("{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
            let head = client.head().await;
            assert_eq!(status(&head), expected, "{method} {path}: {head}");
            assert_eq!(field(&head, "Content-Type"), kind, "{method} {path}");
            let length = (expected != "204").then(|| text.len().to_string());
            assert_eq!(field(&head, "Content-Length"), length.as_deref(), "{method} {path}");
            if method != "HEAD" {
                assert_eq!(client.body(&head).await, text, "{method} {path}");
            }
        }
    }
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_body_that_nobody_reads_does_not_become_the_next_request() {
    let house = House::with_routes(&own("/", "reply = { body = \"ok\" }")).await;
    let mut client = house.client().await;
    let inner = format!("GET /inner HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let length = inner.len();
    client
        .send(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {length}\r\n\r\n{inner}"))
        .await;
    let head = client.head().await;
    assert_eq!(client.body(&head).await, "ok");
    let (head, body) = client.fetch("/after", "").await;
    assert_eq!((status(&head), body.as_str()), ("200", "ok"));
    assert!(house.line().await.target == "/" && house.line().await.target == "/after");
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn an_upgrade_gets_the_answer_of_the_route_and_never_a_tunnel() {
    let house = House::with_routes(
        &[
            own("/", "redirect = \"https://www.example.com${uri}\""),
            own("/no", "reply = { status = 403 }"),
        ]
        .concat(),
    )
    .await;
    let mut client = house.client().await;
    let head = client.upgrade("/ws", "").await;
    assert_eq!(status(&head), "301", "{head}");
    assert_eq!(field(&head, "Location"), Some("https://www.example.com/ws"));
    client.body(&head).await;
    let head = client.upgrade("/no", "").await;
    assert_eq!(status(&head), "403", "{head}");
    client.body(&head).await;
    let head = client.get("/no", "Connection: Upgrade\r\nUpgrade: h2c\r\n").await;
    assert_eq!(status(&head), "403", "{head}");
    client.body(&head).await;
    let mut other = house.client().await;
    other.send(format!("CONNECT {HOST} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    assert_eq!(status(&other.head().await), "400");
    drop((client, other));
    house.finish().await;
}

#[tokio::test]
async fn addresses_and_places_are_kept_on_routes_without_a_backend() {
    let deny = "[sites.routes.clients.addresses]\ndeny = [\"127.0.0.0/8\"]\n";
    let allow = "[sites.routes.clients.addresses]\nallow = [\"127.0.0.0/8\"]\n";
    let house = House::with_routes(
        &[
            own("/closed", &format!("reply = {{ body = \"secret\" }}\n{deny}")),
            own("/moved", &format!("redirect = \"/elsewhere\"\n{deny}")),
            own("/open", &format!("reply = {{ body = \"hello\" }}\n{allow}")),
        ]
        .concat(),
    )
    .await;
    let mut client = house.client().await;
    for path in ["/closed", "/moved"] {
        let (head, body) = client.fetch(path, "").await;
        assert_eq!(status(&head), "403", "{path}");
        assert_eq!(field(&head, "Location"), None);
        assert!(!body.contains("secret"), "{body}");
        assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::Address));
    }
    assert_eq!(client.fetch("/open", "").await.1, "hello");
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn fields_are_set_on_every_answer_and_removed_from_those_of_backends() {
    let backend = Backend::answering(
        "HTTP/1.1 200 OK\r\nServer: secret/1.0\r\nX-Powered-By: magic\r\nX-Frame-Options: ALLOWALL\r\n\
         Set-Cookie: a=b\r\nVary: Origin\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let keys = "response_headers = { X-Frame-Options = \"DENY\", X-Id = \"${request_id}\", Vary = \
                \"Cookie\", Cache-Control = \"max-age=60\" }\nremove_response_headers = [\"Server\", \
                \"X-Powered-By\"]\n";
    let routes = route("/a", &backend)
        + &route("/b", &backend)
        + "response_headers = { x-frame-options = \"SAMEORIGIN\" }\nremove_response_headers = \
           [\"Set-Cookie\", \"X-Id\"]\n"
        + &own("/reply", "reply = { body = \"x\" }");
    let house = House::with(&format!("{}{}{keys}{routes}", https_listener(), site(HOST))).await;
    let head = house.client().await.get("/a", "").await;
    assert_eq!(field(&head, "X-Frame-Options"), Some("DENY"), "{head}");
    let lower = head.to_ascii_lowercase();
    assert!(!lower.contains("secret") && !lower.contains("x-powered-by"), "{head}");
    assert!(lower.contains("vary: origin") && lower.contains("vary: cookie"), "{head}");
    assert_eq!(field(&head, "X-Id"), Some(house.line().await.id.as_str()));
    let head = house.client().await.get("/b", "").await;
    assert_eq!(field(&head, "X-Frame-Options"), Some("SAMEORIGIN"), "{head}");
    assert_eq!((field(&head, "Set-Cookie"), field(&head, "X-Id")), (None, None), "{head}");
    let head = house.client().await.get("/reply", "").await;
    assert_eq!(field(&head, "Cache-Control"), Some("max-age=60"), "{head}");
    // An error is not to be kept because the site's answers are.
    let head = house.client().await.get("/nowhere", "").await;
    assert_eq!(status(&head), "404");
    assert_eq!(field(&head, "X-Frame-Options"), Some("DENY"), "{head}");
    assert_eq!(field(&head, "Cache-Control"), Some("no-store"), "{head}");
    house.finish().await;
}

#[tokio::test]
async fn fields_are_set_on_a_101_and_on_a_declined_handshake_too() {
    let (echo, no) = (
        Backend::echo().await,
        Backend::answering("HTTP/1.1 401 No\r\nServer: x\r\nContent-Length: 0\r\n\r\n").await,
    );
    let keys = "response_headers = { X-Frame-Options = \"DENY\" }\nremove_response_headers = [\"Server\"]\n";
    let routes = route("/ws", &echo) + keys + &route("/no", &no) + keys;
    let house = House::with_routes(&routes).await;
    let mut client = house.client().await;
    let head = client.upgrade("/ws", "").await;
    assert_eq!(status(&head), "101", "{head}");
    assert_eq!(field(&head, "X-Frame-Options"), Some("DENY"), "{head}");
    let head = house.client().await.upgrade("/no", "").await;
    assert_eq!(status(&head), "401", "{head}");
    assert_eq!(field(&head, "X-Frame-Options"), Some("DENY"), "{head}");
    assert_eq!(field(&head, "Server"), None, "{head}");
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn removing_cookies_leaves_the_gateways_own() {
    let backend =
        Backend::answering("HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n").await;
    let pool = format!(
        "[backends.p]\nservers = [\"{}\"]\nbalance = \"hash\"\nhash_on = \"cookie:sticky\"\n",
        backend.address()
    );
    let routes = own("/", "backend = \"p\"\nremove_response_headers = [\"Set-Cookie\"]");
    let house = House::with(&format!("{}{pool}{}{routes}", https_listener(), site(HOST))).await;
    let head = house.client().await.get("/", "").await;
    assert!(field(&head, "Set-Cookie").is_some_and(|it| it.starts_with("sticky=")), "{head}");
    assert!(!head.contains("a=b"), "{head}");
    house.finish().await;
}

#[tokio::test]
async fn plain_http_gets_the_same_answers_without_the_word_about_https() {
    let site = site(HOST) + "strict_transport_security = \"max-age=60\"\n";
    let routes = own("= /robots.txt", "reply = { body = \"x\" }");
    let house = House::with(&format!("{LISTENERS}{}{site}{routes}", https_listener())).await;
    let mut client = Client::tcp(house.address()).await.expect("a connection");
    let (head, body) = client.fetch("/robots.txt", "").await;
    assert_eq!((status(&head), body.as_str()), ("200", "x"));
    assert_eq!(field(&head, "Strict-Transport-Security"), None);
    let mut other = Client::tls(house.address_of(1), HOST).await.expect("a TLS handshake");
    let (head, _) = other.fetch("/robots.txt", "").await;
    assert_eq!(field(&head, "Strict-Transport-Security"), Some("max-age=60"));
    drop((client, other));
    house.finish().await;
}

//! Error answers of the gateway's own: text, a page or JSON, as the client asks, and pages of a site.

use std::path::PathBuf;

use wsgate::config::model::Config;

use crate::house::client::field;
use crate::house::{Backend, HOST, House, https_listener, read, route, site};

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n";

/// A folder of one test's own, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("wsgate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn status(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn the_same_error_is_text_a_page_or_json_by_accept() {
    let house = House::with_routes(&route("/a", &Backend::echo().await)).await;
    let mut client = house.client().await;
    for (accept, kind) in [
        ("", "text/plain; charset=utf-8"),
        ("Accept: */*\r\n", "text/plain; charset=utf-8"),
        (BROWSER, "text/html; charset=utf-8"),
        ("Accept: application/json\r\n", "application/json"),
        ("Accept: text/html;q=0.1\r\nAccept: application/json;q=0.2\r\n", "application/json"),
        ("Accept: image/png\r\n", "text/plain; charset=utf-8"),
    ] {
        let (head, body) = client.fetch("/none", accept).await;
        assert_eq!(status(&head), "404", "{accept}");
        assert_eq!(field(&head, "Content-Type"), Some(kind), "{accept}");
        assert_eq!(field(&head, "Vary"), Some("Accept"), "{accept}");
        assert_eq!(field(&head, "Cache-Control"), Some("no-store"), "{accept}");
        let id = house.line().await.id;
        match kind {
            "application/json" => {
                let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
                let expected = serde_json::json!({
                    "status": 404, "error": "Not Found",
                    "message": "nothing is served at this path", "request_id": id,
                });
                assert_eq!(body, expected);
            }
            "text/html; charset=utf-8" => {
                assert!(body.starts_with("<!doctype html>") && body.contains(&id), "{body}");
                let policy = field(&head, "Content-Security-Policy").expect("a policy");
                assert!(policy.starts_with("default-src 'none'"), "{policy}");
            }
            _ => assert_eq!(body, "404 Not Found: nothing is served at this path\n"),
        }
        client.send(format!("HEAD /none HTTP/1.1\r\nHost: {HOST}\r\n{accept}\r\n")).await;
        let asked = client.head().await;
        let length = |head: &str| field(head, "Content-Length").map(str::to_owned);
        assert_eq!(length(&asked), length(&head), "HEAD {accept}");
        house.line().await;
    }
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn nothing_of_the_request_or_of_the_backend_is_in_an_error_page() {
    let gone = Backend::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let address = gone.address();
    drop(gone);
    let text = "[[sites.routes]]\npath = \"/\"\nbackend = \"127.0.0.1:1\"\n";
    let house = House::with_routes(text).await;
    let mut client = house.client().await;
    let (head, body) = client.fetch("/<script>alert(1)</script>?q=%3Cb%3E", BROWSER).await;
    // The raw brackets are no URI; the same goes for the escaped ones.
    assert_eq!(status(&head), "400", "{head}");
    assert!(!body.contains("alert"), "{body}");
    let mut client = house.client().await;
    for accept in [BROWSER, "Accept: application/json\r\n", ""] {
        let (head, body) =
            client.fetch("/%3Cscript%3Ealert(1)%3C/script%3E?q=%3Cb%3E", accept).await;
        assert_eq!(status(&head), "502", "{head}");
        for word in ["alert", "script", "127.0.0.1", "q=", &address.to_string()] {
            assert!(!body.contains(word), "{word}: {body}");
        }
    }
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_backends_own_error_passes_untouched() {
    let backend = Backend::answering(
        "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/x-mine\r\nContent-Length: 4\r\n\r\nmine",
    )
    .await;
    let folder = Folder::new("untouched");
    let page = folder.write("page.html", "site");
    let keys = format!("error_page = \"{page}\"\n");
    let routes = route("/", &backend);
    let house = House::with(&format!("{}{}{keys}{routes}", https_listener(), site(HOST))).await;
    let (head, body) = house.client().await.fetch("/", BROWSER).await;
    assert_eq!((status(&head), body.as_str()), ("502", "mine"));
    assert_eq!(field(&head, "Content-Type"), Some("text/x-mine"));
    assert_eq!((field(&head, "Vary"), field(&head, "Cache-Control")), (None, None));
    house.finish().await;
}

/// A site with pages, and a route that is closed and one that is not there.
fn with_pages(keys: &str) -> Config {
    let closed = "[[sites.routes]]\npath = \"/closed\"\nreply = { status = 403 }\n\
                  [[sites.routes]]\npath = \"/down\"\nbackend = \"127.0.0.1:1\"\n";
    read(&format!("{}{}{keys}{closed}", https_listener(), site(HOST))).0
}

#[tokio::test]
async fn a_site_has_pages_of_its_own_and_a_reload_reads_them_again() {
    let folder = Folder::new("pages");
    let all = folder.write("all.html", "all {{status}} {{reason}} {{request_id}} {{unknown}}");
    let missing = folder.write("404.html", "lost: {{message}}");
    let ours = folder.write("5xx.html", "our fault");
    let keys = format!(
        "error_page = \"{all}\"\nerror_pages = {{ 404 = \"{missing}\", 5xx = \"{ours}\" }}\n"
    );
    let mut house = House::with_routes(&route("/", &Backend::echo().await)).await;
    house.gateway.reload(with_pages(&keys)).await.expect("the pages are there");
    let mut client = house.client().await;
    let (head, body) = client.fetch("/closed", BROWSER).await;
    assert_eq!(status(&head), "403");
    let id = house.line().await.id;
    assert_eq!(body, format!("all 403 Forbidden {id} {{{{unknown}}}}"));
    assert_eq!(field(&head, "Content-Security-Policy"), None, "the page is the site's own");
    assert_eq!(client.fetch("/none", BROWSER).await.1, "lost: nothing is served at this path");
    assert_eq!(client.fetch("/down", BROWSER).await.1, "our fault");
    let (_, body) = client.fetch("/none", "").await;
    assert_eq!(body, "404 Not Found: nothing is served at this path\n");

    folder.write("404.html", "moved");
    house.gateway.reload(with_pages(&keys)).await.expect("the pages are there");
    assert_eq!(house.client().await.fetch("/none", BROWSER).await.1, "moved");
    std::fs::remove_file(&missing).unwrap();
    house.gateway.reload(with_pages(&keys)).await.expect_err("a page is gone");
    assert_eq!(house.client().await.fetch("/none", BROWSER).await.1, "moved");
    for (text, why) in [("", "it is empty"), (&"x".repeat(64 * 1024 + 1), "larger than 64KiB")] {
        folder.write("404.html", text);
        let error = house.gateway.reload(with_pages(&keys)).await.expect_err(why);
        assert!(error.to_string().contains(why), "{error}");
    }
    drop(client);
    house.finish().await;
}

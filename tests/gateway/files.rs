//! A route that serves files: what is sent, what is refused, and how it ends in the access line.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test that is how to fail")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use wsgate::life::{By, Cause, Fault, Refusal};

use crate::house::HOST;
use crate::house::client::field;
use crate::house::{Backend, House, https_listener, read, site, until};

/// A folder with a site in it, and something beside it that nobody is to see.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let name = format!("wsgate-site-{:016x}", rand::random::<u64>());
        let place = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(place.root().join("sub/deep")).expect("a folder");
        fs::write(place.0.join("secret.txt"), "secret").expect("a file");
        for (name, text) in [
            ("index.html", "<h1>home</h1>\n"),
            ("hello.txt", "hello, world\n"),
            ("sub/index.html", "<h1>sub</h1>\n"),
            ("sub/deep/page.html", "page\n"),
            (".env", "PASSWORD=1\n"),
            (".git/config", "[core]\n"),
            (".well-known/assetlinks.json", "[]\n"),
        ] {
            place.write(name, text.as_bytes());
        }
        place
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    fn link(&self, to: impl AsRef<Path>, name: &str) {
        symlink(to, self.path(name)).expect("a link");
    }

    fn route(&self, path: &str, more: &str) -> String {
        let root = self.root();
        format!("[[sites.routes]]\npath = \"{path}\"\nroot = \"{}\"\n{more}\n", root.display())
    }

    async fn house(&self, more: &str) -> House {
        House::with_routes(&self.route("/", more)).await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status")
}

/// The statuses of these targets, each on a connection of its own.
async fn statuses(house: &House, targets: &[&str]) -> Vec<u16> {
    let mut all = Vec::new();
    for target in targets {
        let mut client = house.client().await;
        all.push(status(&client.fetch(target, "").await.0));
    }
    all
}

#[tokio::test]
async fn a_file_is_sent_with_what_a_browser_needs_to_keep_it() {
    let place = Place::new();
    let house = place.house("cache = \"1h\"").await;
    let mut client = house.client().await;
    let (head, body) = client.fetch("/hello.txt", "").await;
    assert_eq!((status(&head), body.as_str()), (200, "hello, world\n"));
    for (name, value) in [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", "13"),
        ("Cache-Control", "max-age=3600"),
        ("Accept-Ranges", "bytes"),
    ] {
        assert_eq!(field(&head, name), Some(value), "{head}");
    }
    let etag = field(&head, "ETag").expect("a tag").to_owned();
    let date = field(&head, "Last-Modified").expect("a date").to_owned();
    let (again, body) = client.fetch("/hello.txt", &format!("If-None-Match: {etag}\r\n")).await;
    assert_eq!((status(&again), body.as_str()), (304, ""));
    assert_eq!(field(&again, "Cache-Control"), Some("max-age=3600"));
    let (again, _) = client.fetch("/hello.txt", &format!("If-Modified-Since: {date}\r\n")).await;
    assert_eq!(status(&again), 304);
    let (part, body) = client.fetch("/hello.txt", "Range: bytes=7-11\r\n").await;
    assert_eq!((status(&part), body.as_str()), (206, "world"));
    assert_eq!(field(&part, "Content-Range"), Some("bytes 7-11/13"));
    drop(client);
    let lines = house.lines(4).await;
    let told: Vec<_> = lines.iter().map(|it| (it.status, it.end.by, it.end.cause)).collect();
    let fine = |status| (status, By::Gateway, Cause::Finished);
    assert_eq!(told, [fine(200), fine(304), fine(304), fine(206)]);
    assert_eq!(
        (lines[0].down.bytes, lines[0].route.as_str(), lines[0].backend.as_str()),
        (13, "/", "")
    );
    house.finish().await;
}

#[tokio::test]
async fn a_head_is_an_answer_without_its_body() {
    let place = Place::new();
    let house = place.house("").await;
    let mut client = house.client().await;
    client
        .send(format!("HEAD /hello.txt HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"))
        .await;
    let all = client.rest().await;
    let head = String::from_utf8(all).expect("text");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!((status(&head), field(&head, "Content-Length")), (200, Some("13")));
    let line = house.line().await;
    assert_eq!((line.end.by, line.end.cause), (By::Gateway, Cause::Finished));
    house.finish().await;
}

#[tokio::test]
async fn a_folder_has_an_index_and_a_path_that_ends_with_a_slash() {
    let place = Place::new();
    let house = place.house("index = [\"index.htm\", \"index.html\"]").await;
    let mut client = house.client().await;
    assert_eq!(client.fetch("/", "").await.1, "<h1>home</h1>\n");
    assert_eq!(client.fetch("/sub/", "").await.1, "<h1>sub</h1>\n");
    let (head, _) = client.fetch("/sub?a=b", "").await;
    assert_eq!((status(&head), field(&head, "Location")), (301, Some("/sub/?a=b")));
    let (head, _) = client.fetch("//sub", "").await;
    assert_eq!(field(&head, "Location"), Some("/sub/"), "never another host");
    assert_eq!(status(&client.fetch("/sub/deep/", "").await.0), 403);
    drop(client);
    let line = house.lines(5).await.remove(4);
    assert_eq!(line.end.cause, Cause::Refusal(Refusal::Unreadable));
    assert_eq!(line.detail, "a folder without an index");
    house.finish().await;
}

#[tokio::test]
async fn no_path_leads_out_of_the_folder() {
    let place = Place::new();
    let house = place.house("").await;
    let refused = [
        "/../secret.txt",
        "/sub/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2E%2E/%2e%2e/etc/passwd",
        "/..%2fsecret.txt",
        "/sub/..%5c..%5csecret.txt",
        "/..\\secret.txt",
        "/hello.txt%00",
        "/hello.txt%00.html",
        "/..;/secret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "//../secret.txt",
    ];
    assert_eq!(statuses(&house, &refused).await, [400; 12]);
    let within = ["/sub/../hello.txt", "/%68ello.txt", "/./hello.txt", "//hello.txt"];
    assert_eq!(statuses(&house, &within).await, [200; 4]);
    let nothing = ["/etc/passwd", "/proc/self/environ", "/hello.txt/", "/hello.txt/x", "/nothing"];
    assert_eq!(statuses(&house, &nothing).await, [404; 5]);
    house.finish().await;
}

#[tokio::test]
async fn dotfiles_are_not_there_but_for_what_is_well_known() {
    let place = Place::new();
    let house = place.house("fallback = \"/index.html\"").await;
    let hidden =
        ["/.env", "/.git/config", "/.git/", "/%2eenv", "/sub/.hidden", "/sub/.well-known/x"];
    assert_eq!(statuses(&house, &hidden).await, [404; 6]);
    assert_eq!(statuses(&house, &["/.well-known/assetlinks.json"]).await, [200]);
    let line = house.line().await;
    assert_eq!((line.end.by, line.end.cause), (By::Client, Cause::Refusal(Refusal::NoFile)));
    assert_eq!(line.detail, "a name that begins with a dot");
    house.finish().await;
}

#[tokio::test]
async fn links_are_followed_within_the_folder_and_refused_when_they_leave_it() {
    let place = Place::new();
    place.link("hello.txt", "inside.txt");
    place.link("sub/deep", "shortcut");
    place.link("../secret.txt", "outside.txt");
    place.link(place.0.join("secret.txt"), "absolute.txt");
    place.link("..", "parent");
    place.link("/proc/self/root/etc/passwd", "magic.txt");
    let house = place.house("").await;
    assert_eq!(statuses(&house, &["/inside.txt", "/shortcut/page.html"]).await, [200; 2]);
    let out = ["/outside.txt", "/absolute.txt", "/parent/secret.txt", "/magic.txt"];
    assert_eq!(statuses(&house, &out).await, [404; 4]);
    let lines = house.lines(6).await;
    assert!(lines[2..].iter().all(|it| it.detail == "a link leads out of the folder"));
    house.finish().await;
}

#[tokio::test]
async fn special_files_and_files_of_others_are_refused_at_once() {
    let place = Place::new();
    let made = std::process::Command::new("mkfifo").arg(place.path("fifo.txt")).status();
    assert!(made.expect("mkfifo is there").success());
    let _socket = std::os::unix::net::UnixListener::bind(place.path("socket")).expect("a socket");
    fs::set_permissions(place.path("hello.txt"), PermissionsExt::from_mode(0o000)).expect("mine");
    let house = place.house("").await;
    assert_eq!(statuses(&house, &["/fifo.txt", "/socket"]).await, [404; 2]);
    // Root may read everything: then there is nothing to refuse.
    let may_read = fs::read(place.path("hello.txt")).is_ok();
    assert_eq!(statuses(&house, &["/hello.txt"]).await, [if may_read { 200 } else { 403 }]);
    let line = house.line().await;
    assert_eq!(line.detail, "this is no ordinary file");
    house.finish().await;
}

#[tokio::test]
async fn only_get_and_head_are_answered_and_no_upgrade() {
    let place = Place::new();
    let house = place.house("").await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        let mut client = house.client().await;
        client.send(format!("{method} /hello.txt HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
        let head = client.head().await;
        assert_eq!((status(&head), field(&head, "Allow")), (405, Some("GET, HEAD")), "{method}");
        assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::Method), "{method}");
    }
    let mut client = house.client().await;
    let head = client.upgrade("/hello.txt", "").await;
    assert_eq!(status(&head), 403);
    assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::UpgradeNever));
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_fallback_serves_what_an_application_of_one_page_routes_itself() {
    let place = Place::new();
    let house = place.house("fallback = \"/index.html\"").await;
    let mut client = house.client().await;
    for target in ["/app/rooms/7", "/nothing.js", "/sub/deep/x"] {
        let (head, body) = client.fetch(target, "").await;
        assert_eq!((status(&head), body.as_str()), (200, "<h1>home</h1>\n"), "{target}");
        assert_eq!(field(&head, "Content-Type"), Some("text/html; charset=utf-8"), "{target}");
    }
    assert_eq!(client.fetch("/hello.txt", "").await.1, "hello, world\n");
    fs::remove_file(place.path("index.html")).expect("it was there");
    assert_eq!(status(&client.fetch("/nothing", "").await.0), 404);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_prefix_is_stripped_or_replaced_before_a_file_is_looked_for() {
    let place = Place::new();
    let routes = [
        place.route("/whole", ""),
        place.route("/assets", "strip_prefix = true"),
        place.route("/pages", "strip_prefix = \"/sub\""),
        place.route("= /exact", "strip_prefix = \"/hello.txt\""),
    ]
    .concat();
    place.write("whole/a.txt", b"whole\n");
    let house = House::with_routes(&routes).await;
    let mut client = house.client().await;
    let table = [
        ("/whole/a.txt", 200, "whole\n"),
        ("/assets/hello.txt", 200, "hello, world\n"),
        ("/assets/", 200, "<h1>home</h1>\n"),
        ("/pages/deep/page.html", 200, "page\n"),
        ("/exact", 200, "hello, world\n"),
    ];
    for (target, expected, content) in table {
        let (head, body) = client.fetch(target, "").await;
        assert_eq!((status(&head), body.as_str()), (expected, content), "{target}");
    }
    let (head, _) = client.fetch("/assets/sub", "").await;
    assert_eq!(field(&head, "Location"), Some("/assets/sub/"), "as the client knows it");
    let (head, _) = client.fetch("/assets", "").await;
    assert_eq!((status(&head), field(&head, "Location")), (301, Some("/assets/")));
    assert_eq!(status(&client.fetch("/assets/.env", "").await.0), 404);
    assert_eq!(status(&client.fetch("/whole/hello.txt", "").await.0), 404);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn text_is_compressed_for_who_takes_it_and_a_neighbour_saves_the_work() {
    let place = Place::new();
    let text = "all work and no play makes jack a dull boy\n".repeat(4000);
    place.write("long.txt", text.as_bytes());
    place.write("photo.jpg", text.as_bytes());
    place.write("ready.css", text.as_bytes());
    place.write("ready.css.br", b"packed before");
    let house = place.house("compress = true").await;
    let mut client = house.client().await;
    let (head, _) = client.fetch("/ready.css", "Accept-Encoding: gzip, br\r\n").await;
    assert_eq!(field(&head, "Content-Encoding"), Some("br"));
    assert_eq!(field(&head, "Content-Length"), Some("13"));
    assert_eq!(field(&head, "Content-Type"), Some("text/css; charset=utf-8"));
    let (head, body) = client.fetch("/photo.jpg", "Accept-Encoding: gzip, br\r\n").await;
    assert_eq!((field(&head, "Content-Encoding"), body.len()), (None, text.len()));
    let (head, body) = client.fetch("/long.txt", "Accept-Encoding: identity\r\n").await;
    assert_eq!((field(&head, "Vary"), body.len()), (Some("Accept-Encoding"), text.len()));
    drop(client);
    for coding in ["gzip", "br"] {
        let mut client = house.client().await;
        let wish = format!(
            "GET /long.txt HTTP/1.1\r\nHost: {HOST}\r\nAccept-Encoding: {coding}\r\nConnection: close\r\n\r\n"
        );
        client.send(wish).await;
        let head = client.head().await;
        assert_eq!(field(&head, "Content-Encoding"), Some(coding), "{head}");
        assert!(field(&head, "ETag").is_some_and(|it| it.starts_with("W/\"")), "{head}");
        let body = client.rest().await;
        assert!(body.len() < text.len() / 20, "{} bytes", body.len());
        assert!(body.ends_with(b"0\r\n\r\n"), "it came to its end");
    }
    house.finish().await;
}

#[tokio::test]
async fn a_slow_reader_of_a_long_file_has_no_more_of_it_read_than_it_takes() {
    const LENGTH: usize = 64 << 20;
    // What the kernel holds for a socket, at both ends.
    const IN_SOCKETS: u64 = 16 << 20;
    let place = Place::new();
    fs::File::create(place.path("long.bin"))
        .and_then(|it| it.set_len(LENGTH as u64))
        .expect("room");
    let house = place.house("").await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut client = house.client().await;
        client.send(format!("GET /long.bin HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
        let head = client.head().await;
        assert_eq!(field(&head, "Content-Length"), Some("67108864"));
        slow.push(client);
    }
    // Meanwhile one that reads gets everything.
    let mut quick = house.client().await;
    quick.send(format!("GET /long.bin HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    quick.head().await;
    let mut got = 0;
    while got < LENGTH {
        got += quick.exactly((LENGTH - got).min(1 << 20)).await.len();
    }
    drop((slow, quick));
    let lines = house.lines(5).await;
    assert_eq!(lines[0].down.bytes, LENGTH as u64);
    for line in &lines[1..] {
        assert_eq!(line.end.by, By::Client);
        assert!(line.down.bytes < IN_SOCKETS, "{} bytes were read", line.down.bytes);
    }
    house.finish().await;
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_sent_breaks_off_and_is_named() {
    let place = Place::new();
    let path = place.path("shrinking.bin");
    fs::File::create(&path).and_then(|it| it.set_len(64 << 20)).expect("room");
    let house = place.house("").await;
    let mut client = house.client().await;
    client.send(format!("GET /shrinking.bin HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    assert_eq!(status(&client.head().await), 200);
    fs::File::options().write(true).open(&path).and_then(|it| it.set_len(1)).expect("mine");
    let rest = client.rest().await;
    assert!(rest.len() < 64 << 20, "{} bytes", rest.len());
    let line = house.line().await;
    assert_eq!((line.end.by, line.end.cause), (By::Backend, Cause::Backend(Fault::File)));
    assert!(line.detail.contains("cannot be read to its end"), "{}", line.detail);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_file_that_is_replaced_is_sent_whole_as_it_was_and_then_as_it_is() {
    let place = Place::new();
    place.write("page.bin", &vec![b'a'; 16 << 20]);
    let house = place.house("").await;
    let mut client = house.client().await;
    client.send(format!("GET /page.bin HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    client.head().await;
    place.write("new.bin", b"new");
    fs::rename(place.path("new.bin"), place.path("page.bin")).expect("one folder");
    let body = client.exactly(16 << 20).await;
    assert!(body.iter().all(|it| *it == b'a'));
    assert_eq!(client.fetch("/page.bin", "").await.1, "new");
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_is_who_ended_it() {
    let place = Place::new();
    fs::File::create(place.path("long.bin")).and_then(|it| it.set_len(64 << 20)).expect("room");
    let house = place.house("").await;
    let mut client = house.client().await;
    client.send(format!("GET /long.bin HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    client.head().await;
    drop(client);
    let line = house.line().await;
    assert_eq!((line.end.by, line.status), (By::Client, 200));
    assert!(line.down.bytes < 64 << 20);
    house.finish().await;
}

#[tokio::test]
async fn a_reload_turns_a_backend_into_a_folder_and_back() {
    let place = Place::new();
    let backend = Backend::answering("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nbackend").await;
    let text = |routes: &str| format!("{}\n{}\n{routes}", https_listener(), site(HOST));
    let forward = format!("[[sites.routes]]\npath = \"/\"\nbackend = \"{}\"\n", backend.address());
    let mut house = House::with(&text(&forward)).await;
    let mut kept = house.client().await;
    assert_eq!(kept.fetch("/hello.txt", "").await.1, "backend");
    let folder = place.route("/", "");
    house.gateway.reload(read(&text(&folder)).0).await.expect("it is valid");
    assert_eq!(house.client().await.fetch("/hello.txt", "").await.1, "hello, world\n");
    house.gateway.reload(read(&text(&forward)).0).await.expect("it is valid");
    assert_eq!(house.client().await.fetch("/hello.txt", "").await.1, "backend");
    drop(kept);
    house.finish().await;
}

#[tokio::test]
async fn a_folder_may_be_a_link_that_a_deployment_moves() {
    let place = Place::new();
    for release in ["one", "two"] {
        fs::create_dir(place.0.join(release)).expect("a folder");
        fs::write(place.0.join(release).join("index.html"), release).expect("a file");
    }
    let current = place.0.join("current");
    symlink("one", &current).expect("a link");
    let root = current.display();
    let house =
        House::with_routes(&format!("[[sites.routes]]\npath = \"/\"\nroot = \"{root}\"\n")).await;
    let mut client = house.client().await;
    assert_eq!(client.fetch("/", "").await.1, "one");
    symlink("two", place.0.join("next")).expect("a link");
    fs::rename(place.0.join("next"), &current).expect("one folder");
    assert_eq!(client.fetch("/", "").await.1, "two");
    fs::remove_file(&current).expect("it was there");
    assert_eq!(status(&client.fetch("/", "").await.0), 404);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn what_guards_a_route_guards_its_files() {
    let place = Place::new();
    let origins =
        "clients = { origins = [\"https://game.example.test\"] }\nlimits = { connections = 1 }";
    let house = place.house(origins).await;
    let mut client = house.client().await;
    assert_eq!(status(&client.fetch("/hello.txt", "").await.0), 403);
    let right = "Origin: https://game.example.test\r\n";
    assert_eq!(status(&client.fetch("/hello.txt", right).await.0), 200);
    fs::File::create(place.path("long.bin")).and_then(|it| it.set_len(64 << 20)).expect("room");
    client.send(format!("GET /long.bin HTTP/1.1\r\nHost: {HOST}\r\n{right}\r\n")).await;
    client.head().await;
    let mut other = house.client().await;
    assert_eq!(status(&other.fetch("/hello.txt", right).await.0), 503);
    drop((client, other));
    until(|| house.metrics().requests.value() == 0).await;
    house.finish().await;
}

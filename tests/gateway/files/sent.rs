//! What is sent: files, indexes, fallbacks, and text that is compressed.

use std::fs;

use wsgate::life::{By, Cause, Refusal};

use super::{Place, status};
use crate::house::client::field;
use crate::house::{HOST, House};

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

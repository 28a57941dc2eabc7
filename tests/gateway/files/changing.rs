//! Files that are long, and files and clients that do not stay as they are.

use std::fs;
use std::os::unix::fs::symlink;

use wsgate::life::{By, Cause, Fault};

use super::{Place, status};
use crate::house::client::field;
use crate::house::{Backend, HOST, House, https_listener, read, site};

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

//! What is refused: paths that lead out, names with a dot, links, special files, other methods, other guests.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use wsgate::life::{By, Cause, Refusal};

use super::{Place, status, statuses};
use crate::house::client::field;
use crate::house::{HOST, until};

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

//! Pools of several servers: which of them is next, and what sticks.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::house::client::field;
use crate::house::{Backend, Client, HOST, House, https_listener, read, site};

/// A configuration with one pool behind `/`; `keys` are those of the pool.
pub fn pool(keys: &str) -> String {
    let listener = https_listener();
    let site = site(HOST);
    format!(
        "{listener}{site}[[sites.routes]]\npath = \"/\"\nbackend = \"pool\"\n\
         [backends.pool]\n{keys}\n"
    )
}

/// `servers = […]` of these.
pub fn servers(all: &[&Backend]) -> String {
    let quoted: Vec<String> = all.iter().map(|it| format!("\"{}\"", it.address())).collect();
    format!("servers = [{}]\n", quoted.join(", "))
}

/// A socket, and which server it reached.
pub async fn socket(house: &House, path: &str, fields: &str) -> (Client, String) {
    let mut client = house.client().await;
    let head = client.upgrade(path, fields).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let name = client.frame().await.expect("the server's name").text().to_owned();
    (client, name)
}

fn count(names: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    names.into_iter().for_each(|it| *counts.entry(it).or_default() += 1);
    counts
}

#[tokio::test]
async fn live_sockets_are_spread_evenly() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let house = House::with(&pool(&servers(&[&a, &b]))).await;
    let mut live: Vec<(Client, String)> = Vec::new();
    for _ in 0..10 {
        live.push(socket(&house, "/", "").await);
    }
    let counts = count(live.iter().map(|it| it.1.clone()));
    assert_eq!(counts, BTreeMap::from([("a".to_owned(), 5), ("b".to_owned(), 5)]));
    // Four of one server leave: the next four are its.
    let (mut theirs, others): (Vec<_>, Vec<_>) = live.into_iter().partition(|it| it.1 == "a");
    theirs.truncate(1);
    house.lines(4).await;
    let mut names = Vec::new();
    for _ in 0..4 {
        let (client, name) = socket(&house, "/", "").await;
        theirs.push((client, name.clone()));
        names.push(name);
    }
    assert_eq!(names, ["a"; 4]);
    drop((theirs, others));
    house.finish().await;
}

#[tokio::test]
async fn sockets_count_across_reloads() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let mut house = House::with(&pool(&servers(&[&a]))).await;
    let mut live = Vec::new();
    for _ in 0..3 {
        live.push(socket(&house, "/", "").await);
    }
    house.gateway.reload(read(&pool(&servers(&[&a, &b]))).0).await.expect("a good configuration");
    for expected in ["b", "b", "b"] {
        let (client, name) = socket(&house, "/", "").await;
        assert_eq!(name, expected, "the three before the reload still count");
        live.push((client, name));
    }
    drop(live);
    house.finish().await;
}

#[tokio::test]
async fn a_weight_is_a_share() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let keys = format!(
        "servers = [{{ address = \"{}\", weight = 3 }}, \"{}\"]\nbalance = \"round_robin\"\n",
        a.address(),
        b.address()
    );
    let house = House::with(&pool(&keys)).await;
    let mut client = house.client().await;
    let mut names = Vec::new();
    for _ in 0..12 {
        names.push(client.fetch("/", "").await.1);
    }
    assert_eq!(count(names), BTreeMap::from([("a".to_owned(), 9), ("b".to_owned(), 3)]));
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn the_less_busy_of_two_takes_the_next() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let keys = servers(&[&a, &b]) + "balance = \"random_two\"\n";
    let house = House::with(&pool(&keys)).await;
    let mut live = Vec::new();
    for _ in 0..8 {
        live.push(socket(&house, "/", "").await);
    }
    // With two servers both are drawn every time.
    let counts = count(live.iter().map(|it| it.1.clone()));
    assert_eq!(counts, BTreeMap::from([("a".to_owned(), 4), ("b".to_owned(), 4)]));
    drop(live);
    house.finish().await;
}

#[tokio::test]
async fn the_same_key_gets_the_same_server_from_every_gateway() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let keys = |on: &str| format!("{}balance = \"hash\"\nhash_on = \"{on}\"\n", servers(&[&a, &b]));
    type Asked = fn(usize) -> (String, String);
    let kinds: [(&str, Asked); 3] = [
        ("header:X-User", |at| ("/".to_owned(), format!("X-User: user-{at}\r\n"))),
        ("query:room", |at| (format!("/?EIO=4&room=r{at}"), String::new())),
        ("path", |at| (format!("/rooms/{at}"), String::new())),
    ];
    for (on, request) in kinds {
        let (here, there) =
            (House::with(&pool(&keys(on))).await, House::with(&pool(&keys(on))).await);
        let (mut one, mut other) = (here.client().await, there.client().await);
        let mut names = Vec::new();
        for at in 0..24 {
            let (path, fields) = request(at);
            let name = one.fetch(&path, &fields).await.1;
            assert_eq!(other.fetch(&path, &fields).await.1, name, "{on} {at}");
            let (_, socket) = socket(&there, &path, &fields).await;
            assert_eq!(socket, name, "a socket goes where the requests do: {on} {at}");
            names.push(name);
        }
        assert_eq!(count(names).len(), 2, "both servers are used by {on}");
        drop((one, other));
        here.finish().await;
        there.finish().await;
    }
}

#[tokio::test]
async fn without_the_key_of_the_hash_nobody_is_sent_to_one_server_only() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let keys = servers(&[&a, &b]) + "balance = \"hash\"\nhash_on = \"query:sid\"\n";
    let house = House::with(&pool(&keys)).await;
    let mut live = Vec::new();
    for _ in 0..6 {
        live.push(socket(&house, "/?EIO=4&transport=websocket", "").await);
    }
    let counts = count(live.iter().map(|it| it.1.clone()));
    assert_eq!(counts, BTreeMap::from([("a".to_owned(), 3), ("b".to_owned(), 3)]));
    drop(live);
    house.finish().await;
}

#[tokio::test]
async fn who_comes_without_the_cookie_is_given_one_that_sticks_everywhere() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let keys = servers(&[&a, &b]) + "balance = \"hash\"\nhash_on = \"cookie:wsgate\"\n";
    let (here, there) = (House::with(&pool(&keys)).await, House::with(&pool(&keys)).await);
    let mut names = Vec::new();
    for _ in 0..16 {
        let mut client = here.client().await;
        let (head, name) = client.fetch("/negotiate", "").await;
        let cookie = field(&head, "set-cookie").expect("a cookie");
        assert!(cookie.ends_with("; Path=/; HttpOnly; Secure; SameSite=None"), "{cookie}");
        let pair = cookie.split(';').next().expect("a pair");
        let fields = format!("Cookie: other=1; {pair}\r\n");
        let (head, again) = there.client().await.fetch("/negotiate", &fields).await;
        assert_eq!((again.as_str(), field(&head, "set-cookie")), (name.as_str(), None));
        assert_eq!(socket(&there, "/hub", &fields).await.1, name);
        names.push(name);
    }
    assert_eq!(count(names).len(), 2, "both servers are used");
    // A socket without a cookie before gets it with its 101.
    let mut client = here.client().await;
    let head = client.upgrade("/hub", "").await;
    assert!(field(&head, "set-cookie").is_some_and(|it| it.starts_with("wsgate=")), "{head}");
    drop(client);
    here.finish().await;
    there.finish().await;
}

#[tokio::test]
async fn one_client_address_has_one_server() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let keys = servers(&[&a, &b]) + "balance = \"hash\"\nhash_on = \"client_ip\"\n";
    let house = House::with(&pool(&keys)).await;
    let mut names = Vec::new();
    for host in 1..20 {
        let source = SocketAddr::from(([127, 0, 9, host], 0));
        let mut seen = Vec::new();
        for _ in 0..3 {
            let mut client = Client::tls_from(source, house.address(), HOST).await;
            seen.push(client.fetch("/", "").await.1);
        }
        assert_eq!(count(seen.clone()).len(), 1, "{source}: {seen:?}");
        names.extend(seen.pop());
    }
    assert_eq!(count(names).len(), 2, "both servers are used");
    house.finish().await;
}

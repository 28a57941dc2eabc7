//! Live sockets are listed, found, closed, and let go.

use std::time::{Duration, Instant};

use wsgate::life::{By, Cause, End, Stage};

use super::asking::json;
use super::{house, window};
use crate::house::frames::{CLOSE, TEXT, close_payload, masked};
use crate::house::{Backend, Client, HOST, House, until};

const QUICK: &str =
    "[gateway.drain]\nspread = \"300ms\"\nclose_code = 4012\nclose_reason = \"moved\"\n";

/// Two routes to two named backends.
async fn two(old: &Backend, new: &Backend) -> House {
    let routes = [("/old", "old"), ("/new", "new")]
        .map(|(path, name)| format!("[[sites.routes]]\npath = \"{path}\"\nbackend = \"{name}\"\n"));
    let pools = [("old", old), ("new", new)]
        .map(|(name, it)| format!("[backends.{name}]\nservers = [\"{}\"]\n", it.address()));
    house(QUICK, &(routes.concat() + &pools.concat())).await
}

/// Waits for its Close, answers it, and says what it was.
async fn let_go(mut client: Client) -> (u16, String) {
    let close = client.frame().await.expect("a close").close();
    client.send(masked(CLOSE, close_payload(close.0, ""))).await;
    client.rest().await;
    close
}

#[tokio::test]
async fn live_sockets_are_listed_by_what_they_are() {
    let (old, new) = (Backend::echo().await, Backend::echo().await);
    let house = two(&old, &new).await;
    let to = window(&house);
    let first = house.socket("/old").await;
    let mut second = house.socket("/new?token=secret").await;
    second.send(masked(TEXT, "hello")).await;
    assert_eq!(second.frame().await.expect("the echo").text(), "hello");
    until(|| house.gateway.books().sockets.list(|it| it.down.flow().frames > 0, 9).1 == 1).await;
    for (query, count) in [
        ("", 2),
        ("?backend=old", 1),
        ("?route=%2Fnew", 1),
        ("?route=/new&backend=old", 0),
        ("?client=127.0.", 2),
        ("?client=10.", 0),
        ("?site=game.example.test", 2),
        ("?q=GAME.example", 2),
        ("?q=nobody", 0),
        ("?limit=1&sort=oldest", 2),
    ] {
        let (code, body) = json(&to, "GET", &format!("/api/connections{query}")).await;
        assert_eq!((code, &body["matching"], &body["total"]), (200, &count.into(), &2.into()));
        let shown = body["connections"].as_array().expect("a list").len();
        assert_eq!(shown, if query.contains("limit") { 1 } else { count }, "{query}");
    }
    let (_, body) = json(&to, "GET", "/api/connections?sort=busiest").await;
    let busiest = &body["connections"][0];
    assert_eq!((&busiest["route"], &busiest["host"]), (&"/new".into(), &HOST.into()));
    assert_eq!((&busiest["up"]["messages"], &busiest["up"]["bytes"]), (&1.into(), &11.into()));
    assert_eq!(busiest["down"]["round_trip_ms"], serde_json::Value::Null);
    assert!(!body.to_string().contains("secret"));
    let id = busiest["id"].as_str().expect("text");
    let (_, found) = json(&to, "GET", &format!("/api/connections?id={id}")).await;
    assert_eq!(found["connections"][0]["id"], id);
    drop((first, second));
    house.finish().await;
}

#[tokio::test]
async fn one_is_closed_with_the_code_that_was_asked_for_or_that_of_the_drain() {
    let (old, new) = (Backend::echo().await, Backend::echo().await);
    let house = two(&old, &new).await;
    let to = window(&house);
    let (first, second, mut stays) =
        (house.socket("/old").await, house.socket("/new").await, house.socket("/new").await);
    let (_, body) = json(&to, "GET", "/api/connections?sort=oldest").await;
    let id = |place: usize| body["connections"][place]["id"].as_str().expect("text").to_owned();
    let asked = format!("/api/connections/{}?code=4000&reason=please+come+back", id(0));
    assert_eq!(json(&to, "DELETE", &asked).await, (202, serde_json::json!({ "ordered": 1 })));
    assert_eq!(let_go(first).await, (4000, "please come back".to_owned()));
    assert_eq!(house.end().await, End::new(By::Gateway, Stage::Relay, Cause::Ordered));
    let asked = format!("/api/connections/{}", id(1));
    assert_eq!(json(&to, "DELETE", &asked).await.0, 202);
    assert_eq!(let_go(second).await, (4012, "moved".to_owned()));
    stays.send(masked(TEXT, "still here")).await;
    assert_eq!(stays.frame().await.expect("the echo").text(), "still here");
    until(|| house.metrics().sockets.value() == 1).await;
    assert_eq!(json(&to, "DELETE", &asked).await.0, 404, "it is gone");
    drop(stays);
    house.finish().await;
}

#[tokio::test]
async fn a_backend_is_let_go_spread_over_time_and_the_others_stay() {
    let (old, new) = (Backend::echo().await, Backend::echo().await);
    let house = two(&old, &new).await;
    let to = window(&house);
    let mut leavers = Vec::new();
    for _ in 0..20 {
        leavers.push(house.socket("/old").await);
    }
    let mut stays = house.socket("/new").await;
    let begun = Instant::now();
    let (code, body) = json(&to, "POST", "/api/drain?backend=old&spread=2s&code=1012").await;
    assert_eq!((code, body), (202, serde_json::json!({ "ordered": 20, "spread_s": 2.0 })));
    let waits = leavers.into_iter().map(|it| async move {
        let close = let_go(it).await;
        (close, begun.elapsed())
    });
    let gone = futures_util::future::join_all(waits).await;
    assert!(gone.iter().all(|(close, _)| *close == (1012, String::new())), "{gone:?}");
    let early = gone.iter().filter(|(_, at)| *at < Duration::from_secs(1)).count();
    assert!((1..20).contains(&early), "{early} of 20 in the first half");
    stays.send(masked(TEXT, "still here")).await;
    assert_eq!(stays.frame().await.expect("the echo").text(), "still here");
    let (_, body) = json(&to, "POST", "/api/drain?site=nobody.test").await;
    assert_eq!(body, serde_json::json!({ "ordered": 0, "spread_s": 0.3 }));
    drop(stays);
    house.finish().await;
}

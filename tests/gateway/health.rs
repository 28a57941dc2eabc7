//! Servers that are down: who is tried instead, who is told, and when a server is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wsgate::life::{By, Cause, Fault, Stage, Timer};

use crate::house::backend::say;
use crate::house::{Backend, House, until};
use crate::pools::{pool, servers, socket};

#[tokio::test]
async fn a_dead_server_costs_nobody_an_error_while_another_lives() {
    let (dead, b) = (Backend::nobody().await, Backend::named("b").await);
    for balance in ["least_connections", "round_robin", "random_two"] {
        let keys = format!("{}balance = \"{balance}\"\n", servers(&[&dead, &b]));
        let house = House::with(&pool(&keys)).await;
        let mut live = Vec::new();
        for _ in 0..8 {
            let (client, name) = socket(&house, "/", "").await;
            assert_eq!(name, "b");
            live.push(client);
        }
        let mut client = house.client().await;
        for _ in 0..8 {
            assert_eq!(client.fetch("/", "").await.1, "b");
        }
        let line = house.line().await;
        assert_eq!(line.server, b.address().to_string());
        assert_eq!(house.metrics().ends(Cause::Backend(Fault::Refused)), 0);
        drop((live, client));
        house.finish().await;
    }
}

#[tokio::test]
async fn a_hashed_client_moves_when_its_server_is_down_and_back_when_it_is_up() {
    let (gone, b) = (Backend::nobody().await, Backend::named("b").await);
    let keys = servers(&[&gone, &b]) + "balance = \"hash\"\nhash_on = \"header:X-User\"\n";
    let house = House::with(&pool(&keys)).await;
    let users: Vec<String> = (0..12).map(|at| format!("X-User: u{at}\r\n")).collect();
    for user in &users {
        assert_eq!(socket(&house, "/", user).await.1, "b");
    }
    let _a = Backend::at(gone.address(), |client| say(client, "a")).await;
    let begun = Instant::now();
    let mut back = Vec::new();
    // Within the longest penalty it gets its own clients again.
    while back.is_empty() && begun.elapsed() < Duration::from_secs(15) {
        for user in &users {
            if socket(&house, "/", user).await.1 == "a" {
                back.push(user.clone());
            }
        }
    }
    assert!(!back.is_empty() && begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    for user in &back {
        assert_eq!(socket(&house, "/", user).await.1, "a");
    }
    house.finish().await;
}

#[tokio::test]
async fn a_backup_is_used_only_while_no_other_is_up() {
    let (gone, spare) = (Backend::nobody().await, Backend::named("spare").await);
    let keys = format!(
        "servers = [\"{}\", {{ address = \"{}\", backup = true }}]\n",
        gone.address(),
        spare.address()
    );
    let house = House::with(&pool(&keys)).await;
    assert_eq!(socket(&house, "/", "").await.1, "spare");
    let _first = Backend::at(gone.address(), |client| say(client, "first")).await;
    let begun = Instant::now();
    while socket(&house, "/", "").await.1 == "spare" {
        assert!(begun.elapsed() < Duration::from_secs(12), "it never came back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..5 {
        assert_eq!(socket(&house, "/", "").await.1, "first");
    }
    house.finish().await;
}

#[tokio::test]
async fn when_all_are_dead_it_is_502_with_a_reason() {
    let (a, b) = (Backend::nobody().await, Backend::nobody().await);
    let house = House::with(&pool(&servers(&[&a, &b]))).await;
    let head = house.client().await.upgrade("/", "").await;
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    let end = house.end().await;
    assert_eq!((end.by, end.stage), (By::Backend, Stage::Connect));
    assert_eq!(end.cause, Cause::Backend(Fault::Refused));
    house.finish().await;
}

#[tokio::test]
async fn a_held_handshake_gets_through_when_a_server_comes_up() {
    let gone = Backend::nobody().await;
    let house = House::with(&pool(&(servers(&[&gone]) + "hold = \"20s\"\n"))).await;
    let late = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        Backend::at(gone.address(), |client| say(client, "late")).await
    };
    let begun = Instant::now();
    let many = async {
        let mut names = Vec::new();
        let waiting: Vec<_> = (0..20).map(|_| socket(&house, "/", "")).collect();
        for one in futures_util::future::join_all(waiting).await {
            names.push(one.1);
        }
        names
    };
    let (names, _late) = tokio::join!(many, late);
    assert_eq!(names, ["late"; 20]);
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(690) && took < Duration::from_secs(5), "{took:?}");
    house.finish().await;
}

#[tokio::test]
async fn a_held_handshake_is_503_when_none_comes() {
    let gone = Backend::nobody().await;
    let house = House::with(&pool(&(servers(&[&gone]) + "hold = \"400ms\"\n"))).await;
    let begun = Instant::now();
    let head = house.client().await.upgrade("/", "").await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(begun.elapsed() >= Duration::from_millis(390), "{:?}", begun.elapsed());
    assert_eq!(house.end().await.cause, Cause::Timer(Timer::Hold));
    house.finish().await;
}

/// A server whose health is what the test says.
pub async fn patient(name: &'static str) -> (Backend, Arc<AtomicBool>) {
    let well = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&well);
    let backend = Backend::new(move |mut client| {
        let seen = Arc::clone(&seen);
        async move {
            let head = client.head().await;
            if !head.starts_with("GET /healthz?full=1 HTTP/1.1\r\n") {
                return say(client.after(&head), name).await;
            }
            assert!(head.to_lowercase().contains("\r\nhost: 127.0.0.1:"), "{head}");
            let status = if seen.load(Ordering::SeqCst) { "204 Well" } else { "500 Ill" };
            let _ = client.try_send(format!("HTTP/1.1 {status}\r\n\r\n")).await;
        }
    })
    .await;
    (backend, well)
}

pub const CHECKS: &str = "health = { path = \"/healthz?full=1\", every = \"50ms\", timeout = \"50ms\", \
                      fall = 2, rise = 2 }\n";

#[tokio::test]
async fn a_server_whose_checks_fail_gets_nothing_until_they_succeed_again() {
    let ((a, well), b) = (patient("a").await, Backend::named("b").await);
    let house = House::with(&pool(&(servers(&[&a, &b]) + CHECKS))).await;
    well.store(false, Ordering::SeqCst);
    let mut streak = 0;
    let begun = Instant::now();
    while streak < 10 {
        let (_, name) = socket(&house, "/", "").await;
        streak = if name == "b" { streak + 1 } else { 0 };
        assert!(begun.elapsed() < Duration::from_secs(15), "it still gets sockets");
    }
    well.store(true, Ordering::SeqCst);
    while socket(&house, "/", "").await.1 == "b" {
        assert!(begun.elapsed() < Duration::from_secs(15), "it gets nothing any more");
    }
    house.finish().await;
}

#[tokio::test]
async fn when_no_server_is_well_it_is_503() {
    let (a, well) = patient("a").await;
    let house = House::with(&pool(&(servers(&[&a]) + CHECKS))).await;
    well.store(false, Ordering::SeqCst);
    let before = a.accepted();
    until(|| a.accepted() > before + 3).await;
    let mut client = house.client().await;
    let begun = Instant::now();
    while !client.get("/", "").await.starts_with("HTTP/1.1 503 ") {
        assert!(begun.elapsed() < Duration::from_secs(10), "it is still asked");
        client = house.client().await;
    }
    assert!(house.metrics().ends(Cause::Backend(Fault::NoServer)) > 0);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn an_ordinary_end_or_answer_says_nothing_about_a_server() {
    let a = Backend::answering("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").await;
    let house = House::with(&pool(&(servers(&[&a]) + "hold = \"10s\"\n"))).await;
    for _ in 0..3 {
        let begun = Instant::now();
        let head = house.client().await.upgrade("/", "").await;
        assert!(head.starts_with("HTTP/1.1 503 Busy"), "the backend's own: {head}");
        assert!(begun.elapsed() < Duration::from_secs(5), "nobody is held for that");
    }
    house.finish().await;
}

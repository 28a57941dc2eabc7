//! What is done for pools while they are in use: checks across reloads and by name, and servers that swallow
//! connections.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::health::{CHECKS, patient};
use crate::house::backend::say;
use crate::house::client::field;
use crate::house::log::Log;
use crate::house::{Backend, House, PATIENCE, read, until};
use crate::pools::{pool, servers, socket};

#[tokio::test]
async fn without_checks_nobody_is_down_for_what_they_found_before_the_reload() {
    let (a, well) = patient("a").await;
    let mut house = House::with(&pool(&(servers(&[&a]) + CHECKS))).await;
    well.store(false, Ordering::SeqCst);
    let begun = Instant::now();
    while !house.client().await.get("/", "").await.starts_with("HTTP/1.1 503 ") {
        assert!(begun.elapsed() < PATIENCE, "it is still asked");
    }
    house.gateway.reload(read(&pool(&servers(&[&a]))).0).await.expect("a good configuration");
    assert_eq!(socket(&house, "/", "").await.1, "a");
    house.finish().await;
}

#[tokio::test]
async fn a_pool_that_a_reload_renamed_is_checked_while_a_connection_has_it_and_no_longer() {
    let ((a, a_well), (b, b_well)) = (patient("a").await, patient("b").await);
    let of_both = servers(&[&a, &b]);
    let mut house = House::with(&pool(&(of_both.clone() + CHECKS))).await;
    let mut old = house.client().await;
    let mut turns_to = async |name: &str| {
        let (begun, mut streak) = (Instant::now(), 0);
        while streak < 10 {
            streak = if old.fetch("/", "").await.1 == name { streak + 1 } else { 0 };
            assert!(begun.elapsed() < PATIENCE, "it never turns to {name}");
        }
    };
    a_well.store(false, Ordering::SeqCst);
    turns_to("b").await;
    let renamed = pool(&of_both).replace("pool", "other");
    house.gateway.reload(read(&renamed).0).await.expect("a good configuration");
    b_well.store(false, Ordering::SeqCst);
    a_well.store(true, Ordering::SeqCst);
    turns_to("a").await;
    drop(old);
    let begun = Instant::now();
    loop {
        let before = a.accepted();
        // Several checks long: that nothing comes can only be waited for.
        sleep(Duration::from_millis(500)).await;
        if a.accepted() == before {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "it is checked for nobody");
    }
    house.finish().await;
}

#[tokio::test]
async fn a_check_asks_a_virtual_host_by_its_name() {
    let asked = Arc::new(Mutex::new(None));
    let heard = Arc::clone(&asked);
    let a = Backend::new(move |mut client| {
        let heard = Arc::clone(&heard);
        async move {
            let head = client.head().await;
            *heard.lock().unwrap() = field(&head, "host").map(str::to_owned);
            say(client, "a").await;
        }
    })
    .await;
    let name = format!("localhost:{}", a.address().port());
    let house = House::with(&pool(&format!("servers = [\"{name}\"]\n{CHECKS}"))).await;
    until(|| asked.lock().unwrap().as_ref() == Some(&name)).await;
    house.finish().await;
}

#[tokio::test]
async fn a_name_that_is_not_found_is_said_once_however_often_it_is_looked_up() {
    let log = Log::new();
    let house = House::with(&pool("servers = [\"nobody.invalid:80\"]\nhold = \"1s\"")).await;
    let head = house.client().await.upgrade("/", "").await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert_eq!(log.with("the name cannot be looked up").len(), 1);
    house.finish().await;
}

/// An address where nobody is home, and what keeps it so: its queue is full, and the system drops what
/// comes.
async fn black_hole() -> (SocketAddr, (tokio::net::TcpListener, Vec<TcpStream>)) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let listener = socket.listen(1).expect("it listens");
    let address = listener.local_addr().expect("an address");
    let mut queue = Vec::new();
    while let Ok(waits) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        queue.push(waits.expect("a place in the queue"));
    }
    (address, (listener, queue))
}

#[tokio::test]
async fn a_server_that_swallows_connections_is_noticed_when_clients_do_not_wait_for_it() {
    let ((hole, _queue), b) = (black_hole().await, Backend::named("b").await);
    let keys = format!(
        "servers = [{{ address = \"{hole}\", weight = 100 }}, \"{}\"]\nconnect_timeout = \"60s\"",
        b.address()
    );
    let house = House::with(&pool(&keys)).await;
    let impatient = || timeout(Duration::from_millis(2500), socket(&house, "/", ""));
    assert!(impatient().await.is_err(), "the first goes to the one of more weight");
    house.line().await;
    let mut others = 0;
    for _ in 0..4 {
        others += usize::from(impatient().await.is_ok_and(|it| it.1 == "b"));
    }
    assert!(others > 0, "whoever comes is sent there");
    house.finish().await;
}

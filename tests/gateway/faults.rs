//! What breaks under way: resets at every stage, backends that trickle or flood, a full disk. Each
//! costs its own connection, is noticed in time, and leaves nothing behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use wsgate::life::{By, Cause, Fault, Stage, Timer};

use crate::house::client::{Client, shake, upgrade_fields};
use crate::house::frames::{BINARY, TEXT, bare, masked};
use crate::house::program::Program;
use crate::house::{Backend, HOST, House, certificates, route, until};
use crate::http::mirror;

/// A TLS client whose connection ends with an RST when it is dropped.
async fn abrupt(house: &House) -> Client {
    let config = certificates::client_config(rustls::ALL_VERSIONS);
    let stream = shake(house.address(), HOST, config).await.expect("TLS");
    stream.get_ref().0.set_zero_linger().expect("set");
    Client::on(stream)
}

async fn abrupt_socket(house: &House, path: &str) -> Client {
    let mut client = abrupt(house).await;
    let head = client.upgrade(path, "").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    client
}

#[tokio::test]
async fn a_reset_in_mid_frame_ends_both_sides_at_once() {
    let ended = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ended);
    let backend = Backend::sockets(move |mut client| {
        let count = Arc::clone(&count);
        async move {
            client.rest().await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = abrupt_socket(&house, "/").await;
    client.send(&masked(TEXT, "x".repeat(1000))[..500]).await;
    drop(client);
    let end = house.end().await;
    assert_eq!((end.by, end.stage, end.cause), (By::Client, Stage::Relay, Cause::Reset));
    until(|| ended.load(Ordering::SeqCst) == 1).await;
    house.finish().await;
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_head_or_a_tls_record_leaves_nothing() {
    let backend = mirror().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = abrupt(&house).await;
    client.send("GET / HTTP/1.1\r\nHo").await;
    drop(client);
    // Half a ClientHello.
    let mut tcp = TcpStream::connect(house.address()).await.expect("connected");
    tcp.set_zero_linger().expect("set");
    tcp.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]).await.expect("sent");
    drop(tcp);
    let line = house.line().await;
    assert_eq!(line.end.by, By::Client, "{:?}", line.end);
    // Half a record behind the handshake: a header that announces more than comes.
    let config = certificates::client_config(rustls::ALL_VERSIONS);
    let stream = shake(house.address(), HOST, config).await.expect("TLS");
    let (mut tcp, _) = stream.into_inner();
    tcp.set_zero_linger().expect("set");
    tcp.write_all(&[0x17, 0x03, 0x03, 0x10, 0x00, 1, 2, 3]).await.expect("sent");
    drop(tcp);
    until(|| house.metrics().connections.value() == 0).await;
    assert_eq!(backend.accepted(), 0);
    house.finish().await;
}

#[tokio::test]
async fn a_reset_is_noticed_while_writing_is_blocked_either_way() {
    let backend = Backend::sockets(|mut client| async move {
        // Reads nothing; its own messages come only on the other route.
        client.exactly(4).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let flood = Backend::sockets(|mut client| async move {
        let message = bare(BINARY, vec![1; 16 * 1024]);
        while client.push(&message).await.is_ok() {}
    })
    .await;
    let routes = format!("{}{}", route("/deaf", &backend), route("/flood", &flood));
    let house = House::with_routes(&routes).await;
    for path in ["/flood", "/deaf"] {
        let mut client = abrupt_socket(&house, path).await;
        if path == "/deaf" {
            // More than all buffers on the way can hold.
            let message = masked(BINARY, vec![1; 64 * 1024]);
            let flooding = async { while client.push(&message).await.is_ok() {} };
            let _ = tokio::time::timeout(Duration::from_secs(3), flooding).await;
        } else {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let begun = Instant::now();
        drop(client);
        let end = house.end().await;
        assert!(begun.elapsed() < Duration::from_secs(4), "{path}: after {:?}", begun.elapsed());
        assert_eq!((end.by, end.cause), (By::Client, Cause::Reset), "{path}");
    }
    house.finish().await;
}

#[tokio::test]
async fn a_head_that_trickles_is_a_504_in_the_time_of_the_whole() {
    let backend = Backend::new(|mut client| async move {
        client.head().await;
        for byte in "HTTP/1.1 200 OK\r\n".bytes().chain(std::iter::repeat_n(b'X', 1000)) {
            if client.try_send([byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
    let timeouts =
        "[sites.routes.timeouts]\nresponse = \"1500ms\"\nupgrade_response = \"1500ms\"\n";
    let house = House::with_routes(&format!("{}{timeouts}", route("/", &backend))).await;
    for (fields, timer) in
        [(String::new(), Timer::Response), (upgrade_fields(), Timer::UpgradeResponse)]
    {
        let mut client = house.client().await;
        let head = client.get("/", &fields).await;
        assert!(head.starts_with("HTTP/1.1 504 "), "{head}");
        assert_eq!(house.end().await.cause, Cause::Timer(timer));
    }
    house.finish().await;
}

#[tokio::test]
async fn a_head_of_ten_megabytes_is_a_502_and_is_not_read_to_its_end() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let backend = Backend::new(move |mut client| {
        let count = Arc::clone(&count);
        async move {
            client.head().await;
            client.send("HTTP/1.1 200 OK\r\nX: ").await;
            for _ in 0..10 * 1024 {
                if client.try_send([b'x'; 1024]).await.is_err() {
                    return;
                }
                count.fetch_add(1024, Ordering::SeqCst);
            }
        }
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    for fields in [String::new(), upgrade_fields()] {
        let mut client = house.client().await;
        let head = client.get("/", &fields).await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
        assert_eq!(house.end().await.cause, Cause::Backend(Fault::BadAnswer));
    }
    house.finish().await;
}

#[tokio::test]
async fn a_full_disk_under_the_access_log_holds_nobody_up() {
    let backend = Backend::echo().await;
    let settings = "[log]\naccess = \"/dev/full\"\n";
    let program = Program::start("full", "", settings, &route("/", &backend)).await;
    for number in 0..20 {
        let mut client = program.socket("/").await;
        client.send(masked(TEXT, format!("message {number}"))).await;
        assert_eq!(client.frame().await.expect("an echo").text(), format!("message {number}"));
    }
    program.signal(Signal::TERM);
    let (code, _, errors) = program.end().await;
    assert_eq!(code, Some(0), "{errors}");
}

//! The memory budget: past it nobody new is let in and slow sockets go; everybody else stays.

use std::time::Duration;

use rustix::process::Signal;
use rustls::pki_types::ServerName;
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;

use crate::house::frames::{BINARY, TEXT, bare, masked};
use crate::house::program::{Program, text, write};
use crate::house::{Backend, Client, HOST, certificates, route, soon, until};

const SLOW: usize = 80;
/// The flooding backend does not answer a Close.
const HASTE: &str = "[gateway.timeouts]\nclose = \"1s\"\n";
const MIB: u64 = 1024 * 1024;

/// A backend that says nothing until it is told to, and then more than anybody takes.
async fn flood() -> Backend {
    Backend::sockets(|mut client| async move {
        if client.frame().await.is_some() {
            let frame = bare(BINARY, vec![7; 32 * 1024]);
            let flooding = async { while client.push(&frame).await.is_ok() {} };
            let _ = tokio::time::timeout(Duration::from_secs(60), flooding).await;
        }
    })
    .await
}

/// A socket whose kernel takes little for it: the rest has to wait in the gateway soon.
async fn slow_reader(program: &Program) -> Client {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(8 * 1024).expect("set");
    let tcp = soon(socket.connect(program.address)).await.expect("a connection");
    let config = certificates::client_config(rustls::ALL_VERSIONS);
    let name = ServerName::try_from(HOST).expect("a name");
    let connecting = TlsConnector::from(config).connect(name, tcp);
    let mut client = Client::on(soon(connecting).await.expect("TLS"));
    let head = client.upgrade("/flood", "").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    client.send(masked(TEXT, "go")).await;
    client
}

async fn reload(program: &Program, name: &str, memory: &str, routes: &str) {
    let before = program.errors().matches("reloaded").count();
    write(
        name,
        &text(program.address, &format!("[gateway]\nmemory = \"{memory}\"\n{HASTE}"), routes),
    );
    program.signal(Signal::HUP);
    until(|| program.errors().matches("reloaded").count() > before).await;
}

async fn echoes(client: &mut Client, text: &str) {
    client.send(masked(TEXT, text)).await;
    assert_eq!(client.frame().await.expect("an echo").text(), text);
}

#[tokio::test]
async fn slow_sockets_are_cut_when_memory_is_short_and_the_others_stay() {
    let (flood, echo) = (flood().await, Backend::echo().await);
    let routes = route("/flood", &flood) + &route("/echo", &echo);
    let program = Program::start("memory-slow", "", HASTE, &routes).await;
    let mut well = program.socket("/echo").await;
    // Before the first slow one: freed memory may be enough for what many of them hold besides.
    let budget = program.resident() + MIB;
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        slow.push(slow_reader(&program).await);
    }
    echoes(&mut well, "still here").await;
    reload(&program, "memory-slow", &format!("{budget}B"), &routes).await;
    let cut = || program.output().lines().filter(|it| it.contains("end=refused:memory")).count();
    until(|| cut() > 0).await;
    assert!(program.errors().contains("memory is short"), "{}", program.errors());
    let lines = program.output();
    let line = lines.lines().find(|it| it.contains("end=refused:memory")).expect("counted");
    assert!(line.contains(" socket ") && line.contains("by=gateway stage=relay"), "{line}");
    assert!(line.contains("route=/flood"), "{line}");
    echoes(&mut well, "still here").await;
    assert!(!program.output().contains("route=/echo"), "it has not ended");
    drop((slow, well));
    program.signal(Signal::TERM);
    assert_eq!(program.end().await.0, Some(0));
}

#[tokio::test]
async fn nobody_new_is_let_in_while_memory_is_short() {
    let echo = Backend::echo().await;
    let routes = route("/", &echo);
    let program = Program::start("memory-new", "", "", &routes).await;
    let mut early = program.socket("/").await;
    let mut kept = Client::tls(program.address, HOST).await.expect("TLS");
    let mut many = Vec::new();
    while program.resident() < 17 * MIB {
        many.push(program.socket("/").await);
        assert!(many.len() < 1000, "it takes no memory");
    }
    reload(&program, "memory-new", "16MiB", &routes).await;
    until(|| program.errors().contains("memory is short")).await;
    assert!(Client::tls(program.address, HOST).await.is_err(), "refused before TLS");
    until(|| program.output().contains("stage=accept end=refused:memory")).await;
    let head = kept.upgrade("/", "").await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    echoes(&mut early, "still here").await;
    reload(&program, "memory-new", "off", &routes).await;
    let begun = std::time::Instant::now();
    while Client::tls(program.address, HOST).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it stays closed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop((early, kept, many));
    program.signal(Signal::TERM);
    assert_eq!(program.end().await.0, Some(0));
}

//! The memory budget: past it nobody new is let in and slow sockets go; everybody else stays.

use std::time::{Duration, Instant};

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

/// A socket whose kernel takes little for it: the rest has to wait in the gateway soon. `None` when
/// it is not let in.
async fn slow_reader(program: &Program) -> Option<Client> {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(8 * 1024).expect("set");
    let tcp = soon(socket.connect(program.address)).await.expect("a connection");
    let config = certificates::client_config(rustls::ALL_VERSIONS);
    let name = ServerName::try_from(HOST).expect("a name");
    let connecting = TlsConnector::from(config).connect(name, tcp);
    let mut client = Client::on(soon(connecting).await.ok()?);
    let head = client.upgrade("/flood", "").await;
    if head.starts_with("HTTP/1.1 503 ") {
        return None;
    }
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    client.send(masked(TEXT, "go")).await;
    Some(client)
}

/// As many of them as are let in.
async fn slow_readers(program: &Program) -> Vec<Client> {
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        slow.extend(slow_reader(program).await);
    }
    slow
}

/// Whether somebody new gets in before long.
async fn gets_in(program: &Program) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(15) {
        if let Ok(mut client) = Client::tls(program.address, HOST).await
            && client.upgrade("/echo", "").await.starts_with("HTTP/1.1 101 ")
        {
            echoes(&mut client, "in again").await;
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
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
    let slow = slow_readers(&program).await;
    assert_eq!(slow.len(), SLOW);
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
async fn nobody_new_is_let_in_while_others_hold_too_much_and_everybody_once_they_let_go() {
    let echo = Backend::echo().await;
    let routes = route("/", &echo);
    let program = Program::start("memory-new", "", "", &routes).await;
    let mut early = program.socket("/").await;
    let mut kept = Client::tls(program.address, HOST).await.expect("TLS");
    let before = program.resident();
    let mut many = Vec::new();
    while program.resident() < before + 4 * MIB {
        many.push(program.socket("/").await);
        assert!(many.len() < 1000, "it takes no memory");
    }
    reload(&program, "memory-new", &format!("{}B", before + 2 * MIB), &routes).await;
    until(|| program.errors().contains("memory is short")).await;
    assert!(Client::tls(program.address, HOST).await.is_err(), "refused before TLS");
    until(|| program.output().contains("stage=accept end=refused:memory")).await;
    let head = kept.upgrade("/", "").await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    echoes(&mut early, "still here").await;
    drop(many);
    assert!(gets_in(&program).await, "it stays closed: {}", program.errors());
    echoes(&mut early, "still here").await;
    drop((early, kept));
    program.signal(Signal::TERM);
    assert_eq!(program.end().await.0, Some(0));
}

/// What was freed stays resident, for the allocator keeps it: that is no shortage, however often.
#[tokio::test]
async fn who_took_too_much_and_left_shuts_nobody_out() {
    let (flood, echo) = (flood().await, Backend::echo().await);
    let routes = route("/flood", &flood) + &route("/echo", &echo);
    let program = Program::start("memory-again", "", HASTE, &routes).await;
    assert!(gets_in(&program).await);
    let budget = program.resident() + 3 * MIB;
    let mut after = Vec::new();
    for round in 1..=4 {
        reload(&program, "memory-again", "off", &routes).await;
        let slow = slow_readers(&program).await;
        assert_eq!(slow.len(), SLOW, "round {round}");
        let short = program.errors().matches("memory is short").count();
        reload(&program, "memory-again", &format!("{budget}B"), &routes).await;
        until(|| program.errors().matches("memory is short").count() > short).await;
        drop(slow);
        assert!(gets_in(&program).await, "round {round}: {}", program.errors());
        after.push(program.resident());
    }
    assert!(after[3] < after[0] + MIB, "each crowd leaves more behind: {after:?}");
    drop((flood, echo));
    program.signal(Signal::TERM);
    assert_eq!(program.end().await.0, Some(0));
}

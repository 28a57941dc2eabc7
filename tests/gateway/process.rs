//! The program as its user meets it: exit codes, signals, descriptor limits, its log.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::net::TcpStream;

use crate::house::client::Client;
use crate::house::frames::{CLOSE, TEXT, close_payload, masked, raw};
use crate::house::program::{PROGRAM, Program, free_address, text, write};
use crate::house::{Backend, HOST, PATIENCE, certificates, route, site, soon, until};

/// Runs the program to its end: exit code and everything that it printed.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(PROGRAM).args(arguments).output().expect("started");
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).expect("UTF-8"))
}

#[tokio::test]
async fn exit_codes_say_what_went_wrong() {
    let backend = Backend::echo().await;
    let address = free_address();
    let good = write("good", &text(address, "", &route("/", &backend)));
    let bad = write("bad", &text(address, "[gateway]\nworkerz = 1\n", &route("/", &backend)));
    let (good, bad) = (good.to_str().expect("UTF-8"), bad.to_str().expect("UTF-8"));
    assert_eq!(run(&["--no-such-option"]).0, Some(2));
    for command in [vec!["--config", bad], vec!["run", "--config", bad]] {
        let (code, printed) = run(&command);
        assert_eq!(code, Some(64), "{printed}");
        assert!(printed.contains("bad.toml:2:1") && printed.contains("workers"), "{printed}");
    }
    let (code, printed) = run(&["run", "--config", "/nowhere/gateway.toml"]);
    assert!(code == Some(64) && printed.contains("/nowhere/gateway.toml"), "{code:?} {printed}");
    assert_eq!(run(&["check", "--config", good]).0, Some(0));
    assert_eq!(run(&["check", "--config", bad]).0, Some(1));
    let _taken = std::net::TcpListener::bind(address).expect("free");
    let (code, printed) = run(&["run", "--config", good]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains(&format!("cannot listen on {address}")), "{printed}");
}

#[tokio::test]
async fn an_access_log_that_cannot_be_made_is_named_before_and_at_the_start() {
    let backend = Backend::echo().await;
    let log = "[log]\naccess = \"/nonexistent/x.log\"\n";
    let file = write("no-log", &text(free_address(), log, &route("/", &backend)));
    let file = file.to_str().expect("UTF-8");
    let (code, printed) = run(&["check", "--config", file]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("there is no folder `/nonexistent`"), "{printed}");
    let (code, printed) = run(&["run", "--config", file]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("the access log `/nonexistent/x.log` cannot be opened"), "{printed}");
    let starting = printed.lines().find(|it| it.contains("starting")).expect("a line");
    assert!(!starting.contains("Some("), "{starting}");
}

#[tokio::test]
async fn sigterm_drains_and_every_socket_has_its_line() {
    let backend = Backend::echo().await;
    let drain = "[gateway.drain]\nspread = \"200ms\"\n[log]\nformat = \"json\"\n";
    let program = Program::start("drain", "", drain, &route("/", &backend)).await;
    let mut client = program.socket("/?token=secret").await;
    client.send(masked(TEXT, "hello")).await;
    assert_eq!(client.frame().await.expect("the echo").text(), "hello");
    program.signal(Signal::TERM);
    let close = client.frame().await.expect("a close").close();
    assert_eq!(close, (1012, "service restart".to_owned()));
    client.send(masked(CLOSE, close_payload(1012, ""))).await;
    client.rest().await;
    let (code, out, err) = program.end().await;
    assert_eq!(code, Some(0), "{err}");
    let line = out.lines().find(|it| it.contains("\"socket\"")).expect("a line");
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    assert_eq!((&line["end"], &line["path"]), (&"drained".into(), &"/?token=***".into()));
    assert!(!out.contains("secret"));
}

#[tokio::test]
async fn a_second_signal_stops_at_once_and_is_written_down() {
    let backend = Backend::echo().await;
    let drain = "[gateway.drain]\ntimeout = \"60s\"\nspread = \"60s\"\n";
    let program = Program::start("second", "", drain, &route("/", &backend)).await;
    let mut client = program.socket("/").await;
    // Half a frame: no Close can be put in, and the drain would wait.
    client.send(&raw(0x82, &[0; 1000], Some([1; 4]))[..100]).await;
    let begun = Instant::now();
    program.signal(Signal::TERM);
    tokio::time::sleep(Duration::from_millis(200)).await;
    program.signal(Signal::INT);
    let (code, out, err) = program.end().await;
    assert_eq!(code, Some(0), "{err}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(out.contains("by=gateway stage=relay end=stopped"), "{out}");
}

#[tokio::test]
async fn sighup_takes_a_good_file_and_refuses_a_bad_one() {
    let backend = Backend::echo().await;
    let program = Program::start("reload", "", "", &route("/old", &backend)).await;
    let mut live = program.socket("/old").await;
    let reload = |routes: &str| {
        std::fs::write(&program.config, text(program.address, "", routes)).expect("written");
        program.signal(Signal::HUP);
    };
    reload(&route("/new", &backend));
    let begun = Instant::now();
    loop {
        let mut client = Client::tls(program.address, HOST).await.expect("TLS");
        if client.upgrade("/new", "").await.starts_with("HTTP/1.1 101 ") {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "the new route is not served");
    }
    reload("nonsense = 1\n");
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(program.socket("/new").await);
    live.send(masked(TEXT, "still here")).await;
    assert_eq!(live.frame().await.expect("the echo").text(), "still here");
    drop(live);
    program.signal(Signal::TERM);
    let (code, _, err) = program.end().await;
    assert_eq!(code, Some(0));
    assert!(err.contains("reloaded"), "{err}");
    assert!(err.contains("the reload is refused, nothing has changed"), "{err}");
}

#[tokio::test]
async fn a_start_and_a_reload_name_every_file_that_is_no_use_at_its_place() {
    let backend = Backend::echo().await;
    let program = Program::start("files", "", "", &route("/", &backend)).await;
    let (stolen, short) = (certificates::of("other.example.test").1, write("short.key", "short"));
    let keys = format!("[gateway]\nticket_keys = [\"{}\"]\n", short.display());
    let more = site("more.example.test") + &route("/", &backend);
    let bad = text(program.address, &keys, &(route("/", &backend) + &more));
    let bad = bad
        .replace(&certificates::of(HOST).1, &stolen)
        .replace(&certificates::of("more.example.test").0, "/nowhere/more.crt");
    let wanted = [
        "is no use as a ticket key: it needs 32 to 4096 random bytes",
        "ticket_keys = [",
        "this is not the key of the certificate",
        "private_key = ",
        "`/nowhere/more.crt` is no use",
        "certificate = \"/nowhere/more.crt\"",
        "3 errors",
    ];
    std::fs::write(&program.config, &bad).expect("written");
    program.signal(Signal::HUP);
    until(|| program.errors().contains("the reload is refused, nothing has changed")).await;
    for part in wanted {
        assert!(program.errors().contains(part), "{part}: {}", program.errors());
    }
    drop(program.socket("/").await);
    program.signal(Signal::TERM);
    assert_eq!(program.end().await.0, Some(0));
    let again = write("files-start", &bad);
    let (code, printed) = run(&["run", "--config", again.to_str().expect("UTF-8")]);
    assert_eq!(code, Some(64), "{printed}");
    assert!(wanted.iter().all(|it| printed.contains(it)), "{printed}");
}

#[tokio::test]
async fn without_descriptors_it_waits_and_comes_back() {
    let backend = Backend::echo().await;
    // The soft limit is raised to the hard one; beyond that there is nothing to give.
    let limits = "ulimit -Sn 32; ulimit -Hn 64;";
    let program = Program::start("emfile", limits, "", &route("/", &backend)).await;
    let mut open = Vec::new();
    for _ in 0..80 {
        open.push(TcpStream::connect(program.address).await.expect("the kernel queues it"));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(open);
    let socket = soon(program.socket("/")).await;
    drop(socket);
    program.signal(Signal::TERM);
    let (code, out, err) = program.end().await;
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("cannot accept; trying again after a pause"), "{err}");
    let accepted = out.lines().filter(|it| it.contains("connection ")).count();
    assert!(accepted >= 33, "only {accepted}: the soft limit was not raised");
}

//! How the gateway leaves: by the rules that hold then, politely at the first signal, and whatever
//! becomes of those who read its logs.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::Signal;
use tokio::sync::Notify;

use crate::handover::{first, processes, terminate};
use crate::house::frames::{CLOSE, TEXT, close_payload, masked, raw};
use crate::house::http2::Good;
use crate::house::program::{PROGRAM, Program, free_address, text, write};
use crate::house::{
    Backend, Client, HOST, House, certificates, https_listener, read, route, site, soon, until,
};
use crate::http2::stream::{Socket, echo, switch};

/// The drain that was configured when the sockets came.
const SLOW: &str = "timeout = \"60s\"\nspread = \"60s\"\nclose_code = 4000\n";

/// What a reload makes of it.
const SOON: &str =
    "timeout = \"10s\"\nspread = \"200ms\"\nclose_code = 4321\nclose_reason = \"moved\"\n";

/// A drain in which who cannot be closed has a minute.
const PATIENT: &str = "[gateway.drain]\ntimeout = \"60s\"\nspread = \"500ms\"\n\
                       [gateway.timeouts]\nclose = \"60s\"\n";

/// A backend that switches when it is allowed to.
async fn late(gate: &Arc<Notify>) -> Backend {
    let gate = Arc::clone(gate);
    Backend::new(move |mut client| {
        let gate = Arc::clone(&gate);
        async move {
            let head = client.head().await;
            gate.notified().await;
            switch(&mut client, &head, "").await;
            client.rest().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_drain_lets_everybody_go_by_the_rules_that_hold_when_it_begins() {
    let gate = Arc::new(Notify::new());
    let (backend, slow) = (echo("").await, late(&gate).await);
    let text = |drain: &str| {
        let gateway = format!("[gateway]\nhttp2_websocket = true\n[gateway.drain]\n{drain}");
        let routes = route("/late", &slow) + &route("/", &backend);
        format!("{gateway}{}{}{routes}", https_listener(), site(HOST))
    };
    let mut house = House::with(&text(SLOW)).await;
    let address = house.address();
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(house.socket("/").await);
    }
    let mut second = Good::new(address).await;
    let mut stream = Socket::open(&mut second, "/").await;
    let mut client = house.client().await;
    let coming = tokio::spawn(async move {
        let head = client.upgrade("/late", "").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client
    });
    until(|| slow.accepted() == 1).await;
    house.gateway.reload(read(&text(SOON)).0).await.expect("a good configuration");
    let stopping = tokio::spawn(house.gateway.stop(std::future::pending()));
    until(|| std::net::TcpStream::connect(address).is_err()).await;
    gate.notify_one();
    clients.push(soon(coming).await.expect("it came"));
    let moved = (4321, "moved".to_owned());
    for client in &mut clients {
        assert_eq!(client.frame().await.expect("a close").close(), moved);
        client.send(masked(CLOSE, close_payload(4321, ""))).await;
    }
    assert_eq!(stream.frame().await.expect("a close").close(), moved);
    stream.send(masked(CLOSE, close_payload(4321, "")));
    while stream.frame().await.is_some() {}
    drop((second, stream, clients));
    assert_eq!(soon(stopping).await.expect("no panic"), 0, "nothing had to be cut");
}

#[tokio::test]
async fn the_program_that_is_at_its_path_now_is_found_through_links() {
    let backend = Backend::echo().await;
    let folder = Path::new(certificates::folder()).join("versions");
    for version in ["v1", "v2"] {
        std::fs::create_dir_all(folder.join(version)).expect("a folder");
    }
    symlink(PROGRAM, folder.join("v1/wsgate")).expect("a link");
    let newer = format!("#!/bin/sh\ntouch {0}/started\nexec {PROGRAM} \"$@\"\n", folder.display());
    write_program(&folder.join("v2/wsgate"), &newer);
    symlink("v1", folder.join("current")).expect("a link");
    let before = called("versions", &folder.join("current/wsgate"));
    let program = Program::start("versions", &before, "", &route("/", &backend)).await;
    symlink("v2", folder.join("next")).expect("a link");
    std::fs::rename(folder.join("next"), folder.join("current")).expect("replaced");
    program.signal(Signal::USR2);
    let config = program.config.clone();
    let (code, _, err) = program.end().await;
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("the new process has taken over"), "{err}");
    assert!(folder.join("started").exists(), "the link leads to the second version: {err}");
    processes(&config).into_iter().for_each(terminate);
    until(|| processes(&config).is_empty()).await;
}

/// A shell's words that start the program of a test by another path than its own.
fn called(name: &str, path: &Path) -> String {
    let config = Path::new(certificates::folder()).join(format!("{name}.toml"));
    format!("exec {} run --config {};", path.display(), config.display())
}

fn write_program(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, Permissions::from_mode(0o755)).expect("a program");
}

/// A socket that no Close can be put into: half a frame is on its way. So its drain lasts.
async fn lasting(program: &Program) -> Client {
    let mut client = program.socket("/").await;
    client.send(&raw(0x82, &[0; 1000], Some([1; 4]))[..100]).await;
    client
}

#[tokio::test]
async fn one_signal_to_stop_is_a_drain_also_while_a_new_program_starts() {
    let backend = Backend::echo().await;
    let folder = Path::new(certificates::folder()).join("starting");
    std::fs::create_dir_all(&folder).expect("a folder");
    symlink(PROGRAM, folder.join("wsgate")).expect("a link");
    let before = called("starting", &folder.join("wsgate"));
    let drain = "[gateway.drain]\nspread = \"200ms\"\n";
    let program = Program::start("starting", &before, drain, &route("/", &backend)).await;
    let mut client = program.socket("/").await;
    let pid = folder.join("pid");
    let endless =
        format!("#!/bin/sh\necho $$ >{0}.new; mv {0}.new {0}\nexec sleep 60\n", pid.display());
    std::fs::remove_file(folder.join("wsgate")).expect("removed");
    write_program(&folder.join("wsgate"), &endless);
    program.signal(Signal::USR2);
    until(|| pid.exists()).await;
    program.signal(Signal::TERM);
    let close = client.frame().await.expect("a close").close();
    assert_eq!(close, (1012, "service restart".to_owned()));
    client.send(masked(CLOSE, close_payload(1012, ""))).await;
    drop(client);
    let (code, out, err) = program.end().await;
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("end=drained"), "{out}");
    let new = std::fs::read_to_string(pid).expect("its process id");
    assert!(!Path::new("/proc").join(new.trim()).exists(), "the new program is left: {err}");
}

#[tokio::test]
async fn one_signal_to_stop_does_not_cut_what_drains_behind_an_upgrade_and_the_next_one_does() {
    let backend = Backend::echo().await;
    let program = Program::start("behind", "", PATIENT, &route("/", &backend)).await;
    let mut polite = program.socket("/").await;
    let _lasting = lasting(&program).await;
    program.signal(Signal::USR2);
    until(|| program.errors().contains("the new process has taken over")).await;
    program.signal(Signal::TERM);
    assert_eq!(polite.frame().await.expect("a close").close().0, 1012);
    polite.send(masked(CLOSE, close_payload(1012, ""))).await;
    drop(polite);
    until(|| program.output().contains("end=drained")).await;
    program.signal(Signal::TERM);
    let config = program.config.clone();
    let (code, _, err) = program.end().await;
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("stopped cut=1"), "the second one cuts: {err}");
    processes(&config).into_iter().for_each(terminate);
    until(|| processes(&config).is_empty()).await;
}

#[tokio::test]
async fn who_took_over_ends_after_the_process_that_still_drains_behind_it() {
    let backend = Backend::echo().await;
    let program = Program::start("after", "", PATIENT, &route("/", &backend)).await;
    let lasting = lasting(&program).await;
    let old = processes(&program.config);
    program.signal(Signal::USR2);
    until(|| program.errors().contains("the new process has taken over")).await;
    let both = processes(&program.config);
    assert!(both.len() == 2 && both.is_superset(&old), "{old:?} {both:?}");
    both.difference(&old).copied().for_each(terminate);
    until(|| program.errors().contains("the process before this one still drains")).await;
    assert_eq!(processes(&program.config), both, "neither ends before the other");
    drop(lasting);
    let config = program.config.clone();
    assert_eq!(program.end().await.0, Some(0));
    until(|| processes(&config).is_empty()).await;
}

#[tokio::test]
async fn the_access_log_is_reopened_during_a_drain() {
    let backend = Backend::echo().await;
    let log = Path::new(certificates::folder()).join("rotated.log");
    let settings = format!("[log]\naccess = \"{}\"\n{PATIENT}", log.display());
    let program = Program::start("rotated", "", &settings, &route("/", &backend)).await;
    let lasting = lasting(&program).await;
    program.signal(Signal::TERM);
    until(|| program.errors().contains("draining; ")).await;
    std::fs::rename(&log, log.with_extension("1")).expect("rotated");
    program.signal(Signal::USR1);
    until(|| log.exists()).await;
    drop(lasting);
    assert_eq!(program.end().await.0, Some(0));
    let lines = std::fs::read_to_string(&log).expect("the new file");
    assert!(lines.contains(" socket "), "the line is in the new file: {lines:?}");
}

/// The end of a pipe that is full, and that nobody reads as long as the other end is kept.
fn stalled() -> (std::io::PipeReader, Stdio) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    fcntl_setfl(&writer, OFlags::NONBLOCK).expect("set");
    for piece in [&[b' '; 4096][..], b" "] {
        while writer.write(piece).is_ok() {}
    }
    fcntl_setfl(&writer, OFlags::empty()).expect("set");
    (reader, writer.into())
}

#[tokio::test]
async fn pipes_that_nobody_reads_hold_up_neither_sockets_nor_the_end() {
    let backend = Backend::echo().await;
    let address = free_address();
    let settings = "[log]\nlevel = \"debug\"\n[gateway.drain]\nspread = \"0s\"\n";
    let config = write("stalled", &text(address, settings, &route("/", &backend)));
    let ((_out, stdout), (_err, stderr)) = (stalled(), stalled());
    let program = Program::launch_into("stalled", "", (config, address), Some([stdout, stderr]));
    let mut client = first(&program).await;
    assert!(soon(client.upgrade("/", "")).await.starts_with("HTTP/1.1 101 "));
    client.send(masked(TEXT, "hello")).await;
    assert_eq!(soon(client.frame()).await.expect("the echo").text(), "hello");
    program.signal(Signal::TERM);
    assert_eq!(soon(client.frame()).await.expect("a close").close().0, 1012);
    drop(client);
    assert_eq!(program.end().await.0, Some(0));
}

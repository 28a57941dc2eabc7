//! A new process on the same sockets: SIGUSR2, and sockets that systemd listens on.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

use crate::house::frames::{CLOSE, TEXT, close_payload, masked};
use crate::house::program::{Program, free_address, text, write};
use crate::house::{Backend, Client, HOST, PATIENCE, certificates, route, until};

const QUICK: &str = "[gateway.drain]\nspread = \"200ms\"\n";

/// Every process that runs with this configuration file.
fn processes(config: &Path) -> BTreeSet<i32> {
    let config = config.to_str().expect("UTF-8");
    let entries = std::fs::read_dir("/proc").expect("there").flatten();
    let pids = entries.filter_map(|it| it.file_name().to_str()?.parse::<i32>().ok());
    let has = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|it| *it == 0);
        words.next().is_some_and(|it| it.ends_with(b"wsgate"))
            && words.any(|it| it == config.as_bytes())
    };
    pids.filter(has).collect()
}

fn terminate(pid: i32) {
    let pid = Pid::from_raw(pid).expect("not zero");
    kill_process(pid, Signal::TERM).expect("it lives");
}

/// Sockets that come one after another until they are told to stop; how many came.
async fn newcomers(address: SocketAddr, stop: Arc<AtomicBool>, came: Arc<AtomicUsize>) {
    while !stop.load(Ordering::SeqCst) {
        let mut client = Client::tls(address, HOST).await.expect("nobody is refused or reset");
        let head = client.upgrade("/", "").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head:?}");
        came.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn sigusr2_lets_a_new_process_go_on_and_refuses_nobody() {
    let backend = Backend::echo().await;
    let program = Program::start("handover", "", QUICK, &route("/", &backend)).await;
    let (stop, came) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..4)
        .map(|_| tokio::spawn(newcomers(program.address, Arc::clone(&stop), Arc::clone(&came))))
        .collect();
    let mut live = program.socket("/").await;
    let old = processes(&program.config);
    assert_eq!(old.len(), 1);
    program.signal(Signal::USR2);
    let close = live.frame().await.expect("a close").close();
    assert_eq!(close, (1012, "service restart".to_owned()), "the old process drains");
    live.send(masked(CLOSE, close_payload(1012, ""))).await;
    until(|| !processes(&program.config).is_superset(&old)).await;
    let new = processes(&program.config);
    assert!(new.len() == 1 && new.is_disjoint(&old), "{old:?} {new:?}");
    let before = came.load(Ordering::SeqCst);
    until(|| came.load(Ordering::SeqCst) > before + 20).await;
    stop.store(true, Ordering::SeqCst);
    for one in load {
        one.await.expect("nobody was refused");
    }
    let mut socket = program.socket("/").await;
    socket.send(masked(TEXT, "hello")).await;
    assert_eq!(socket.frame().await.expect("the echo").text(), "hello");
    let config = program.config.clone();
    let (code, _, err) = program.end().await;
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("the new process has taken over"), "{err}");
    new.iter().copied().for_each(terminate);
    until(|| processes(&config).is_empty()).await;
}

#[tokio::test]
async fn when_the_new_process_fails_the_old_one_goes_on() {
    let backend = Backend::echo().await;
    let program = Program::start("nohandover", "", QUICK, &route("/", &backend)).await;
    let mut live = program.socket("/").await;
    let good = std::fs::read_to_string(&program.config).expect("readable");
    std::fs::write(&program.config, "nonsense = 1\n").expect("written");
    program.signal(Signal::USR2);
    until(|| program.errors().contains("did not take over, this one goes on")).await;
    assert!(program.errors().contains("exit status: 64"), "{}", program.errors());
    live.send(masked(TEXT, "still here")).await;
    assert_eq!(live.frame().await.expect("the echo").text(), "still here");
    drop(program.socket("/").await);
    // Mended, it succeeds.
    std::fs::write(&program.config, good).expect("written");
    program.signal(Signal::USR2);
    assert_eq!(live.frame().await.expect("a close").close().0, 1012);
    drop(live);
    until(|| program.errors().contains("the new process has taken over")).await;
    let config = program.config.clone();
    assert_eq!(program.end().await.0, Some(0));
    processes(&config).into_iter().for_each(terminate);
    until(|| processes(&config).is_empty()).await;
}

#[tokio::test]
async fn a_listener_that_the_new_configuration_lacks_is_closed_with_the_old_process() {
    let backend = Backend::echo().await;
    let (gone, file) = (free_address(), format!("{}/gone.sock", certificates::folder()));
    let more = format!(
        "[[listeners]]\naddress = \"{gone}\"\nprotocol = \"http\"\n\
         [[listeners]]\naddress = \"unix:{file}\"\nprotocol = \"http\"\n"
    );
    let both = route("/", &backend) + &more;
    let program = Program::start("fewer", "", QUICK, &both).await;
    assert!(std::net::TcpStream::connect(gone).is_ok() && Path::new(&file).exists());
    let fewer = text(program.address, QUICK, &route("/", &backend));
    std::fs::write(&program.config, fewer).expect("written");
    program.signal(Signal::USR2);
    until(|| program.errors().contains("the new process has taken over")).await;
    let config = program.config.clone();
    drop(first(&program).await);
    assert_eq!(program.end().await.0, Some(0));
    let refused = std::net::TcpStream::connect(gone).expect_err("nobody listens");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(!Path::new(&file).exists());
    processes(&config).into_iter().for_each(terminate);
    until(|| processes(&config).is_empty()).await;
}

/// A socket that listens, kept here as systemd would, and what has a shell give it to a program.
fn activated() -> (std::net::TcpListener, String) {
    let ([listener], before) = activated_as(["https"]);
    (listener, before)
}

/// The same with several, by their names.
fn activated_as<const N: usize>(names: [&str; N]) -> ([std::net::TcpListener; N], String) {
    let listeners = names.map(|_| {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        fcntl_setfd(&listener, FdFlags::empty()).expect("inherited");
        listener
    });
    // As systemd does: descriptors from 3 on listen already, and the environment says so.
    let before = format!(
        "exec python3 -c 'import fcntl, os, sys\n\
         kept = [fcntl.fcntl(it, fcntl.F_DUPFD, 100) for it in {:?}]\n\
         [os.dup2(it, 3 + place) for place, it in enumerate(kept)]\n\
         os.environ.update(LISTEN_FDS=\"{N}\", LISTEN_FDNAMES=\"{}\", LISTEN_PID=str(os.getpid()))\n\
         os.execvp(sys.argv[2], sys.argv[2:])'",
        listeners.each_ref().map(AsRawFd::as_raw_fd),
        names.join(":")
    );
    (listeners, before)
}

/// The first client whom a program has an answer for.
async fn first(program: &Program) -> Client {
    let begun = Instant::now();
    loop {
        if let Ok(Ok(client)) = timeout(PATIENCE, Client::tls(program.address, HOST)).await {
            return client;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", program.errors());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn who_comes_between_two_processes_on_systemds_socket_waits_for_the_next() {
    let backend = Backend::echo().await;
    let (listener, before) = activated();
    let address = listener.local_addr().expect("bound");
    let text = text(address, QUICK, &route("/", &backend));
    let config = write("between", &text.replace(&address.to_string(), "systemd:https"));
    let program = Program::launch("between", &before, config.clone(), address);
    let mut live = first(&program).await;
    assert!(live.upgrade("/", "").await.starts_with("HTTP/1.1 101 "));
    let mut late = Client::tls(address, HOST).await.expect("TLS");
    program.signal(Signal::TERM);
    until(|| program.errors().contains("no longer listening")).await;
    let waiting = tokio::spawn(Client::tls(address, HOST));
    assert!(late.upgrade("/", "").await.starts_with("HTTP/1.1 101 "), "it was here before");
    for mut client in [live, late] {
        assert_eq!(client.frame().await.expect("a close").close().0, 1012);
        client.send(masked(CLOSE, close_payload(1012, ""))).await;
    }
    assert_eq!(program.end().await.0, Some(0));
    assert!(!waiting.is_finished(), "neither answered nor refused");
    let next = Program::launch("between2", &before, config, address);
    let waited = timeout(PATIENCE, waiting).await.expect("in time");
    let mut client = waited.expect("no panic").expect("TLS with the next process");
    assert!(client.upgrade("/", "").await.starts_with("HTTP/1.1 101 "));
    drop(client);
    next.signal(Signal::TERM);
    assert_eq!(next.end().await.0, Some(0));
}

#[tokio::test]
async fn sockets_of_systemd_are_taken_by_their_name() {
    let backend = Backend::echo().await;
    let (listener, before) = activated();
    let address = listener.local_addr().expect("bound");
    let text = text(address, "", &route("/", &backend));
    let config = write("activated", &text.replace(&address.to_string(), "systemd:https"));
    let program = Program::launch("activated", &before, config, address);
    let mut client = first(&program).await;
    assert!(client.upgrade("/", "").await.starts_with("HTTP/1.1 101 "));
    program.signal(Signal::TERM);
    assert_eq!(client.frame().await.expect("a close").close().0, 1012);
    drop(client);
    assert_eq!(program.end().await.0, Some(0));
    // Without systemd the same file is refused, and says what is missing.
    let config = write("activated", &text.replace(&address.to_string(), "systemd:https"));
    let (code, _, err) = Program::launch("activated", "", config, address).end().await;
    assert_eq!(code, Some(1));
    assert!(err.contains("FileDescriptorName=https"), "{err}");
}

#[tokio::test]
async fn a_socket_of_systemd_that_nobody_asks_for_goes_on_to_the_next_process() {
    let backend = Backend::echo().await;
    let ([https, http], before) = activated_as(["https", "http"]);
    let (address, later) = (https.local_addr().expect("bound"), http.local_addr().expect("bound"));
    let one = text(address, QUICK, &route("/", &backend));
    let one = one.replace(&address.to_string(), "systemd:https");
    let program = Program::launch("passed", &before, write("passed", &one), address);
    drop(first(&program).await);
    drop((https, http));
    program.signal(Signal::USR2);
    until(|| program.errors().contains("the new process has taken over")).await;
    let both = format!("{one}[[listeners]]\naddress = \"systemd:http\"\nprotocol = \"http\"\n");
    std::fs::write(&program.config, both).expect("written");
    let config = program.config.clone();
    let ended = |it: &Program| it.errors().contains("stopped");
    until(|| ended(&program)).await;
    let heirs = processes(&config);
    for pid in &heirs {
        kill_process(Pid::from_raw(*pid).expect("not zero"), Signal::HUP).expect("it lives");
    }
    let mut client = Client::tcp(later).await.expect("it listens");
    assert!(client.upgrade("/", "").await.starts_with("HTTP/1.1 101 "), "{}", program.errors());
    drop(client);
    heirs.into_iter().for_each(terminate);
    until(|| processes(&config).is_empty()).await;
}

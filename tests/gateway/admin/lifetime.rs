//! The listener stays while the gateway drains, moves with a reload, and goes with the process.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use wsgate::config::model::ListenAddress;

use super::asking::{HERE, ask, code, json};
use super::metrics::value;
use super::{house, text, window};
use crate::house::program::{Program, free_address, write};
use crate::house::{Backend, Client, HOST, House, PATIENCE, certificates, read, route, until};

#[tokio::test]
async fn readiness_ends_with_the_drain_and_the_rest_stays() {
    let backend = Backend::echo().await;
    let admin = free_address();
    let drain = "[gateway.drain]\nspread = \"1ms\"\ntimeout = \"60s\"\n";
    let config = text(&admin.to_string(), drain, &route("/", &backend));
    let address = free_address();
    let config = config.replace("127.0.0.1:0", &address.to_string());
    let program = Program::launch("readiness", "", write("readiness", &config), address);
    let to = ListenAddress::Tcp(admin);
    until(|| std::net::TcpStream::connect(admin).is_ok()).await;
    assert_eq!(code(&ask(&to, "GET", "/readyz", HERE).await.0), 200);
    let mut client = program.socket("/").await;
    program.signal(Signal::TERM);
    client.frame().await.expect("a close");
    let (status, body) = json(&to, "GET", "/readyz").await;
    assert!(status == 503 && body["error"].as_str().is_some_and(|it| it.contains("draining")));
    assert_eq!(code(&ask(&to, "GET", "/healthz", HERE).await.0), 200, "it lives");
    let (_, status) = json(&to, "GET", "/api/status").await;
    let drain = &status["drain"];
    assert_eq!((&drain["phase"], &drain["connections_left"]), (&"draining".into(), &1.into()));
    assert_eq!(drain["connections_at_start"], 1);
    assert!(drain["since"].is_string() && drain["cut_at"].is_string(), "{drain}");
    drop(client);
    let (code, _, err) = program.end().await;
    assert_eq!(code, Some(0), "an admin connection holds nothing up: {err}");
}

#[tokio::test]
async fn a_reload_moves_it_and_a_taken_address_changes_nothing() {
    let backend = Backend::echo().await;
    let mut house = house("", &route("/", &backend)).await;
    let old = window(&house);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().map(|it| (it, taken)).expect("an address");
    let text = |listen: &str| text(listen, "", &route("/", &backend));
    let refused = house.gateway.reload(read(&text(&taken.0.to_string())).0).await;
    let words = refused.expect_err("somebody is there").to_string();
    assert!(words.contains("[admin] listen") && words.contains(&taken.0.to_string()), "{words}");
    assert_eq!(code(&ask(&old, "GET", "/healthz", HERE).await.0), 200, "it stays where it was");
    let next = free_address();
    house.gateway.reload(read(&text(&next.to_string())).0).await.expect("a free port");
    assert_eq!(code(&ask(&ListenAddress::Tcp(next), "GET", "/healthz", HERE).await.0), 200);
    let ListenAddress::Tcp(before) = old else { panic!("not TCP") };
    until(|| std::net::TcpStream::connect(before).is_err()).await;
    house.gateway.reload(read(&text("off")).0).await.expect("nothing to bind");
    until(|| std::net::TcpStream::connect(next).is_err()).await;
    house.finish().await;
}

#[tokio::test]
async fn the_limit_that_is_shown_is_the_one_that_holds() {
    let backend = Backend::echo().await;
    let text = |most: u32| {
        let settings = format!("[gateway]\nmax_connections = {most}\n");
        text("127.0.0.1:0", &settings, &route("/", &backend))
    };
    let mut house = House::with(&text(1000)).await;
    let fixed = house.gateway.reload(read(&text(500)).0).await.expect("a good configuration");
    assert_eq!(fixed, ["gateway.max_connections"]);
    let to = window(&house);
    let (_, status) = json(&to, "GET", "/api/status").await;
    assert_eq!(status["connections"]["most"], 1000);
    let (_, metrics) = ask(&to, "GET", "/metrics", HERE).await;
    assert_eq!(value(&metrics, "wsgate_connections_limit"), Some(1000.0));
    house.finish().await;
}

#[tokio::test]
async fn a_taken_address_keeps_the_program_from_starting_and_is_named() {
    let backend = Backend::echo().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = taken.local_addr().expect("an address");
    let config = text(&at.to_string(), "", &route("/", &backend));
    let address = free_address();
    let config = config.replace("127.0.0.1:0", &address.to_string());
    let program = Program::launch("admin-taken", "", write("admin-taken", &config), address);
    let (code, _, err) = program.end().await;
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains(&format!("[admin] listen: cannot listen on {at}")), "{err}");
    assert!(err.contains("off"), "{err}");
    drop(taken);
}

#[tokio::test]
async fn what_became_of_a_reload_is_told() {
    let backend = Backend::echo().await;
    let admin = free_address();
    let config = text(&admin.to_string(), "", &route("/", &backend));
    let address = free_address();
    let config = config.replace("127.0.0.1:0", &address.to_string());
    let file = write("reloads", &config);
    let program = Program::launch("reloads", "", file.clone(), address);
    let to = ListenAddress::Tcp(admin);
    until(|| std::net::TcpStream::connect(admin).is_ok()).await;
    for (text, expected, successful) in [
        (format!("[gateway]\nworkerz = 1\n{config}"), (0, 1, "refused", "workers"), 0.0),
        (format!("[gateway]\nworkers = 3\n{config}"), (1, 1, "applied", "gateway.workers"), 1.0),
    ] {
        std::fs::write(&file, text).expect("written");
        program.signal(Signal::HUP);
        let begun = Instant::now();
        let reloads = loop {
            let reloads = json(&to, "GET", "/api/status").await.1["reloads"].clone();
            if reloads["last"]["outcome"] == expected.2 {
                break reloads;
            }
            assert!(begun.elapsed() < PATIENCE, "{reloads}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(
            (&reloads["applied"], &reloads["refused"]),
            (&expected.0.into(), &expected.1.into())
        );
        let words = reloads["last"]["words"].as_str().expect("words");
        assert!(words.contains(expected.3), "{words}");
        let metrics = ask(&to, "GET", "/metrics", HERE).await.1;
        assert_eq!(value(&metrics, "wsgate_reload_last_successful"), Some(successful));
    }
}

#[tokio::test]
async fn only_so_many_connections_are_served_at_once() {
    let backend = Backend::echo().await;
    let house = house("", &route("/", &backend)).await;
    let to = window(&house);
    let ListenAddress::Tcp(at) = to else { panic!("not TCP") };
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(Client::tcp(at).await.expect("it is open"));
    }
    let waiting = tokio::spawn(async move { code(&ask(&to, "GET", "/healthz", HERE).await.0) });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished(), "there is no place for it");
    silent.pop();
    assert_eq!(waiting.await.expect("no panic"), 200, "in the place of the one that left");
    assert_eq!(house.metrics().accepted.value(), 0, "none of them is a client");
    house.finish().await;
}

#[tokio::test]
async fn a_unix_socket_is_for_owner_and_group_and_goes_with_the_gateway() {
    let backend = Backend::echo().await;
    let folder = std::path::Path::new(certificates::folder());
    let path = folder.join(format!("admin-{}.sock", std::process::id()));
    let listen = format!("unix:{}", path.display());
    let house = House::with(&text(&listen, "", &route("/", &backend))).await;
    let mode = std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode, 0o660, "{mode:o}");
    let (head, body) = ask(&window(&house), "GET", "/healthz", "Host: wsgate\r\n").await;
    assert_eq!((code(&head), body.as_str()), (200, "alive\n"));
    house.finish().await;
    until(|| !path.exists()).await;
}

#[tokio::test]
async fn a_new_process_answers_at_the_same_address() {
    let backend = Backend::echo().await;
    let admin = free_address();
    let drain = "[gateway.drain]\nspread = \"1ms\"\n";
    let config = text(&admin.to_string(), drain, &route("/", &backend));
    let address = free_address();
    let config = config.replace("127.0.0.1:0", &address.to_string());
    let program = Program::launch("admin-heir", "", write("admin-heir", &config), address);
    let to = ListenAddress::Tcp(admin);
    until(|| std::net::TcpStream::connect(admin).is_ok()).await;
    let pid = |status: serde_json::Value| status["pid"].as_u64().expect("a number");
    let old = pid(json(&to, "GET", "/api/status").await.1);
    program.signal(Signal::USR2);
    let begun = Instant::now();
    let new = loop {
        // Never refused: one of the two always answers.
        let now = pid(json(&to, "GET", "/api/status").await.1);
        if now != old {
            break now;
        }
        assert!(begun.elapsed() < PATIENCE, "the old one stays");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let (code, _, err) = program.end().await;
    assert_eq!(code, Some(0), "{err}");
    let client = Client::tls(address, HOST).await;
    assert!(client.is_ok(), "the new one serves");
    drop(client);
    let heir = rustix::process::Pid::from_raw(i32::try_from(new).expect("a pid")).expect("not 0");
    rustix::process::kill_process(heir, Signal::TERM).expect("it lives");
    until(|| std::net::TcpStream::connect(admin).is_err()).await;
}

//! `wsgate status`: the status on a terminal.

use std::process::Command;

use wsgate::config::model::ListenAddress;

use super::{house, text, window};
use crate::admin::figures::traffic;
use crate::house::program::{PROGRAM, free_address, write};
use crate::house::{Backend, HOST, House, certificates, route};

/// Exit code, standard output, standard error. Beside the gateway, which runs in this process.
async fn printed(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(PROGRAM);
    command.arg("status").args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().expect("started"));
    let output = output.await.expect("it ends");
    let text = |it: Vec<u8>| String::from_utf8(it).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// What a terminal shows of `house`.
pub async fn printed_of(house: &House) -> String {
    let ListenAddress::Tcp(at) = window(house) else { panic!("not TCP") };
    let (code, out, err) = printed(&["--admin", &at.to_string()]).await;
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    out
}

#[tokio::test]
async fn the_status_is_printed_in_columns_or_as_json() {
    let backend = Backend::echo().await;
    let house = house("", &route("/ws", &backend)).await;
    let stays = traffic(&house).await;
    let bad = house.client().await.get("/a", "Origin: \u{9b}31m\r\n").await;
    assert!(bad.starts_with("HTTP/1.1 4"), "{bad}");
    house.line().await;
    let ListenAddress::Tcp(at) = window(&house) else { panic!("not TCP") };
    let at = at.to_string();
    let (code, out, err) = printed(&["--admin", &at]).await;
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let line = |words: &[&str]| {
        let has = |it: &&str| words.iter().all(|word| it.contains(word));
        assert!(out.lines().any(|it| has(&it)), "{words:?} in\n{out}");
    };
    line(&["wsgate", env!("CARGO_PKG_VERSION"), "running"]);
    line(&["sockets", "1 open, 2 opened"]);
    line(&["handshakes", "2 switched, 1 failed"]);
    line(&[&format!("{HOST}/ws"), &backend.address().to_string()]);
    line(&[&backend.address().to_string(), "up"]);
    line(&[HOST, ".crt"]);
    line(&["1", "refused:no_route"]);
    line(&["socket", "client", "close:4001", "127.0.0.1"]);
    let steers = |c: char| c.is_control() && c != '\n';
    assert!(!out.contains(steers), "nothing steers the terminal: {out:?}");
    let (code, out, _) = printed(&["--admin", &at, "--json"]).await;
    let status: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &status["sockets"]["opened"]), (Some(0), &2.into()));
    drop(stays);
    house.finish().await;
}

#[tokio::test]
async fn the_address_comes_from_the_configuration_and_may_be_a_unix_socket() {
    let backend = Backend::echo().await;
    let folder = std::path::Path::new(certificates::folder());
    let path = folder.join(format!("status-{}.sock", std::process::id()));
    let config = text(&format!("unix:{}", path.display()), "", &route("/", &backend));
    let file = write("status", &config);
    let house = House::with(&config).await;
    let (code, out, err) = printed(&["--config", file.to_str().expect("UTF-8")]).await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("wsgate ") && out.contains(&format!("pid {}", std::process::id())));
    house.finish().await;
}

#[tokio::test]
async fn where_nobody_answers_it_says_so_and_fails() {
    let backend = Backend::echo().await;
    let nobody = free_address().to_string();
    let (code, out, err) = printed(&["--admin", &nobody]).await;
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains(&format!("nothing answers at {nobody}")), "{err}");
    assert!(err.contains("is the gateway running"), "{err}");
    let off = write("status-off", &text("off", "", &route("/", &backend)));
    let (code, _, err) = printed(&["--config", off.to_str().expect("UTF-8")]).await;
    assert!(code == Some(1) && err.contains("the admin listener is off"), "{err}");
    let (code, _, err) = printed(&["--config", "/nowhere/gateway.toml"]).await;
    assert!(code == Some(1) && err.contains("/nowhere/gateway.toml"), "{err}");
    // Something else than an admin listener.
    let other = backend.address().to_string();
    let (code, _, err) = printed(&["--admin", &other]).await;
    assert!(code == Some(1) && err.contains("answer"), "{err}");
    assert_eq!(printed(&["--admin", "somewhere"]).await.0, Some(1));
}

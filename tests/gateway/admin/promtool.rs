//! What Prometheus' own tool says. tests/metrics/run gives it; without it these tests cannot run, and
//! are not among those of `cargo test`.

use std::io::Write;
use std::process::{Command, Stdio};

use wsgate::config::model::ListenAddress;

use super::asking::{HERE, ask};
use super::metrics::{document, queries, value};
use super::text;
use crate::house::frames::{CLOSE, TEXT, close_payload, masked};
use crate::house::program::{Program, free_address, write};
use crate::house::{Backend, route, until};

/// Gives `input` to promtool and demands that it has nothing to say.
fn promtool(arguments: &[&str], input: &str) -> String {
    let tool = std::env::var("PROMTOOL").expect("tests/metrics/run sets it");
    let mut command = Command::new(tool);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).expect("UTF-8");
    assert!(output.status.success(), "{}: {said}", output.status);
    said
}

#[tokio::test]
#[ignore = "needs promtool: tests/metrics/run"]
async fn promtool_has_nothing_to_say_about_the_metrics_of_a_busy_gateway() {
    let (backend, nobody) = (Backend::echo().await, Backend::nobody().await);
    let (address, admin) = (free_address(), free_address());
    // A regex as a route has characters that a label must escape.
    let routes = route("/ws", &backend) + &route("~ ^/dead/\\\\d+$", &nobody);
    let config = text(&admin.to_string(), "", &routes);
    let config = config.replace("127.0.0.1:0", &address.to_string());
    let program = Program::launch("promtool", "", write("promtool", &config), address);
    until(|| std::net::TcpStream::connect(admin).is_ok()).await;
    let mut live = Vec::new();
    for round in 0..40 {
        let mut socket = program.socket("/ws").await;
        socket.send(masked(TEXT, "x".repeat(1 << (round % 12)))).await;
        socket.frame().await.expect("the echo");
        if round % 2 == 0 {
            socket.send(masked(CLOSE, close_payload(4000 + round, ""))).await;
            socket.rest().await;
        } else {
            live.push(socket);
        }
    }
    for path in ["/nowhere", "/dead/1"] {
        let mut client = crate::house::Client::tls(address, crate::house::HOST).await.expect("TLS");
        let head = client.upgrade(path, "").await;
        assert!(!head.starts_with("HTTP/1.1 101 "), "{head}");
    }
    let (_, metrics) = ask(&ListenAddress::Tcp(admin), "GET", "/metrics", HERE).await;
    assert_eq!(value(&metrics, "wsgate_handshakes_total{outcome=\"switched\"}"), Some(40.0));
    assert_eq!(promtool(&["check", "metrics"], &metrics), "", "it would warn of bad names here");
    drop(live);
}

#[test]
#[ignore = "needs promtool: tests/metrics/run"]
fn promtool_takes_the_alerts_and_the_queries_of_the_dashboard() {
    let alerts = document("wsgate.rules.yml");
    let queries: Vec<String> = queries(&document("grafana.json"));
    let mut rules = String::from("groups:\n  - name: dashboard\n    rules:\n");
    for (place, query) in queries.iter().enumerate() {
        // What Grafana fills in.
        let query = query.replace("$__rate_interval", "5m").replace("$instance", ".*");
        let query = serde_json::to_string(&query).expect("text");
        rules += &format!("      - record: dashboard:query:{place}\n        expr: {query}\n");
    }
    for (name, text) in [("alerts", alerts), ("dashboard", rules)] {
        let file = write(name, "").with_extension("yml");
        std::fs::write(&file, text).expect("written");
        let said = promtool(&["check", "rules", file.to_str().expect("UTF-8")], "");
        assert!(said.contains("SUCCESS") && !said.contains("SUCCESS: 0"), "{said}");
    }
}

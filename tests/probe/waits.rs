//! Servers that leave the probe waiting: each wait has an end of its own and a name.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use wsgate::probe::{Face, Plan, Report, Target, Waits, run};
use wsgate::tls::inspect::Roots;

use super::backend::says_and_waits;
use super::nginx::{nginx, proxied, tls};

const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n";

/// Long enough for what must succeed, on a slow machine too.
const SHORT: Duration = Duration::from_millis(700);

fn probe(url: &str, address: SocketAddr) -> Report {
    let waits = Waits { answer: SHORT, pong: SHORT, body: SHORT, close: SHORT, ..Waits::default() };
    let plan = Plan {
        target: Target::parse(url).expect("a URL"),
        face: Face::default(),
        connect_to: Some((address.ip().to_string(), address.port())),
        insecure: true,
        roots: Roots::these(Vec::new()),
        send: None,
        silence: None,
        waits: Waits { tls: SHORT, first_frame: SHORT, ..waits },
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("an event loop");
    let began = Instant::now();
    let report = runtime.block_on(run(&plan, &mut |_| ())).expect("a report");
    assert!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
    report
}

fn says(report: &Report, what: &str, cause: &str) {
    let found = report.findings.iter().any(|it| it.what == what && it.cause.contains(cause));
    assert!(found, "{:#?}", report.findings);
}

#[test]
fn a_server_that_takes_the_connection_and_no_tls() {
    let report = probe("wss://a.example/ws", says_and_waits(""));
    says(&report, "the TLS handshake does not end", "PROXY header");
    assert!(!report.phone_would_connect);
}

#[test]
fn a_backend_that_does_not_answer_the_handshake() {
    let server = nginx(&format!("{} {}", tls(), proxied(says_and_waits(""), "")));
    let report = probe("wss://game.example.test/ws", server.address);
    says(&report, "no answer to the handshake", "the backend hangs");
}

#[test]
fn a_server_that_answers_no_ping_and_no_close() {
    let report = probe("ws://a.example/ws", says_and_waits(SWITCHED));
    says(&report, "the Ping was not answered", "no Pong within 700ms");
    let last = report.stages.last().expect("a stage");
    assert_eq!(last.stage.name(), "close");
}

#[test]
fn a_head_without_end_is_read_to_a_limit() {
    let head: String =
        (0..3000).map(|it| format!("X-Field-{it}: {}\r\n", "v".repeat(20))).collect();
    let answer: &'static str = format!("HTTP/1.1 101 Switching Protocols\r\n{head}").leak();
    let report = probe("ws://a.example/ws", says_and_waits(answer));
    says(&report, "the answer's head is too long", "");
}

#[test]
fn a_body_without_end_is_read_to_a_limit() {
    let answer: &'static str =
        format!("HTTP/1.1 500 Oops\r\n\r\n{}", "word ".repeat(100_000)).leak();
    let report = probe("ws://a.example/ws", says_and_waits(answer));
    says(&report, "answered 500 Oops, not 101", "failed while it opened the socket");
}

#[test]
fn half_a_body_is_shown_when_the_rest_does_not_come() {
    let answer = "HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nonly this";
    let report = probe("ws://a.example/ws", says_and_waits(answer));
    let text: String = report.stages.iter().map(wsgate::probe::step).collect();
    assert!(text.contains("body: only this"), "{text}");
}

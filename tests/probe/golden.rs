//! Runs the probe and compares what it printed with what is kept.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use regex::Regex;

use super::certificates::{HOST, files};

const PROGRAM: &str = env!("CARGO_BIN_EXE_wsgate");

/// Probes the server at `address` under the usual name, trusting the test's authority, and
/// compares the report and the exit code with the golden `name`.
pub fn probe(name: &str, address: SocketAddr, path: &str, options: &[&str]) {
    let place = address.to_string();
    let url = format!("wss://{HOST}{path}");
    let output = run(&[&[url.as_str(), "--connect-to", &place], options].concat());
    compare(name, &output);
}

/// Runs `wsgate probe` with the test's authority and these words.
pub fn run(words: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("probe").args(words).arg("--ca").arg(&files().root);
    command.stdin(Stdio::null()).output().expect("it runs")
}

/// Compares standard output and exit code with the golden; standard error must be empty.
pub fn compare(name: &str, output: &Output) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.is_empty(), "{name} wrote: {errors}");
    let report = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    let code = output.status.code().expect("an exit code");
    let found = format!("{}-- exit {code}\n", normalised(&report));
    let path = folder().join(format!("{name}.out"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &found).expect("written");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|it| panic!("{name}: {it}"));
    assert_eq!(expected, found, "\n{name}, as it came:\n{report}");
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/probe/goldens")
}

/// Without what differs from run to run and from machine to machine.
fn normalised(report: &str) -> String {
    static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let rules = [
            (r" +\d+\.\d ms", " <ms>"),
            (r"\b\d+ days left", "<n> days left"),
            (r"\b[1-9]\.\d s of silence", "<about 2 s> of silence"),
            (r"moved for [1-9]\.\d s\b", "moved for <about 2 s>"),
            (r"moved for 0\.\d s\b", "moved for <less than 1 s>"),
            (r"every \d s\b", "every <n> s"),
            (r"\b(127\.0\.0\.1|\[::1\]|localhost|game\.example\.test):\d{4,5}\b", "$1:<port>"),
            (r"on port \d{4,5}", "on port <port>"),
            (r"nginx/\d[\d.]+( \(\w+\))?", "nginx/<version>"),
            (r"(Sec-WebSocket-Accept|sec-websocket-accept): \S{28}", "$1: <accept>"),
            (r"\b([Dd]ate): [A-Z][a-z]{2}, .* GMT", "$1: <date>"),
            (r"ETag: \S+", "ETag: <tag>"),
            (r"Last-Modified: .* GMT", "Last-Modified: <date>"),
            // As the resolver of this machine puts it.
            (r"failed to lookup address information: .*", "<the resolver's words>"),
            (r#"(_ms": )\d+\.\d"#, "$1<ms>"),
            (r#"("days_left": )\d+"#, "$1<n>"),
            (r#"(?s)("Sec-WebSocket-Accept",\s+)"[^"]{28}""#, "$1\"<accept>\""),
            (r#"(?s)("Date",\s+)"[^"]+ GMT""#, "$1\"<date>\""),
        ];
        rules.map(|(rule, instead)| (Regex::new(rule).expect("a rule"), instead)).to_vec()
    });
    let mut text = report.to_owned();
    for (rule, instead) in RULES.iter() {
        text = rule.replace_all(&text, *instead).into_owned();
    }
    text
}

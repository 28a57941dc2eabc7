//! The hostile corpus against nginx and HAProxy, and wsgate beside them: writes docs/hostile.md. Started
//! by `tests/hostile/compare`, which brings the programs.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "how tests fail")]
#![allow(clippy::disallowed_methods, reason = "the backend runs beside the cases")]
#![allow(missing_docs, reason = "a tool of the tests")]

#[allow(dead_code, reason = "each of the two binaries uses its part")]
mod corpus;
mod recorder;
#[allow(dead_code, reason = "each of the two binaries uses its part")]
mod subject;
#[allow(dead_code, reason = "each of the two binaries uses its part")]
mod trial;
mod trusting;

use std::fmt::Write;
use std::path::PathBuf;

use corpus::{Case, Group};
use recorder::Recorder;
use subject::{Kind, Subject};

/// The name of the usual site.
pub const HOST: &str = "game.example.test";

/// A valid key and the answer that it asks for (RFC 6455 section 1.3).
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What a gateway made of a group: for each case what does not hold, in words.
type Column = Vec<Vec<String>>;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let root = PathBuf::from(std::env::var("HOSTILE_PEERS").expect("run by tests/hostile/compare"));
    let versions = std::env::var("HOSTILE_VERSIONS").unwrap_or_default();
    let kinds = [Kind::Wsgate, Kind::Nginx(root.clone()), Kind::Haproxy(root)];
    let groups = corpus::groups();
    let mut tables = Vec::new();
    for (name, group) in &groups {
        let mut columns = Vec::new();
        for (at, kind) in kinds.iter().enumerate() {
            columns.push(try_all(kind, &format!("{name}{at}"), group).await);
        }
        println!("{name}: {} cases", group.cases.len());
        tables.push(columns);
    }
    let text = document(&groups, &tables, &versions);
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/hostile.md");
    std::fs::write(&file, text).expect("written");
    let wrong: usize = tables.iter().map(|it| passed(&it[0])).sum();
    println!("{} written; wsgate lets {wrong} through", file.display());
    assert_eq!(wrong, 0, "see the table");
}

async fn try_all(kind: &Kind, label: &str, group: &Group) -> Column {
    let recorder = Recorder::start().await;
    let gateway = Subject::start(kind, label, recorder.address);
    let mut column = Vec::new();
    for case in &group.cases {
        column.push(trial::run(case, gateway.address, &recorder).await.complaints(case));
    }
    column
}

fn passed(column: &Column) -> usize {
    column.iter().filter(|it| !it.is_empty()).count()
}

fn document(groups: &[(String, Group)], tables: &[Vec<Column>], versions: &str) -> String {
    let mut text = format!(
        "# What gateways let through\n\n\
         The hostile corpus ([tests/hostile/corpus](../tests/hostile/corpus)) against wsgate, nginx and HAProxy \
         ({versions}), each on loopback with TLS, the same whitelist of names and paths, and WebSockets set up \
         as its own documents say ([tests/hostile/subject.rs](../tests/hostile/subject.rs)). Written by \
         `tests/hostile/compare`; not edited by hand.\n\n\
         A cross is a case that ends in none of the verdicts that the corpus allows. Not every cross is a hole: \
         nginx and HAProxy do not look into frames and do not set out to, and some of what they pass is harmless \
         before a careful backend. It is what the backend has to be careful of.\n\n\
         | group | cases | wsgate | nginx | HAProxy |\n|---|---:|---:|---:|---:|\n"
    );
    let mut sums = [0; 4];
    for ((name, group), columns) in groups.iter().zip(tables) {
        let counts: Vec<usize> = columns.iter().map(passed).collect();
        let _ = writeln!(
            text,
            "| [{name}](#{name}) | {} | {} | {} | {} |",
            group.cases.len(),
            counts[0],
            counts[1],
            counts[2]
        );
        sums[0] += group.cases.len();
        for (sum, count) in sums[1..].iter_mut().zip(&counts) {
            *sum += count;
        }
    }
    let _ = writeln!(text, "| all | {} | {} | {} | {} |", sums[0], sums[1], sums[2], sums[3]);
    for ((name, group), columns) in groups.iter().zip(tables) {
        let _ = write!(text, "\n## {name}\n\n{}\n\n", group.about);
        rows(&mut text, &group.cases, columns);
    }
    text
}

/// One row for each case that somebody lets through; the others in one sentence.
fn rows(text: &mut String, cases: &[Case], columns: &[Column]) {
    let lets_through = |at: usize| columns.iter().any(|it| !it[at].is_empty());
    let rows: Vec<usize> = (0..cases.len()).filter(|at| lets_through(*at)).collect();
    if !rows.is_empty() {
        text.push_str("| case | wsgate | nginx | HAProxy |\n|---|---|---|---|\n");
    }
    for at in &rows {
        let cell = |it: &Column| if it[*at].is_empty() { String::new() } else { words(&it[*at]) };
        let cells: Vec<String> = columns.iter().map(cell).collect();
        let _ = writeln!(text, "| {} | {} |", cases[*at].name, cells.join(" | "));
    }
    let _ = writeln!(text, "\nNobody lets the other {} through.", cases.len() - rows.len());
}

/// What happened, in a cell of a table.
fn words(complaints: &[String]) -> String {
    let first = complaints.first().map(String::as_str).unwrap_or_default();
    let verdict = first.split(" is not in").next().unwrap_or_default().to_lowercase();
    format!("x: {}", verdict.replace('|', "\\|").replace('`', "'"))
}

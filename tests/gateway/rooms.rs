//! The plan of the house: which room may know which, and what has only one place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[test]
fn rooms_know_each_other_as_the_plan_says_no_more_and_no_less() {
    let plan = plan();
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in sources() {
        let room = room(&file);
        if room == "lib" || room == "main" {
            continue;
        }
        let mut others = rooms_named_in(&text);
        others.remove(&room);
        known.entry(room).or_default().extend(others);
    }
    let rooms = |of: &BTreeMap<String, BTreeSet<String>>| of.keys().cloned().collect::<Vec<_>>();
    assert_eq!(rooms(&known), rooms(&plan), "the rooms in src, and those in ARCHITECTURE.md");
    for (room, known) in known {
        assert_eq!(known, plan[&room], "what `{room}` knows, and what ARCHITECTURE.md says");
    }
}

/// The table of rooms in ARCHITECTURE.md: name, what is in it, whom it knows. What is in brackets says which part of
/// another room.
fn plan() -> BTreeMap<String, BTreeSet<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let text = std::fs::read_to_string(path).expect("readable");
    let table = text.lines().skip_while(|it| !it.starts_with("| room "));
    let rows = table.skip(2).take_while(|it| it.starts_with('|'));
    let row = |row: &str| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, room, _, knows, _] = cells[..] else { panic!("three cells: {row}") };
        let outside: String =
            knows.split('(').map(|it| it.rsplit(')').next().expect("one at least")).collect();
        let names = outside.split('`').skip(1).step_by(2).map(str::to_owned);
        (room.trim_matches('`').to_owned(), names.collect())
    };
    rows.map(row).collect()
}

#[test]
fn the_reader_of_the_plan_sees_every_way_to_name_a_room() {
    let text = "use crate::tls::pem;\nuse crate::{\n    ws::key,\n    http::{self, Sites},\n};\n\
                fn f() { crate::relay::run() }\n// use crate::admin\n";
    let found: Vec<_> = rooms_named_in(text).into_iter().collect();
    assert_eq!(found, ["http", "relay", "tls", "ws"]);
}

#[test]
fn rustls_pemfile_is_known_to_one_file_and_spawning_to_one_room() {
    for (file, text) in sources() {
        let code = without_comments(&text);
        let name = file.to_string_lossy().replace('\\', "/");
        if code.contains("rustls_pemfile") {
            assert!(name.ends_with("src/tls/pem.rs"), "{name} reads PEM itself");
        }
        let spawns = ["tokio::spawn", "spawn_blocking", "JoinSet", ".spawn("];
        if spawns.iter().any(|it| code.contains(it)) {
            // The demo's backends stand outside the gateway; the logs are threads; what a disk does
            // cannot be polled.
            let logs = ["src/observe/access.rs", "src/observe/lossy.rs"];
            let may = [&logs[..], &["src/control/", "src/cli/demo/", "src/files/disk.rs"]].concat();
            assert!(may.iter().any(|it| name.contains(it)), "{name} spawns");
        }
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = std::fs::read_to_string(&path).expect("UTF-8");
                files.push((path, text));
            }
        }
    }
    assert!(files.len() > 40, "only {} files found", files.len());
    files
}

fn room(file: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let inside = file.strip_prefix(root).expect("below src");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Every room behind `crate::`, in use lines, in lists of them and in plain paths.
fn rooms_named_in(text: &str) -> BTreeSet<String> {
    let code = without_comments(text);
    let mut rooms = BTreeSet::new();
    for piece in code.split("crate::").skip(1) {
        match piece.strip_prefix('{') {
            None => rooms.extend(name_at(piece)),
            Some(list) => {
                let mut depth = 1;
                let mut begins = true;
                for (at, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 1 => begins = true,
                        c if depth == 1 && begins && !c.is_whitespace() => {
                            rooms.extend(name_at(&list[at..]));
                            begins = false;
                        }
                        _ => {}
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
        }
    }
    rooms
}

fn name_at(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

fn without_comments(text: &str) -> String {
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    text.lines().map(code).collect::<Vec<_>>().join("\n")
}

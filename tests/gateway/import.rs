//! `wsgate import-nginx` on configurations as people write them: `tests/import/NAME.conf`, or
//! `NAME/nginx.conf` with its parts, must give exactly `NAME.toml` and `NAME.report`; one that nginx
//! itself would refuse has a report only. `UPDATE_GOLDEN=1` writes both anew; look at the difference
//! before committing.

mod live;
mod redirects;
mod told;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wsgate::config;
use wsgate::import::{Fate, Imported, import, import_text};

use crate::house::program::PROGRAM;

/// As it is when cargo runs the tests: the places in the reports are relative to it.
const FOLDER: &str = "tests/import";

#[test]
fn every_configuration_comes_out_as_it_did_before() {
    let mut wrong = Vec::new();
    for (name, path) in corpus() {
        let (toml, report) = match import(&[path]) {
            Ok(imported) => (Some(imported.toml), imported.report.to_string()),
            Err(errors) => (None, errors.join("\n") + "\n"),
        };
        wrong.extend(compare(&format!("{name}.report"), Some(&report)));
        wrong.extend(compare(&format!("{name}.toml"), toml.as_deref()));
    }
    assert!(wrong.is_empty(), "these differ: {}", wrong.join(", "));
}

#[test]
fn there_are_forty_configurations_and_more() {
    assert!(corpus().len() >= 40, "{}", corpus().len());
}

#[test]
fn what_comes_out_is_a_valid_configuration_whenever_it_has_a_site() {
    for (name, imported) in imported() {
        let env = |_: &str| None;
        match config::parse(Path::new("gateway.toml"), &imported.toml, &env) {
            Ok((config, report)) => {
                assert_eq!(config.sites.len(), imported.sites, "{name}");
                assert!(report.problems.is_empty(), "{name}: {}", report.render());
            }
            Err(report) => assert_eq!(imported.sites, 0, "{name}: {}", report.render()),
        }
    }
}

/// Counted by another reader than the one under test: each directive has its line in the report.
#[test]
fn no_directive_is_dropped_in_silence() {
    for (name, imported) in imported() {
        let mut reported: BTreeMap<PathBuf, Vec<u32>> = BTreeMap::new();
        for entry in &imported.report.entries {
            reported.entry(entry.place.file.to_path_buf()).or_default().push(entry.place.line);
            assert!(!entry.reason.is_empty() || entry.fate == Fate::Carried, "{name}: {entry:?}");
        }
        for (file, mut lines) in reported {
            // What `nginx -T` showed is in no file of ours.
            if !file.starts_with(FOLDER) {
                continue;
            }
            let text = std::fs::read_to_string(&file).expect("it was just read");
            lines.sort_unstable();
            let expected = directives(&text);
            assert_eq!(lines, expected, "{name}: {}", file.display());
        }
    }
}

#[test]
fn a_place_names_the_file_and_line_of_every_site_and_route() {
    for (name, imported) in imported() {
        let lines: Vec<&str> = imported.toml.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            if matches!(*line, "[[sites]]" | "[[sites.routes]]") {
                let remarks = lines[..index].iter().rev().take_while(|it| it.starts_with("# "));
                let place = remarks.filter_map(|it| it.split(':').nth(1)).any(|it| {
                    it.trim().split(' ').next().is_some_and(|it| it.parse::<u32>().is_ok())
                });
                assert!(place, "{name}:{index}: {line}");
            }
        }
    }
}

#[test]
fn the_output_of_nginx_t_and_its_files_come_out_alike() {
    let folder = Path::new(FOLDER).join("many-includes");
    let from_files = import(&[folder.join("nginx.conf")]).expect("it is read");
    let mut dump = String::new();
    let files = ["nginx.conf", "events.conf", "upstreams/a.conf", "more-servers.inc"];
    let more = ["upstreams/b.conf", "conf.d/one.conf", "conf.d/two.conf", "snippets/tls.conf"];
    for file in files.iter().chain(&more).chain(&["snippets/headers.conf"]) {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).expect("it is there");
        dump.push_str(&format!("# configuration file {}:\n{text}", path.display()));
    }
    let from_dump = import_text(Path::new("-"), &dump).expect("it is read");
    assert_eq!(from_dump.toml, from_files.toml);
    assert_eq!(from_dump.report.to_string(), from_files.report.to_string());
}

#[test]
fn a_part_and_a_folder_of_parts_are_read_as_what_stands_in_http() {
    let part = "server { listen 443 ssl; server_name a.example.com; ssl_certificate a; \
                ssl_certificate_key b; location / { proxy_pass http://127.0.0.1:1; } }";
    let folder = std::env::temp_dir().join(format!("wsgate-import-{}", std::process::id()));
    let parts = folder.join("conf.d");
    std::fs::create_dir_all(&parts).expect("a folder");
    std::fs::write(parts.join("a.conf"), part).expect("written");
    std::fs::write(parts.join("b.conf"), part.replace("a.example", "b.example")).expect("written");
    let one = import(&[parts.join("a.conf")]).expect("read");
    let both = import(std::slice::from_ref(&parts)).expect("read");
    std::fs::remove_dir_all(&folder).expect("removed");
    assert_eq!((one.sites, both.sites), (1, 2));
    let certificate = format!("certificate = \"{}\"", folder.join("a").display());
    assert!(one.toml.contains(&certificate), "{}", one.toml);
}

#[test]
fn a_guard_that_cannot_be_carried_closes_its_route_whatever_else_is_said_of_it() {
    for guard in [
        "auth_basic x;",
        "auth_request /a; allow all;",
        "allow 10.0.0.0/8; ssl_verify_client on;",
        "if ($http_x_token != \"a\") { return 403; } allow 10.0.0.0/8; deny all;",
        "if ($http_origin ~ evil) { return 403; }",
        "limit_except GET { deny all; }",
        "deny name.example.com;",
    ] {
        let text = format!(
            "server {{ listen 443 ssl; server_name a.example.com; location /x {{ {guard} proxy_pass http://127.0.0.1:1; }} }}"
        );
        let imported = import_text(Path::new("t"), &text).expect(guard);
        assert!(imported.report.count(Fate::Not) > 0, "{guard}");
        let env = |_: &str| None;
        let parsed = config::parse(Path::new("gateway.toml"), &imported.toml, &env);
        let (config, _) = parsed.unwrap_or_else(|report| panic!("{guard}: {}", report.render()));
        for route in &config.sites[0].routes {
            let denied: Vec<String> = route.clients.deny.iter().map(ToString::to_string).collect();
            assert_eq!(denied, ["0.0.0.0/0", "::/0"], "{guard}: {}", route.name);
        }
        assert_eq!(config.sites[0].routes.len(), 2, "/x and what begins like it: {guard}");
    }
}

#[test]
fn http2_is_carried_however_nginx_says_it() {
    let cases = [
        ("listen 443 ssl http2;", true),
        ("listen 443 ssl; http2 on;", true),
        ("listen 443 ssl; http2 off;", false),
        ("listen 443 ssl;", false),
    ];
    for (words, on) in cases {
        let text = format!(
            "server {{ {words} server_name a.example.com; ssl_certificate /a; ssl_certificate_key /b; \
             location / {{ proxy_pass http://127.0.0.1:1; }} }}"
        );
        let imported = import_text(Path::new("nginx.conf"), &text).expect("it is read");
        assert_eq!(imported.report.count(Fate::Not), 0, "{words}: {}", imported.report);
        let parsed = config::parse(Path::new("gateway.toml"), &imported.toml, &|_| None);
        let (config, _) = parsed.unwrap_or_else(|report| panic!("{}", report.render()));
        let protocol = config::model::Protocol::Https { http2: on };
        assert_eq!(config.listeners[0].protocol, protocol, "{words}");
    }
}

#[test]
fn backups_with_nobody_to_stand_in_for_serve() {
    let text = "upstream u { server 127.0.0.1:1 backup; server 127.0.0.1:2 backup; } \
                server { listen 443 ssl; server_name a.example.com; ssl_certificate /a; \
                ssl_certificate_key /b; location / { proxy_pass http://u; } }";
    let imported = import_text(Path::new("nginx.conf"), text).expect("it is read");
    let file = Path::new("gateway.toml");
    let parsed = config::parse(file, &imported.toml, &|_| None);
    parsed.unwrap_or_else(|report| panic!("{}", report.render()));
    assert!(imported.report.to_string().contains("they serve"), "{}", imported.report);
}

#[test]
fn the_command_prints_the_file_and_the_report_apart() {
    let path = format!("{FOLDER}/tencent-demo/nginx.conf");
    let (code, out, err) = run(&[&path], "");
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out, golden("tencent-demo.toml"));
    assert_eq!(err, golden("tencent-demo.report"));
    let (code, out, err) = run(&["--check", &path], "");
    assert_eq!((code, out), (Some(1), golden("tencent-demo.toml")));
    assert!(err.contains("error: `/data/release/nginx/1_demo_bundle.crt` is no use"), "{err}");
}

#[test]
fn the_command_reads_standard_input_and_says_where_it_stopped() {
    let text = std::fs::read_to_string(format!("{FOLDER}/dump.conf")).expect("readable");
    let (code, out, _) = run(&["-"], &text);
    assert_eq!((code, out), (Some(0), golden("dump.toml")));
    let (code, out, err) = run(&["-"], "http {\n  server\n}");
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert_eq!(err, "wsgate import-nginx: -:3:1: `}` inside `server`, which lacks its `;`\n");
    let programs = "server { listen 80; location / { fastcgi_pass 127.0.0.1:9000; } }";
    let (code, _, err) = run(&["-"], programs);
    assert_eq!(code, Some(1));
    assert!(err.ends_with("nothing could be carried: no server leads to a backend\n"), "{err}");
}

fn run(args: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(PROGRAM);
    command.arg("import-nginx").args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = |it: Vec<u8>| String::from_utf8(it).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Every configuration by its name, in order.
fn corpus() -> Vec<(String, PathBuf)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(FOLDER).expect("the folder is there") {
        let path = entry.expect("readable").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.join("nginx.conf").is_file() {
            all.push((name, path.join("nginx.conf")));
        } else if path.extension().is_some_and(|it| it == "conf") {
            all.push((name, path));
        }
    }
    all.sort();
    all
}

fn imported() -> Vec<(String, Imported)> {
    let all = corpus().into_iter().filter_map(|(name, path)| Some((name, import(&[path]).ok()?)));
    let all: Vec<_> = all.collect();
    assert!(all.len() > 35);
    all
}

fn golden(name: &str) -> String {
    std::fs::read_to_string(Path::new(FOLDER).join(name)).expect(name)
}

/// The name of a golden that differs from what came out, `None` meaning that there is none.
fn compare(name: &str, actual: Option<&str>) -> Option<String> {
    let path = Path::new(FOLDER).join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        match actual {
            Some(text) => std::fs::write(&path, text).expect("the golden is writable"),
            None => drop(std::fs::remove_file(&path)),
        }
    }
    let expected = std::fs::read_to_string(&path).ok();
    (expected.as_deref() != actual).then(|| name.to_owned())
}

/// The lines on which directives begin, read in another way than the program's: what is in quotes or
/// comments is blanked, then each word behind `;`, `{` or `}` begins one. Tables and Lua are passed.
fn directives(text: &str) -> Vec<u32> {
    let blank = blanked(text);
    let (mut lines, mut line, mut begins, mut skip) = (Vec::new(), 1, true, 0);
    let mut word = String::new();
    for character in blank.chars() {
        match character {
            _ if skip > 0 => skip += i32::from(character == '{') - i32::from(character == '}'),
            '{' => {
                skip = i32::from(is_table(&word));
                (begins, word) = (true, String::new());
            }
            ';' | '}' => (begins, word) = (true, String::new()),
            it if begins && !it.is_whitespace() => {
                lines.push(line);
                (begins, word) = (false, it.to_string());
            }
            it => word.push(it),
        }
        line += u32::from(character == '\n');
    }
    lines
}

fn is_table(head: &str) -> bool {
    let name = head.split_whitespace().next().unwrap_or_default();
    matches!(name, "map" | "types" | "geo") || name.ends_with("_by_lua_block")
}

/// The text without comments, with quoted strings as one letter; `${` is no block.
fn blanked(text: &str) -> String {
    let mut result = String::new();
    let mut characters = text.chars().peekable();
    let mut before = '\n';
    while let Some(character) = characters.next() {
        let at_start = before.is_whitespace() || ";{}(".contains(before);
        match character {
            '#' if at_start => while characters.next_if(|it| *it != '\n').is_some() {},
            '"' | '\'' if at_start => {
                result.push('q');
                while let Some(it) = characters.next().filter(|it| *it != character) {
                    match it {
                        '\\' => drop(characters.next()),
                        '\n' => result.push('\n'),
                        _ => {}
                    }
                }
            }
            '$' if characters.next_if_eq(&'{').is_some() => {
                while characters.next_if(|it| *it != '}').is_some() {}
            }
            '\\' => drop(characters.next()),
            it => result.push(it),
        }
        before = character;
    }
    result
}

//! The corpus: `corpus/*.toml`, a group of cases each. Knows the form of a case, and nothing of who is
//! tried with it. The form is explained in `corpus/README.md`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The cases of one file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What the group is about, in one sentence.
    pub about: String,
    pub cases: Vec<Case>,
}

/// One case: what is sent, and which verdicts are allowed.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    /// Sent by the client, one write each. See [`bytes`] for the escapes.
    #[serde(default)]
    pub send: Vec<String>,
    /// A WebSocket is opened first, and then `send` follows.
    #[serde(default)]
    pub socket: bool,
    /// Instead of `send`: the target of a GET.
    pub path: Option<String>,
    /// Instead of `send`: the value of the Origin field in a handshake, one each.
    pub origins: Option<Vec<String>>,
    /// The Referer beside it.
    pub referer: Option<String>,
    /// Instead of `send`: lines of a handshake that replace the sound ones of the same name, or
    /// come in addition; a name alone removes the line.
    pub handshake: Option<Vec<String>>,
    /// What the backend answers instead of what it ordinarily does, one write each.
    pub answer: Option<Vec<String>>,
    /// The name in the TLS handshake instead of the usual one; empty for none.
    pub sni: Option<String>,
    /// Verdicts that are allowed.
    #[serde(default = "refused")]
    pub allow: Vec<Verdict>,
    /// Statuses that wsgate may answer with; any when empty.
    #[serde(default)]
    pub status: Vec<u16>,
    /// The close code that wsgate tells the client.
    pub close: Option<u16>,
    /// No backend may ever receive this.
    #[serde(default)]
    pub never: Vec<String>,
    /// The client may never receive this.
    #[serde(default)]
    pub never_back: Vec<String>,
    /// Most requests that may reach the backend.
    pub requests: Option<usize>,
}

/// What became of a case.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing reached a backend; an error was answered, or the connection ended.
    Refused,
    /// A backend answered, and its answer was passed on.
    Served,
    /// A WebSocket was opened, and stays.
    Tunnel,
    /// A WebSocket was opened, and was closed for what came.
    Closed,
    /// It reached a backend, and an error was answered for it.
    Failed,
    /// An answer began and broke off.
    Cut,
    /// Nobody said anything.
    Silent,
}

fn refused() -> Vec<Verdict> {
    vec![Verdict::Refused]
}

/// Every group by its name, in the order of the names.
pub fn groups() -> Vec<(String, Group)> {
    let folder = folder();
    let files =
        std::fs::read_dir(&folder).expect("readable").map(|it| it.expect("readable").path());
    let mut files: Vec<PathBuf> =
        files.filter(|it| it.extension().is_some_and(|it| it == "toml")).collect();
    files.sort();
    files
        .iter()
        .map(|it| (it.file_stem().unwrap().to_str().unwrap().to_owned(), read(it)))
        .collect()
}

/// One group.
pub fn group(name: &str) -> Group {
    read(&folder().join(format!("{name}.toml")))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/corpus")
}

fn read(file: &Path) -> Group {
    let text = std::fs::read_to_string(file).expect("UTF-8");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The bytes that `text` stands for: `\r \n \t \0 \\ \xNN`, `{HOST}` and its like, and `{text*1000}`
/// for a repetition. What is not escaped stands for itself.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '{']) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let special = &rest[at..];
        let (piece, used) =
            if special.starts_with('\\') { escape(special) } else { placeholder(special) };
        out.extend(piece);
        rest = &special[used..];
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

fn escape(text: &str) -> (Vec<u8>, usize) {
    let byte = match text.as_bytes().get(1) {
        Some(b'r') => b'\r',
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'0') => 0,
        Some(b'\\') => b'\\',
        Some(b'x') => return (vec![u8::from_str_radix(&text[2..4], 16).expect("two digits")], 4),
        _ => panic!("what is {text:?}?"),
    };
    (vec![byte], 2)
}

fn placeholder(text: &str) -> (Vec<u8>, usize) {
    let inside = text[1..].split('}').next().expect("a brace that ends");
    let used = inside.len() + 2;
    let bytes = match inside {
        "HOST" => super::HOST.as_bytes().to_vec(),
        "KEY" => super::KEY.as_bytes().to_vec(),
        "ACCEPT" => super::ACCEPT.as_bytes().to_vec(),
        // The end of a sound handshake's head.
        "UPGRADE" => format!(
            "Host: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {}\r\n",
            super::HOST,
            super::KEY
        )
        .into_bytes(),
        // The head of a sound 101.
        "SWITCH" => format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n",
            super::ACCEPT
        )
        .into_bytes(),
        other => {
            let (piece, times) =
                other.rsplit_once('*').unwrap_or_else(|| panic!("what is {{{other}}}?"));
            bytes(piece).repeat(times.parse().expect("a number"))
        }
    };
    (bytes, used)
}

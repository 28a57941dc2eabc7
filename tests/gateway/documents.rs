//! What the documents name is there.

use std::path::{Path, PathBuf};

use regex::Regex;

const DOCUMENTS: [&str; 9] = [
    "README.md",
    "README.zh-CN.md",
    "ARCHITECTURE.md",
    "SECURITY.md",
    "docs/admin.md",
    "docs/hostile.md",
    "docs/metrics.md",
    "docs/performance.md",
    "docs/stress.md",
];

#[test]
fn every_file_that_a_document_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let missing: Vec<_> = DOCUMENTS
        .into_iter()
        .flat_map(|document| named_in(root, document).into_iter().map(move |it| (document, it)))
        .filter(|(_, path)| !path.exists())
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Links, from where the document is, and paths between backticks, from the root. `a/{b,c}.rs` is two.
fn named_in(root: &Path, document: &str) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(root.join(document)).expect(document);
    let link = Regex::new(r"\]\(([^)#:]+)(?:#[^)]*)?\)").expect("valid");
    let code = Regex::new(r"`((?:src|tests|docs|systemd|benches|fuzz|certs|\.ci)/[\w./-]*\w/?)`")
        .expect("valid");
    let beside = root.join(document).parent().expect("a folder").to_path_buf();
    let links = link.captures_iter(&text).map(|it| beside.join(&it[1]));
    let codes = code.captures_iter(&text).map(|it| root.join(&it[1]));
    let all: Vec<_> = links.chain(codes).collect();
    assert!(!all.is_empty(), "{document} names nothing");
    all
}

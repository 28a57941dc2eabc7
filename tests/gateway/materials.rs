//! The list of materials (`.ci/sbom`) against a binary: whatever crate the binary names in
//! its debug information and its messages of panics has to be on the list, in that version.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

#[test]
fn the_list_of_materials_names_every_crate_that_the_binary_is_linked_of() {
    let list = list();
    let components = list["components"].as_array().expect("components");
    let text = |it: &Value, key: &str| it[key].as_str().expect(key).to_owned();
    let listed: BTreeMap<String, &Value> = components
        .iter()
        .map(|it| (format!("{}-{}", text(it, "name"), text(it, "version")), it))
        .collect();
    assert_eq!(listed.len(), components.len(), "each once");

    let linked = linked();
    assert!(linked.len() > 60, "the binary tells too little to be compared with: {linked:?}");
    let missing: Vec<_> = linked.iter().filter(|it| !listed.contains_key(*it)).collect();
    assert!(missing.is_empty(), "linked, but not on the list: {missing:?}");
    // What only tests or builds use is in no binary, and not on the list.
    for stranger in ["proptest", "criterion", "syn", "cmake", "serde_derive"] {
        assert!(!components.iter().any(|it| it["name"] == stranger), "{stranger}");
    }
    for component in components.iter().filter(|it| it["name"] != "std") {
        let (name, version) = (text(component, "name"), text(component, "version"));
        assert_eq!(component["purl"], format!("pkg:cargo/{name}@{version}"));
        let digest = component["hashes"][0]["content"].as_str().expect("a digest");
        assert_eq!(digest.len(), 64, "{name}");
        assert!(!text(&component["licenses"][0], "expression").is_empty(), "{name}");
    }
    assert_eq!(list["metadata"]["component"]["version"], env!("CARGO_PKG_VERSION"));
}

fn list() -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/sbom");
    let output = Command::new(script)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("it needs python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// `name-version` of every crate whose source the binary names: `.../registry/src/INDEX/NAME-VERSION/...`
fn linked() -> BTreeSet<String> {
    let binary = std::fs::read(env!("CARGO_BIN_EXE_wsgate")).expect("the binary");
    let path =
        r"registry/src/[^/\x00]+/([A-Za-z0-9_-]+-[0-9]+\.[0-9]+\.[0-9]+[A-Za-z0-9.+-]*)[/\x00]";
    let path = regex::bytes::Regex::new(&format!("(?-u){path}")).expect("an expression");
    let names = path.captures_iter(&binary).map(|it| String::from_utf8_lossy(&it[1]).into_owned());
    names.collect()
}

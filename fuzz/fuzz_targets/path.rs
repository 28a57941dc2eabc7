//! A path that is let through has one meaning: no dot segment, no double slash, nothing that a second
//! reading would change, and no way out of the prefix that a rewrite put it under.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wsgate::http::path::{encode, normalise, replace_prefix};

fuzz_target!(|raw: &str| {
    let Ok(path) = normalise(raw) else { return };
    assert!(path.starts_with('/'), "{path:?}");
    assert!(!path.contains("//"), "{path:?}");
    assert!(!path.contains('\\'), "{path:?}");
    assert!(!path.chars().any(char::is_control), "{path:?}");
    assert!(!path.split('/').any(|it| it == "." || it == ".."), "{path:?}");

    let encoded = encode(&path);
    assert!(encoded.bytes().all(|it| it.is_ascii_graphic()), "{encoded:?}");
    assert_eq!(normalise(&encoded).as_deref(), Ok(&*path), "{encoded:?}");

    let borders = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    for border in borders.skip(1) {
        let rewritten = replace_prefix(&path, border, "/kept");
        let read_again = normalise(&rewritten).expect("a rewritten path has one meaning");
        let behind = read_again.strip_prefix("/kept");
        assert!(behind.is_some_and(|it| it.is_empty() || it.starts_with('/')), "{rewritten:?}");
    }
});

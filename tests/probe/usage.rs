//! Wrong use ends with 2 and says what is wrong; nothing is printed as if it were a report.

use super::golden::{folder, run};

#[test]
fn wrong_use_is_2_and_named() {
    for (words, named) in [
        (vec!["https://game.example.test/ws"], "the scheme must be wss"),
        (vec!["wss://a.example/", "--header", "Referer: x"], "use --appid or --referer"),
        (vec!["wss://a.example/", "--header", "no colon"], "write 'Name: value'"),
        (vec!["wss://a.example/", "--appid", "wx12"], "not an app id"),
        (vec!["wss://a.example/", "--subprotocol", "a b"], "cannot be a subprotocol"),
        (vec!["wss://a.example/", "--connect-to", "a"], "HOST:PORT"),
        (vec!["wss://a.example/", "--wait", "soon"], "--wait"),
        (vec!["wss://a.example/", "--wait", "1000000000y"], "--wait"),
        (vec!["wss://a.example/", "--origin", "a\nb"], "not a header"),
        (vec!["wss://a.example/", "--appid", "qq:1", "--referer", "x"], "cannot be used with"),
        (vec![], "URL"),
    ] {
        let output = run(&words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {errors}");
        assert!(errors.contains(named), "{words:?}: {errors}");
        assert!(output.stdout.is_empty(), "{words:?}");
    }
}

#[test]
fn what_is_secret_in_a_command_line_is_not_printed_when_it_is_wrong() {
    for words in [
        vec!["https://a.example/x?token=SECRET"],
        vec!["wss://a.example/x?token=SECRET#f"],
        vec!["wss://user:SECRET@a.example/x?token=SECRET"],
        vec!["wss://a.example:0/x?token=SECRET"],
        vec!["wss://a.example/", "--header", "Authorization Bearer SECRET"],
        vec!["wss://a.example/", "--header", "Authori zation: Bearer SECRET"],
        vec!["wss://a.example/", "--referer", "https://b.example/?token=SECRET\n"],
    ] {
        let output = run(&words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {errors}");
        assert!(errors.contains("***") && !errors.contains("SECRET"), "{words:?}: {errors}");
    }
}

#[test]
fn a_ca_file_that_cannot_be_read_is_wrong_use() {
    let output = run(&["wss://a.example/", "--ca", "/nowhere/ca.crt"]);
    // The option stands twice then.
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn every_golden_belongs_to_a_test() {
    let mut sources = String::new();
    for name in ["way", "answers", "sockets"] {
        let path = folder().with_file_name(format!("{name}.rs"));
        sources.push_str(&std::fs::read_to_string(path).expect("a source"));
    }
    let files = std::fs::read_dir(folder()).expect("the folder");
    for file in files {
        let name = file.expect("readable").file_name().to_string_lossy().into_owned();
        let stem = name.strip_suffix(".out").expect("a golden");
        assert!(sources.contains(&format!("(\"{stem}\"")), "{name} belongs to no test");
    }
}

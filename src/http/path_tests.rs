//! Tables of paths: what each is normalised to, and what is refused for what.

use super::*;

#[test]
fn a_path_that_needs_no_change_is_borrowed() {
    for path in "/ /a /a/b/ /applet/websocket /a;v=1/b /... /.a/b.. /~u/@".split(' ') {
        let normalised = normalise(path).expect(path);
        assert_eq!(normalised, path);
        assert!(matches!(normalised, Cow::Borrowed(_)), "{path}");
    }
}

#[test]
fn escapes_dot_segments_and_double_slashes_are_resolved() {
    let table = [
        ("/a%62c", "/abc"),
        ("/%7Euser", "/~user"),
        ("/a%20b", "/a b"),
        ("/%e4%BD%a0", "/\u{4f60}"),
        ("/a?%3f%23", "/a??#"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/a/b/.", "/a/b/"),
        ("/a/..", "/"),
        ("/a/b/../../c", "/c"),
        ("/.", "/"),
        ("/%2e/a", "/a"),
        ("/a/%2E%2e/b", "/b"),
        ("/a/.%2e/b", "/b"),
        ("//", "/"),
        ("//a", "/a"),
        ("/a//b///c", "/a/b/c"),
        ("/a//", "/a/"),
        ("/a//.//b", "/a/b"),
        ("/a//b/../c", "/a/c"),
        ("/applet/websocket/socket.io//", "/applet/websocket/socket.io/"),
        // Decoded once only: what a second pass would make of it is nobody's business.
        ("/%252e%252e/a", "/%2e%2e/a"),
        ("/%252f", "/%2f"),
    ];
    for (raw, expected) in table {
        assert_eq!(normalise(raw).as_deref(), Ok(expected), "{raw}");
    }
}

#[test]
fn a_path_with_two_meanings_is_refused_with_its_reason() {
    let table = [
        (BadPath::NotAbsolute, "|*|a/b|http://a/b|%2fa"),
        (BadPath::NotAscii, "/\u{e4}|/a\u{ff0f}b"),
        (BadPath::BrokenEscape, "/a%|/a%4|/a%g0|/a%0g|/a%+1|/%u002e|/%%41"),
        (BadPath::EncodedSlash, "/a%2fb|/a%2F..%2Fb|/%2f"),
        (BadPath::Backslash, "/a\\b|/a%5cb|/..%5C"),
        (BadPath::Control, "/a%00|/a\0|/a\tb|/a%0d%0ab|/a%7f|/a\u{7f}|/a%c2%85"),
        (BadPath::NotUtf8, "/%c0%ae%c0%ae/a|/%c0%af|/%e0%80%af|/%ed%a0%80|/%ff"),
        (BadPath::AboveRoot, "/..|/%2e%2e|/../a|/a/../../b|/./../a"),
        (BadPath::EmptyParent, "//../a|/a//../b|/a//./../b|/a//b/../../c"),
        (BadPath::EncodedEnd, "/a%3f/../b|/a%23/../b|/a/%2e%2e/b%3F|/a%3f/./b"),
        (BadPath::DotParameter, "/a/..;/b|/a/..;x=1/b|/a/.;/b|/a/..%3b/b|/a/%2e%2e;|/..;/../a"),
    ];
    for (expected, raw) in
        table.iter().flat_map(|(it, all)| all.split('|').map(move |raw| (it, raw)))
    {
        assert_eq!(normalise(raw), Err(*expected), "{raw:?}");
    }
}

#[test]
fn dot_segments_and_parameters_have_other_readings_and_ordinary_paths_have_none() {
    let none = "/ /a/b/ /a//b /.a/b.. /... /a%62c /a.b/c%20d /applet/socket.io//";
    for raw in none.split(' ') {
        assert_eq!(other_readings(raw), Ok(Readings::default()), "{raw}");
    }
    let table: [(&str, &[&str], Option<&str>); 12] = [
        ("/a/../b", &["/a/../b"], None),
        ("/a/%2e%2E/b", &["/a/../b"], None),
        ("/a//./b", &["/a/./b"], None),
        ("/a/..", &["/a/.."], None),
        ("/a/./", &["/a/./"], None),
        ("/a;v=1/b", &[], Some("/a/b")),
        ("/a%3Bv/b", &[], Some("/a/b")),
        ("/;/a", &[], Some("/a")),
        ("/;", &[], Some("/")),
        ("/a/b;.", &[], Some("/a/b")),
        ("/a/../b;c/d", &["/a/../b;c/d", "/a/../b/d"], Some("/b/d")),
        ("/a;/../b", &["/a;/../b", "/a/../b"], Some("/b")),
    ];
    for (raw, others, bare) in table {
        let found = other_readings(raw).expect(raw);
        assert_eq!(found.raw, others, "{raw}");
        assert_eq!(found.bare.as_deref(), bare, "{raw}");
    }
    // Without its parameter the segment is empty, and then `..` has two meanings.
    assert_eq!(other_readings("/a/;/../b"), Err(BadPath::EmptyParent));
}

#[test]
fn what_begins_with_more_than_one_slash_may_be_an_authority() {
    let table =
        [("//a/b", "/b"), ("///a//b/./c", "/b/c"), ("//a", "/"), ("//", "/"), ("//a/../b", "/")];
    for (raw, behind) in table {
        assert_eq!(other_readings(raw).expect(raw).raw[0], behind, "{raw}");
    }
}

#[test]
fn a_normalised_path_stays_as_it_is_when_encoded_and_normalised_again() {
    let paths = "/a%20b/%e4%bd%a0 /%25 /a%3fb%23c /%22%3c%7b /a/../b;c//d /a:b@c!$&'()*+,=~";
    for raw in paths.split(' ') {
        let once = normalise(raw).expect(raw).into_owned();
        let encoded = encode(&once);
        assert!(encoded.bytes().all(|it| it.is_ascii_graphic()), "{encoded}");
        assert_eq!(normalise(&encoded).as_deref(), Ok(once.as_str()), "{raw}");
    }
}

#[test]
fn only_what_a_path_may_not_hold_is_encoded() {
    assert_eq!(encode("/a-b._~!$&'()*+,;=:@/c"), "/a-b._~!$&'()*+,;=:@/c");
    assert_eq!(encode("/a b?c#d%e\"<>[]^`{|}"), "/a%20b%3Fc%23d%25e%22%3C%3E%5B%5D%5E%60%7B%7C%7D");
    assert_eq!(encode("/\u{4f60}"), "/%E4%BD%A0");
}

#[test]
fn a_replaced_prefix_leaves_one_slash_at_the_seam() {
    let table = [
        ("/api/v1", 4, "/", "/v1"),
        ("/api/v1", 4, "", "/v1"),
        ("/api/v1", 4, "/b", "/b/v1"),
        ("/api/v1", 4, "/b/", "/b/v1"),
        ("/api/v1", 4, "b", "/b/v1"),
        ("/api/v1", 5, "/b", "/b/v1"),
        ("/api/v1", 5, "/b/", "/b/v1"),
        ("/api/", 4, "/b", "/b/"),
        ("/api", 4, "/b", "/b"),
        ("/api", 4, "/b/", "/b/"),
        ("/api", 4, "/", "/"),
        ("/api", 4, "", "/"),
        ("/", 1, "/b", "/b"),
        ("/x", 0, "/b", "/b/x"),
        ("/x", 1, "/b", "/b/x"),
        ("/api/a b", 4, "/\u{e4}", "/%C3%A4/a%20b"),
        ("/a", 99, "/b", "/b"),
    ];
    for (path, len, replacement, expected) in table {
        assert_eq!(replace_prefix(path, len, replacement), expected, "{path} {len} {replacement}");
    }
}

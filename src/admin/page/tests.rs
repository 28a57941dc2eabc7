//! The whole page, from the status that docs/admin.md gives as an example.

use serde_json::Value;

use super::*;

#[test]
fn whatever_a_status_says_stays_text() {
    let (mut status, mut sockets) = examples();
    for value in [&mut status, &mut sockets] {
        replace_texts(value, HOSTILE);
    }
    let (status, sockets) = (shape(status), shape(sockets));
    let html = render(&View { status: &status, sockets: &sockets, query: HOSTILE, sort: HOSTILE });
    assert!(html.matches("&lt;b onclick=&quot;x&quot;&gt;").count() > 30, "{html}");
    assert_eq!(tags(&html).iter().filter(|it| it.starts_with("<b ")).count(), 0, "{html}");
    let is_script = |it: &&str| it.trim_start_matches(['<', '/', 'n', 'o']).starts_with("script");
    let scripts: Vec<_> = tags(&html).into_iter().filter(is_script).collect();
    let own = "<script type=\"module\" src=\"/page.js\">";
    let noscript = ["<noscript>", "</noscript>", "<noscript>", "</noscript>"];
    assert_eq!(scripts, [&[own, "</script>"], &noscript[..]].concat());
}

#[test]
fn every_element_is_closed_where_it_was_opened() {
    let (status, sockets) = examples();
    let (status, sockets): (Status, Listing) = (shape(status), shape(sockets));
    for status in [status, Status::default()] {
        let html = render(&View { status: &status, sockets: &sockets, query: "", sort: "newest" });
        let mut open = Vec::new();
        for tag in tags(&html).into_iter().filter(|it| !it.starts_with("<!") && !it.ends_with("/>"))
        {
            let name = tag.trim_matches(['<', '>', '/']).split(' ').next().unwrap_or_default();
            if tag.starts_with("</") {
                assert_eq!(open.pop(), Some(name), "{html}");
            } else if !["meta", "link", "input", "wbr"].contains(&name) {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}

#[test]
fn the_figures_of_the_status_are_on_the_page() {
    let (status, sockets) = examples();
    let (status, sockets): (Status, Listing) = (shape(status), shape(sockets));
    let html = render(&View { status: &status, sockets: &sockets, query: "a\"b", sort: "silent" });
    for text in [
        "<title>2,000 sockets · ready · wsgate</title>",
        "<p class=\"now\">2,000 <small>at most 2,000</small></p>",
        "<p class=\"now\">800/s <small>at most 810/s</small></p>",
        "<td class=\"one\" data-name=\"By\">client</td>",
        "80 days",
        "timer:client_timeout",
        "3 applied, 1 refused",
        "value=\"a&quot;b\"",
        "<option value=\"silent\" selected>",
        "data-id=\"9f86d081884c7d65\"",
    ] {
        assert!(html.contains(text), "{text} is not in {html}");
    }
}

#[test]
fn a_report_keeps_its_lines_and_is_not_endless() {
    let (mut status, _) = examples();
    status["reloads"]["last"]["words"] = Value::String("error: <a>\n  |\n".repeat(100));
    let status = shape(status);
    let sockets = Listing::default();
    let html = render(&View { status: &status, sockets: &sockets, query: "", sort: "newest" });
    assert!(html.contains("<pre>error: &lt;a&gt;\n  |\nerror"), "{html}");
    assert_eq!(html.matches("error: &lt;a&gt;").count(), 6);
    assert!(html.contains("… the log has all of it</pre>"), "{html}");
}

#[test]
fn a_drain_says_how_far_it_is() {
    let (mut status, _) = examples();
    let drain = r#"{"phase": "draining", "since": "2026-11-21T15:42:00.000Z",
        "cut_at": "2026-11-21T15:42:30.000Z", "connections_at_start": 2000, "connections_left": 500}"#;
    status["drain"] = serde_json::from_str(drain).expect("JSON");
    let html = render(&View {
        status: &shape(status),
        sockets: &Listing::default(),
        query: "",
        sort: "newest",
    });
    for text in [
        "max=\"2000\" value=\"1500\"",
        "1,500 of 2,000 connections have ended, 500 are left.",
        "What is left at 15:42:30 UTC is cut.",
    ] {
        assert!(html.contains(text), "{text} is not in {html}");
    }
}

const HOSTILE: &str = "'\"><b onclick=\"x\">&lt;script</b>";

/// The bodies of the examples in the documentation: the status and the list of sockets.
fn examples() -> (Value, Value) {
    let text = include_str!("../../../docs/admin.md");
    let mut blocks = text.split("```json\n").skip(1).filter_map(|it| it.split("```").next());
    let mut next = || serde_json::from_str(blocks.next().expect("a block")).expect("JSON");
    (next(), next())
}

fn shape<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("the example has the shape")
}

fn replace_texts(value: &mut Value, with: &str) {
    match value {
        Value::String(text) => *text = with.to_owned(),
        Value::Array(values) => values.iter_mut().for_each(|it| replace_texts(it, with)),
        Value::Object(fields) => fields.values_mut().for_each(|it| replace_texts(it, with)),
        _ => {}
    }
}

fn tags(html: &str) -> Vec<&str> {
    let piece = |(at, _)| html.get(at..).and_then(|it| it.split_inclusive('>').next());
    html.match_indices('<').filter_map(piece).collect()
}

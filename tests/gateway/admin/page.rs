//! The status page as HTTP has it; tests/browser tries it in a browser.

use super::asking::{HERE, ask, code};
use super::{house, window};
use crate::house::client::field;
use crate::house::{Backend, route};

#[tokio::test]
async fn the_page_may_do_nothing_but_look_and_ask_its_gateway() {
    let backend = Backend::echo().await;
    let house = house("", &route("/", &backend)).await;
    let to = window(&house);
    let (head, html) = ask(&to, "GET", "/", HERE).await;
    assert_eq!(code(&head), 200);
    assert_eq!(field(&head, "content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(field(&head, "cache-control"), Some("no-store"));
    let policy = field(&head, "content-security-policy").expect("a policy");
    for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'"] {
        assert!(policy.split("; ").any(|it| it == part), "{part} in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(!html.contains(" style=") && !html.contains("http://"), "{html}");
    let (head, _) = ask(&to, "POST", "/", HERE).await;
    assert_eq!((code(&head), field(&head, "allow")), (405, Some("GET, HEAD")));
    house.finish().await;
}

#[tokio::test]
async fn every_file_of_the_page_is_there_with_its_type() {
    let backend = Backend::echo().await;
    let house = house("", &route("/", &backend)).await;
    let to = window(&house);
    let (_, html) = ask(&to, "GET", "/", HERE).await;
    let mut files = 0;
    for piece in html.split("=\"/").skip(1) {
        let path = piece.split('"').next().filter(|it| !it.is_empty());
        let Some(path) = path.map(|it| format!("/{it}")) else { continue };
        let (head, body) = ask(&to, "GET", &path, HERE).await;
        assert_eq!(code(&head), 200, "{path}");
        let kind = field(&head, "content-type").expect("a type");
        let wanted = if path.ends_with(".js") { "text/javascript" } else { "text/css" };
        assert!(kind.starts_with(wanted) && body.len() > 1000, "{path}: {kind}");
        assert_eq!(field(&head, "x-content-type-options"), Some("nosniff"));
        files += 1;
    }
    assert_eq!(files, 2);
    house.finish().await;
}

#[tokio::test]
async fn a_search_needs_no_script_and_no_query_breaks_the_page() {
    let backend = Backend::echo().await;
    let house = house("", &route("/", &backend)).await;
    let to = window(&house);
    let socket = house.socket("/room").await;
    for (query, words) in [
        ("", "1 live."),
        ("?q=game.example&sort=oldest", "1 live."),
        ("?q=+GAME+", "1 live."),
        ("?q=nobody", "None of 1 live sockets matches."),
        ("?sort=best&limit=0&other=%ff", "1 live."),
        ("?q=%22%3E%3Cb%3E", "value=\"&quot;&gt;&lt;b&gt;\""),
    ] {
        let (head, html) = ask(&to, "GET", &format!("/{query}"), HERE).await;
        assert_eq!(code(&head), 200, "{query}");
        assert!(html.contains(words), "{query}: {words} is not in {html}");
    }
    drop(socket);
    house.finish().await;
}

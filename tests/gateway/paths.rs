//! What a path leads to, and what a backend is sent of it.

use wsgate::life::{Cause, Refusal};

use crate::house::{House, route};
use crate::http::mirror;

#[tokio::test]
async fn routes_are_matched_on_the_normalised_path_and_the_raw_one_goes_on() {
    let (a, b, c, d) = (mirror().await, mirror().await, mirror().await, mirror().await);
    let routes = format!(
        "{}{}{}{}",
        route("/applet", &a),
        route("/applet/websocket", &b),
        route("= /applet/exact", &c),
        route("~ ^/applet/v[0-9]+/", &d)
    );
    let house = House::with_routes(&routes).await;
    let names = ["/applet", "/applet/websocket", "= /applet/exact", "~ ^/applet/v[0-9]+/"];
    let cases = [
        ("/applet", 0),
        ("/applet/x?q=/applet/websocket", 0),
        ("/applet/websocketx", 0),
        ("/applet/websocket", 1),
        ("/applet//websocket/socket.io//?EIO=3", 1),
        ("/applet/websocket/x/../%77ebsocket/y", 1),
        ("/applet/websocket/%2e/y;v=1", 1),
        ("/applet/exact", 2),
        ("/applet/exact/", 0),
        ("/applet/v1/y", 3),
    ];
    let mut client = house.client().await;
    for (path, place) in cases {
        let (head, body) = client.fetch(path, "").await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
        assert!(body.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{path}: {body}");
        assert_eq!(house.line().await.route, names[place], "{path}");
    }
    for (path, status, refusal) in [
        ("/other", 404, Refusal::NoRoute),
        ("/applet/%2fwebsocket", 400, Refusal::BadPath),
        ("/applet/%00", 400, Refusal::BadPath),
        ("/../applet", 400, Refusal::BadPath),
    ] {
        let mut client = house.client().await;
        let (head, _) = client.fetch(path, "").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {head}");
        assert_eq!(house.end().await.cause, Cause::Refusal(refusal), "{path}");
        if status == 400 {
            assert_eq!(client.rest().await, b"", "{path}: nothing is read behind it");
        }
    }
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn no_dots_or_parameters_lead_to_a_stricter_route_through_a_laxer_one() {
    let backend = mirror().await;
    let private = route("/private", &backend)
        + "[sites.routes.clients]\naddresses = { deny = [\"127.0.0.0/8\"] }\n";
    let house = House::with_routes(&(route("/", &backend) + &private)).await;
    let refused = [
        ("/private/..;/x", 400, Refusal::BadPath),
        ("/private;v=1/x", 400, Refusal::BadPath),
        ("/x/../private%3bv", 400, Refusal::BadPath),
        ("/;v=1/private", 400, Refusal::BadPath),
        ("/./private", 403, Refusal::Address),
        ("/x/%2e%2e/private", 403, Refusal::Address),
        ("/private", 403, Refusal::Address),
        ("//private", 403, Refusal::Address),
        ("//private//x", 403, Refusal::Address),
        ("/private/x;v=1/./y", 403, Refusal::Address),
    ];
    for (path, status, refusal) in refused {
        let (head, _) = house.client().await.fetch(path, "").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {head}");
        assert_eq!(house.end().await.cause, Cause::Refusal(refusal), "{path}");
    }
    assert_eq!(backend.accepted(), 0);
    let mut client = house.client().await;
    for path in ["/x//private", "/x/../y", "/x;v=1/./y", "/.x/y", "//x", "/privatex/../y"] {
        let (_, body) = client.fetch(path, "").await;
        assert!(body.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{path}: {body}");
    }
    // Servers that match before they remove dot segments, or that parse a URL and take `x` for its
    // host, would see the other route: they are sent what was matched.
    for (path, sent) in [
        ("/private/../x", "/x"),
        ("/private/%2e%2e/a%20b?c=../d", "/a%20b?c=../d"),
        ("/private/..", "/"),
        ("/private;v=1/../x", "/x"),
        ("//x/private", "/x/private"),
        ("///x//private?z", "/x/private?z"),
    ] {
        let (_, body) = client.fetch(path, "").await;
        assert!(body.starts_with(&format!("GET {sent} HTTP/1.1\r\n")), "{path}: {body}");
    }
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_prefix_can_be_stripped_or_replaced() {
    let backend = mirror().await;
    let routes = format!(
        "{}strip_prefix = true\n{}strip_prefix = \"/v2\"\n",
        route("/api", &backend),
        route("/old", &backend)
    );
    let house = House::with_routes(&routes).await;
    let mut client = house.client().await;
    for (path, sent) in
        [("/api/a%20b?x=1", "/a%20b?x=1"), ("/api", "/"), ("/old/x", "/v2/x"), ("/old?y", "/v2?y")]
    {
        let (_, body) = client.fetch(path, "").await;
        assert!(body.starts_with(&format!("GET {sent} HTTP/1.1\r\n")), "{path}: {body}");
    }
    drop(client);
    house.finish().await;
}

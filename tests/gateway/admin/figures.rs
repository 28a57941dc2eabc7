//! The figures are those of real traffic.

use serde_json::{Value, json};

use super::{house, status};
use crate::house::frames::{BINARY, CLOSE, PING, TEXT, close_payload, masked};
use crate::house::{Backend, HOST, House, route, until};

/// One socket that says two things and closes, one that stays, one refused handshake, one request.
pub async fn traffic(house: &House) -> crate::house::Client {
    let mut leaves = house.socket("/ws").await;
    leaves.send(masked(TEXT, "hello")).await;
    leaves.send(masked(BINARY, [0; 300])).await;
    leaves.send(masked(PING, "p")).await;
    for _ in 0..3 {
        leaves.frame().await.expect("the echo");
    }
    leaves.send(masked(CLOSE, close_payload(4001, ""))).await;
    leaves.rest().await;
    house.line().await;
    let stays = house.socket("/ws").await;
    let other = house.client().await.get("/nowhere", "").await;
    assert!(other.starts_with("HTTP/1.1 404 "), "{other}");
    house.line().await;
    let refused = house.client().await.upgrade("/nowhere", "").await;
    assert!(refused.starts_with("HTTP/1.1 404 "), "{refused}");
    house.line().await;
    until(|| house.metrics().sockets.value() == 1).await;
    stays
}

#[tokio::test]
async fn the_status_tells_of_what_has_happened() {
    let backend = Backend::echo().await;
    let house = house("", &route("/ws", &backend)).await;
    let stays = traffic(&house).await;
    let status = status(&house).await;
    let at = |path: &str| status.pointer(path).cloned().unwrap_or(Value::Null);
    for (path, expected) in [
        ("/pid", json!(std::process::id())),
        ("/drain/phase", json!("running")),
        ("/drain/since", Value::Null),
        ("/connections/open", json!(1)),
        ("/connections/accepted", json!(4)),
        ("/sockets/open", json!(1)),
        ("/sockets/opened", json!(2)),
        ("/sockets/up/messages", json!(2)),
        ("/sockets/up/frames", json!(4)),
        ("/sockets/up/text", json!({ "frames": 1, "bytes": 11 })),
        ("/sockets/up/binary", json!({ "frames": 1, "bytes": 308 })),
        ("/sockets/up/control", json!({ "frames": 2, "bytes": 7 + 8 })),
        ("/handshakes/switched", json!(2)),
        ("/handshakes/failures", json!([{ "end": "refused:no_route", "count": 1 }])),
        ("/tls/versions/1", json!({ "version": "1.3", "count": 4 })),
        ("/routes/0/site", json!(HOST)),
        ("/routes/0/route", json!("/ws")),
        ("/routes/0/sockets/open", json!(1)),
        ("/backends/0/sockets_open", json!(1)),
        ("/backends/0/servers/0/address", json!(backend.address().to_string())),
        ("/backends/0/servers/0/standing", json!("up")),
        ("/backends/0/servers/0/live", json!(1)),
        ("/backends/0/servers/0/connected", json!(2)),
        ("/backends/0/servers/0/connect/count", json!(2)),
        ("/certificates/0/names", json!([HOST])),
        ("/endings/0/end", json!("refused:no_route")),
        ("/endings/2/end", json!("close:4001")),
        ("/endings/2/by", json!("client")),
        ("/endings/2/up/messages", json!(2)),
        ("/reloads/last", Value::Null),
        ("/history/every_s", json!(5.0)),
    ] {
        assert_eq!(at(path), expected, "{path} in {status:#}");
    }
    assert!(at("/memory_bytes").as_u64() > Some(1 << 20) && at("/open_files").as_u64() > Some(3));
    assert!(at("/certificates/0/days_left").as_f64() > Some(0.0));
    let ends = at("/ends");
    let close = json!({ "kind": "socket", "by": "client", "end": "close", "count": 1 });
    assert!(ends.as_array().expect("a list").contains(&close), "{ends}");
    drop(stays);
    house.finish().await;
}

#[tokio::test]
async fn a_server_that_takes_no_connection_is_told_of_with_its_failure() {
    let nobody = Backend::nobody().await;
    let house = house("", &route("/", &nobody)).await;
    let head = house.client().await.upgrade("/", "").await;
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    let status = status(&house).await;
    let server = &status["backends"][0]["servers"][0];
    assert_eq!((&server["standing"], &server["failed"]), (&json!("doubtful"), &json!(1)));
    let words = server["last_failure"]["words"].as_str().expect("words");
    assert!(words.contains("refused"), "{words}");
    assert_eq!(status["handshakes"]["failures"][0]["end"], "backend:refused");
    house.finish().await;
}

#[tokio::test]
async fn a_pool_without_any_address_is_told_of() {
    let routes = "[[sites.routes]]\npath = \"/\"\nbackend = \"lost\"\n\
                  [backends.lost]\nservers = [\"nobody.invalid:80\"]\n";
    let house = house("", routes).await;
    assert_eq!(status(&house).await["backends"][0]["servers"], json!([]));
    let figures = super::metrics::scrape(&house).await;
    let sample = super::metrics::value(&figures, "wsgate_backend_servers{backend=\"lost\"}");
    assert_eq!(sample, Some(0.0), "an alert needs something to look at");
    let out = super::terminal::printed_of(&house).await;
    let row = out.lines().find(|it| it.contains("(no server)")).expect("a row of its own");
    assert!(row.contains("lost"), "{row}");
    house.finish().await;
}

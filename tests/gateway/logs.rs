//! One access line for each request and each socket, with what a person needs and no secrets.

use wsgate::life::Cause;
use wsgate::observe::line::{Form, Kind};

use crate::house::frames::{CLOSE, TEXT, close_payload, masked};
use crate::house::{Backend, House, route};

#[tokio::test]
async fn a_socket_has_one_line_at_its_end_that_says_everything() {
    let backend = Backend::echo().await;
    let house = House::with_routes(&route("/applet/websocket", &backend)).await;
    let mut client = house.client().await;
    let referer = "https://servicewechat.com/wx0123456789abcdef/devtools/page-frame.html";
    let fields = format!("Origin: https://servicewechat.com\r\nReferer: {referer}\r\n");
    client.upgrade("/applet/websocket/x?access_token=s3cret&EIO=3&key=k", &fields).await;
    client.send(masked(TEXT, "hello")).await;
    client.frame().await;
    client.send(masked(CLOSE, close_payload(1000, "bye"))).await;
    client.rest().await;
    drop(client);
    let line = house.line().await;
    assert_eq!(line.kind, Kind::Socket);
    assert_eq!(line.client, "127.0.0.1");
    assert_eq!(line.target, "/applet/websocket/x?access_token=***&EIO=3&key=***");
    assert_eq!((line.route.as_str(), line.status), ("/applet/websocket", 101));
    assert_eq!(line.backend, backend.address().to_string());
    assert_eq!(line.app, "wx0123456789abcdef");
    assert_eq!((line.up.frames, line.up.bytes), (2, 11 + 11));
    assert_eq!((line.down.frames, line.down.bytes), (2, 7 + 7));
    assert_eq!(line.end.cause, Cause::Close(1000));
    let text = line.render(Form::Text);
    for part in ["app=wx0123456789abcdef", "by=client", "stage=relay", "end=close:1000"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("s3cret"));
    house.finish().await;
}

#[tokio::test]
async fn a_request_has_one_line_with_status_and_bytes() {
    let backend =
        Backend::answering("HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello").await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = house.client().await;
    client.fetch("/session?ticket=t", "").await;
    let line = house.line().await;
    assert_eq!((line.kind, line.status, line.down.bytes), (Kind::Request, 201, 5));
    assert_eq!(line.target, "/session?ticket=***");
    assert_eq!(line.end.cause, Cause::Finished);
    drop(client);
    house.finish().await;
}

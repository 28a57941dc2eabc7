//! Requests over HTTP/2 are the requests of HTTP/1.1: routed, judged, changed and told alike.

use bytes::Bytes;
use h2::Reason;
use hyper::Request;
use wsgate::life::{Cause, Refusal};

use crate::house::client::field;
use crate::house::http2::{self, Good, get, read};
use crate::house::{Backend, HOST, House, https_listener, route, site, soon, until};
use crate::http::mirror;

#[tokio::test]
async fn alpn_decides_and_who_does_not_ask_gets_http_1_1() {
    let backend = mirror().await;
    let off = https_listener().to_owned() + "http2 = false\n";
    let text = format!("{}{off}{}{}", https_listener(), site(HOST), route("/", &backend));
    let house = House::with(&text).await;
    type Case<'a> = (usize, &'a [&'a [u8]], Option<&'a [u8]>);
    let cases: [Case<'_>; 5] = [
        (0, &[b"h2", b"http/1.1"], Some(b"h2")),
        (0, &[b"http/1.1", b"h2"], Some(b"h2")),
        (0, &[b"http/1.1"], Some(b"http/1.1")),
        (0, &[], None),
        (1, &[b"h2", b"http/1.1"], Some(b"http/1.1")),
    ];
    for (listener, offered, chosen) in cases {
        let stream = http2::tls(house.address_of(listener), HOST, offered).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen);
        if chosen != Some(b"h2") {
            let mut client = crate::house::Client::on(stream);
            assert!(client.fetch("/", "").await.0.starts_with("HTTP/1.1 200 "));
            assert_eq!(house.line().await.proto, "");
        }
    }
    assert_eq!(house.metrics().http2.value(), 2);
    house.finish().await;
}

#[tokio::test]
async fn a_request_reaches_the_backend_as_one_of_http_1_1() {
    let backend = mirror().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = Good::new(house.address()).await;
    let request = Request::get(format!("https://{HOST}/a%20b?q=1"))
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("te", "trailers")
        .header("x-wx-skey", "s")
        .header("x-forwarded-for", "1.2.3.4");
    let answer = client.fetch(request.body(()).unwrap()).await;
    assert_eq!(answer.status(), 200);
    let head = &answer.body;
    assert!(head.starts_with("GET /a%20b?q=1 HTTP/1.1\r\n"), "{head}");
    assert_eq!(field(head, "Host"), Some(HOST));
    assert_eq!(field(head, "Cookie"), Some("a=1; b=2"));
    assert_eq!(head.to_lowercase().matches("cookie:").count(), 1, "{head}");
    assert_eq!(field(head, "TE"), Some("trailers"));
    assert_eq!(field(head, "X-Forwarded-For"), Some("127.0.0.1"));
    assert_eq!(field(head, "X-Forwarded-Proto"), Some("https"));
    assert!(head.contains("\r\nX-WX-Skey: s\r\n"), "spelled as backends know it: {head}");
    let line = house.line().await;
    assert_eq!((line.proto, line.status, line.end.cause), ("h2", 200, Cause::Finished));
    assert_eq!(line.down.bytes, answer.body.len() as u64);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn many_requests_are_under_way_on_one_connection_and_each_has_its_line() {
    let backend = mirror().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let client = Good::new(house.address()).await;
    let all = (0..60).map(|it| {
        let mut client = client.clone();
        tokio::spawn(async move { client.get(&format!("/{it}")).await })
    });
    for (it, answer) in all.collect::<Vec<_>>().into_iter().enumerate() {
        let answer = answer.await.unwrap();
        assert!(answer.body.starts_with(&format!("GET /{it} HTTP/1.1\r\n")), "{answer:?}");
    }
    let lines = house.lines(60).await;
    let mut paths: Vec<_> = lines.iter().map(|it| it.target.clone()).collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 60);
    assert_eq!(house.metrics().accepted.value(), 1, "one connection of the client");
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn bodies_are_streamed_both_ways() {
    // The backend answers each piece of the body with the same piece, before the next is sent.
    let backend = Backend::new(|mut client| async move {
        client.head().await;
        client.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        for _ in 0..3 {
            // Chunks of the request: "5\r\npiece\r\n".
            let piece = client.exactly(10).await;
            client.send(piece).await;
        }
        client.exactly(5).await;
        client.send("0\r\nX-Sum: 15\r\n\r\n").await;
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = Good::new(house.address()).await;
    let post = Request::post(format!("https://{HOST}/")).body(()).unwrap();
    let (answer, mut upload) = client.ask(post, false).await;
    upload.send_data(Bytes::from_static(b"piece"), false).unwrap();
    let answer = soon(answer).await.expect("the head comes before the body's end");
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body();
    for round in 0..3 {
        assert_eq!(soon(body.data()).await.unwrap().unwrap(), "piece");
        if round < 2 {
            upload.send_data(Bytes::from_static(b"piece"), false).unwrap();
        }
    }
    upload.send_data(Bytes::new(), true).unwrap();
    assert!(soon(body.data()).await.is_none());
    let trailers = soon(body.trailers()).await.unwrap().expect("trailers pass");
    assert_eq!(trailers["x-sum"], "15");
    let line = house.line().await;
    assert_eq!((line.up.bytes, line.down.bytes), (15, 15));
    drop((client, upload, body));
    house.finish().await;
}

#[tokio::test]
async fn the_rules_of_sites_and_routes_hold() {
    let backend = mirror().await;
    let only = format!("{}upgrade = \"only\"\n", route("/only", &backend));
    let fenced = format!(
        "{}[sites.routes.clients]\norigins = [\"https://a.test\"]\n",
        route("/fenced", &backend)
    );
    let other = format!("{}{}", site("other.example.test"), route("/", &backend));
    let text = format!("{}{}{only}{fenced}{other}", https_listener(), site(HOST));
    let house = House::with(&text).await;
    let mut client = Good::new(house.address()).await;
    let at = |host: &str, path: &str| {
        Request::get(format!("https://{host}{path}")).body(()).expect("a request")
    };
    let mut disagrees = at(HOST, "/only");
    disagrees.headers_mut().insert("host", "other.example.test".parse().unwrap());
    let cases = [
        (at("other.example.test", "/"), 421, Refusal::Misdirected),
        (at("nobody.example.test", "/"), 421, Refusal::Misdirected),
        (at(HOST, "/nowhere"), 404, Refusal::NoRoute),
        (at(HOST, "/only/..;/x"), 400, Refusal::BadPath),
        (at(HOST, "/only"), 426, Refusal::UpgradeRequired),
        (at(HOST, "/fenced"), 403, Refusal::MissingOrigin),
        (disagrees, 400, Refusal::BadHost),
    ];
    for (request, status, refusal) in cases {
        let answer = client.fetch(request).await;
        assert_eq!(answer.status(), status, "{answer:?}");
        for name in ["connection", "upgrade", "keep-alive"] {
            assert!(!answer.head.headers().contains_key(name), "{name}: {answer:?}");
        }
        let line = house.line().await;
        assert_eq!((line.proto, line.end.cause), ("h2", Cause::Refusal(refusal)));
    }
    assert_eq!(backend.accepted(), 0);
    assert_eq!(house.metrics().accepted.value(), 1, "no refusal ended the connection");
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn bodies_and_heads_have_the_same_limits() {
    let backend = mirror().await;
    let limits = "[gateway.limits]\nheader_size = \"2KiB\"\nheaders = 20\n";
    let routes = route("/", &backend) + "[sites.routes.limits]\nrequest_body = \"1KiB\"\n";
    let text = format!("{limits}{}{}{routes}", https_listener(), site(HOST));
    let house = House::with(&text).await;
    let mut client = Good::new(house.address()).await;
    let post = Request::post(format!("https://{HOST}/")).body(()).unwrap();
    let (answer, mut upload) = client.ask(post, false).await;
    upload.send_data(Bytes::from(vec![b'x'; 1025]), true).unwrap();
    assert_eq!(read(soon(answer).await.expect("an answer")).await.status(), 413);
    assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::BodyTooLarge));
    let mut long = get("/");
    long.headers_mut().insert("x-long", "x".repeat(2048).parse().unwrap());
    let mut many = get("/");
    for it in 0..21 {
        many.headers_mut().append("x-many", it.to_string().parse().unwrap());
    }
    for request in [long, many] {
        assert_eq!(client.fetch(request).await.status(), 431);
        assert_eq!(house.end().await.cause, Cause::Refusal(Refusal::HeadTooLarge));
    }
    assert_eq!(client.get("/").await.status(), 200);
    house.line().await;
    drop((client, upload));
    house.finish().await;
}

#[tokio::test]
async fn interim_answers_end_at_the_gateway_and_the_final_one_comes() {
    let backend = Backend::answering(
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
         HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = Good::new(house.address()).await;
    let answer = client.get("/").await;
    assert_eq!((answer.status(), answer.body.as_str()), (200, "ok"));
    assert!(!answer.head.headers().contains_key("connection"));
    house.line().await;
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_request_that_the_client_cancels_lets_its_backend_go() {
    let backend = Backend::new(|mut client| async move {
        client.head().await;
        client.rest().await;
    })
    .await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = Good::new(house.address()).await;
    let (answer, mut upload) = client.ask(get("/"), true).await;
    until(|| backend.accepted() == 1).await;
    upload.send_reset(Reason::CANCEL);
    drop(answer);
    let line = house.line().await;
    assert_eq!((line.end.cause, line.backend), (Cause::Fin, backend.address().to_string()));
    drop((client, upload));
    house.finish().await;
}

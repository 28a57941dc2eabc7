//! WebSockets as streams of HTTP/2 (RFC 8441): asked for by an extended CONNECT, and under all rules of a tunnel.

use bytes::Bytes;
use h2::ext::Protocol;
use wsgate::life::{By, Cause, Refusal, Timer};

use super::stream::{Socket, connect, echo, enabled, house, socket_line, switch};
use crate::house::frames::{BINARY, CLOSE, PING, PONG, TEXT, close_payload, masked};
use crate::house::http2::{self, Good, get, reason};
use crate::house::{Backend, HOST, House, route, soon, until};

#[tokio::test]
async fn an_extended_connect_becomes_a_socket_with_all_that_belongs_to_one() {
    let fields = "Sec-WebSocket-Protocol: chat\r\n\
                  Sec-WebSocket-Extensions: permessage-deflate\r\nX-From: backend\r\n";
    let backend = echo(fields).await;
    let house = house("", &route("/", &backend)).await;
    let mut client = Good::new(house.address()).await;
    let offered = [
        ("sec-websocket-protocol", "chat, mqtt"),
        ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
        ("origin", "https://a.test"),
    ];
    let mut socket = Socket::with(&mut client, connect("/room?x=1", &offered)).await;
    let told = socket.head.headers();
    assert_eq!(told["sec-websocket-protocol"], "chat");
    assert_eq!(told["sec-websocket-extensions"], "permessage-deflate");
    assert_eq!(told["x-from"], "backend");
    for name in ["sec-websocket-accept", "upgrade", "connection"] {
        assert!(!told.contains_key(name), "{name}");
    }
    socket.echoed("hello").await;
    assert_eq!(house.metrics().sockets.value(), 1);
    let listed = house.gateway.live();
    assert_eq!(listed, 1);
    socket.close().await;
    let line = socket_line(&house).await;
    assert_eq!((line.proto, line.status, line.target.as_str()), ("h2", 200, "/room?x=1"));
    assert_eq!((line.end.by, line.end.cause), (By::Client, Cause::Close(1000)));
    assert_eq!((line.up.frames, line.down.frames, line.origin.as_str()), (2, 2, "https://a.test"));
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn sockets_and_requests_share_a_connection() {
    let (sockets, pages) = (echo("").await, crate::http::mirror().await);
    let house = house("", &(route("/ws", &sockets) + &route("/", &pages))).await;
    let mut client = Good::new(house.address()).await;
    let mut open = Vec::new();
    for it in 0..20 {
        let mut socket = Socket::open(&mut client, "/ws").await;
        socket.echoed(&format!("number {it}")).await;
        open.push(socket);
        assert_eq!(client.get("/page").await.status(), 200);
    }
    for (it, socket) in open.iter_mut().enumerate() {
        socket.echoed(&format!("again {it}")).await;
    }
    assert_eq!(house.metrics().accepted.value(), 1);
    for socket in open {
        socket.close().await;
    }
    house.lines(40).await;
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn long_messages_pass_through_windows_both_ways() {
    let backend = echo("").await;
    let house = house("", &route("/", &backend)).await;
    let mut builder = h2::client::Builder::new();
    builder.max_send_buffer_size(4 << 20).initial_window_size(20_000);
    let mut client = Good::with(house.address(), &builder).await;
    let mut socket = Socket::open(&mut client, "/").await;
    let long = vec![b'x'; 900_000];
    socket.send(masked(BINARY, &long));
    let back = socket.frame().await.expect("the echo");
    assert!(back.payload == long, "{} bytes", back.payload.len());
    socket.close().await;
    assert_eq!(socket_line(&house).await.up.bytes, 900_000 + 14 + 8);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn the_handshake_is_judged_as_ever() {
    let backend = echo("").await;
    let guarded = format!(
        "{}[sites.routes.clients]\norigins = [\"https://a.test\"]\n",
        route("/guarded", &backend)
    );
    let never = route("/never", &backend) + "upgrade = \"never\"\n";
    let house = house("", &(guarded + &never + &route("/", &backend))).await;
    let mut client = Good::new(house.address()).await;
    enabled(&client).await;
    let mut no_version = connect("/", &[]);
    no_version.headers_mut().remove("sec-websocket-version");
    let mut other = connect("/", &[]);
    other.extensions_mut().insert(Protocol::from_static("connect-udp"));
    let cases = [
        (connect("/", &[("sec-websocket-version", "8")]), 426, Refusal::Version),
        (no_version, 400, Refusal::BadHandshake),
        (connect("/guarded", &[("origin", "https://b.test")]), 403, Refusal::Origin),
        (connect("/never", &[]), 403, Refusal::UpgradeNever),
        (connect("/%2f", &[]), 400, Refusal::BadPath),
        (other, 400, Refusal::ForeignUpgrade),
    ];
    for (request, status, refusal) in cases {
        let (answer, _send) = client.ask(request, false).await;
        let answer = soon(answer).await.expect("an answer");
        assert_eq!(answer.status(), status, "{refusal:?}");
        assert_eq!(house.line().await.end.cause, Cause::Refusal(refusal));
    }
    assert_eq!(backend.accepted(), 0);
    drop(client);
    house.finish().await;
}

#[tokio::test]
async fn a_backend_that_declines_is_passed_on() {
    let no = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
    let backend = Backend::answering(no).await;
    let house = house("", &route("/", &backend)).await;
    let mut client = Good::new(house.address()).await;
    enabled(&client).await;
    let (answer, send) = client.ask(connect("/", &[]), false).await;
    let answer = http2::read(soon(answer).await.expect("an answer")).await;
    assert_eq!((answer.status(), answer.body.as_str()), (401, "no"));
    assert_eq!(house.line().await.status, 401);
    drop((client, send));
    house.finish().await;
}

#[tokio::test]
async fn switched_off_it_is_refused_as_the_protocol_has_it() {
    let backend = echo("").await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut client = Good::new(house.address()).await;
    let (answer, _send) = client.ask(connect("/", &[]), false).await;
    assert_eq!(reason(soon(answer).await), Some(h2::Reason::PROTOCOL_ERROR));
    // The settings have come before that.
    assert!(!client.0.is_extended_connect_protocol_enabled());
    assert_eq!(backend.accepted(), 0);
    drop((client, _send));
    house.finish().await;
}

#[tokio::test]
async fn heartbeats_limits_and_rules_of_frames_hold() {
    let backend = echo("").await;
    let limits = "[sites.routes.limits]\nmessage_size = \"1KiB\"\n";
    let silent = route("/silent", &backend)
        + "[sites.routes.heartbeat]\nclient_ping = \"100ms\"\nclient_timeout = \"400ms\"\n";
    let house = house("", &(route("/", &backend) + limits + &silent)).await;
    let mut client = Good::new(house.address()).await;
    let mut big = Socket::open(&mut client, "/").await;
    big.send(masked(TEXT, "x".repeat(1025)));
    assert_eq!(big.frame().await.expect("a close").close().0, 1009);
    assert_eq!(socket_line(&house).await.end.cause, Cause::MessageTooBig);
    let mut bare = Socket::open(&mut client, "/").await;
    bare.send(crate::house::frames::bare(TEXT, "without a mask"));
    assert_eq!(bare.frame().await.expect("a close").close().0, 1002);
    let line = socket_line(&house).await;
    assert_eq!(line.end.cause.to_string(), "protocol:mask");
    let mut silent = Socket::open(&mut client, "/silent").await;
    let ping = silent.frame().await.expect("a ping");
    assert_eq!(ping.opcode, PING);
    silent.send(masked(PONG, &ping.payload));
    let mut last = silent.frame().await.expect("another");
    while last.opcode == PING {
        last = silent.frame().await.expect("a close");
    }
    assert_eq!(last.close(), (1001, "client silent for 400ms".to_owned()));
    let line = socket_line(&house).await;
    assert_eq!(line.end.cause, Cause::Timer(Timer::ClientSilent));
    drop((client, big, bare, silent));
    house.finish().await;
}

#[tokio::test]
async fn the_end_of_a_stream_is_the_end_of_its_socket_only() {
    let backend = echo("").await;
    let house = house("", &route("/", &backend)).await;
    let mut client = Good::new(house.address()).await;
    let mut stays = Socket::open(&mut client, "/").await;
    let mut reset = Socket::open(&mut client, "/").await;
    reset.echoed("one").await;
    reset.send.send_reset(h2::Reason::CANCEL);
    let line = socket_line(&house).await;
    assert_eq!(line.end.by, By::Client);
    assert!(matches!(line.end.cause, Cause::Fin | Cause::Reset), "{:?}", line.end);
    let mut ended = Socket::open(&mut client, "/").await;
    ended.send.send_data(Bytes::new(), true).expect("an open stream");
    while ended.frame().await.is_some() {}
    assert_eq!(socket_line(&house).await.end.cause, Cause::Fin);
    stays.echoed("still here").await;
    stays.close().await;
    drop((client, reset, ended));
    house.finish().await;
}

#[tokio::test]
async fn sockets_tell_their_backends_when_the_connection_breaks() {
    let closes = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&closes);
    let backend = Backend::new(move |mut client| {
        let count = std::sync::Arc::clone(&count);
        async move {
            let head = client.head().await;
            switch(&mut client, &head, "").await;
            while client.frame().await.is_some() {}
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    })
    .await;
    let house = house("", &route("/", &backend)).await;
    let stream = http2::tls(house.address(), HOST, &[b"h2"]).await;
    let (sender, connection) = soon(h2::client::handshake(stream)).await.expect("HTTP/2");
    let task = tokio::spawn(async move {
        let _ = connection.await;
    });
    let mut client = Good(sender);
    let sockets = [Socket::open(&mut client, "/").await, Socket::open(&mut client, "/").await];
    task.abort();
    drop((client, sockets));
    let ends = [socket_line(&house).await, socket_line(&house).await];
    assert!(ends.iter().all(|it| it.end.by == By::Client), "{ends:?}");
    until(|| closes.load(std::sync::atomic::Ordering::SeqCst) == 2).await;
    house.finish().await;
}

#[tokio::test]
async fn a_drain_closes_them_with_its_code_and_new_ones_go_elsewhere() {
    let backend = echo("").await;
    let drain = "[gateway.drain]\nspread = \"200ms\"\ntimeout = \"10s\"\n";
    let house = house(drain, &route("/", &backend)).await;
    let mut client = Good::new(house.address()).await;
    let mut socket = Socket::open(&mut client, "/").await;
    socket.echoed("before").await;
    let stopping = tokio::spawn(house.gateway.stop(std::future::pending()));
    let close = socket.frame().await.expect("a close").close();
    assert_eq!(close, (1012, "service restart".to_owned()));
    socket.send(masked(CLOSE, close_payload(1012, "")));
    while socket.frame().await.is_some() {}
    drop((client, socket));
    assert_eq!(soon(stopping).await.unwrap(), 0, "nothing had to be cut");
}

#[tokio::test]
async fn who_takes_nothing_is_let_go_and_leaves_no_stream_behind() {
    let backend = Backend::new(|mut client| async move {
        let head = client.head().await;
        switch(&mut client, &head, "").await;
        let piece = crate::house::frames::bare(BINARY, vec![0; 60_000]);
        while client.push(&piece).await.is_ok() {}
    })
    .await;
    let limits = "[sites.routes.limits]\nstalled_writer = \"300ms\"\n";
    let pages = crate::http::mirror().await;
    let routes = route("/ws", &backend) + limits + &route("/", &pages);
    let house = house("", &routes).await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(1000);
    let mut client = Good::with(house.address(), &builder).await;
    let mut socket = Socket::open(&mut client, "/ws").await;
    let line = socket_line(&house).await;
    assert_eq!((line.end.by, line.end.cause), (By::Client, Cause::Timer(Timer::StalledWriter)));
    // What is left of it goes with its stream; the connection and its other streams go on.
    let told = soon(std::future::poll_fn(|cx| socket.send.poll_reset(cx))).await;
    assert_eq!(told.expect("a reset"), h2::Reason::CANCEL);
    assert_eq!(client.fetch(get("/")).await.status(), 200);
    drop((client, socket));
    house.finish().await;
}

//! What costs a client nothing and the gateway something is bounded, ends with a reason, and is counted.

use wsgate::life::{By, Cause, Refusal};

use crate::house::http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, Good, HEADERS, PING, PRIORITY, RESET, Raw,
    SETTINGS, WINDOW, frame, get_head, literal,
};
use crate::house::{Backend, House, route, until};
use crate::http::mirror;

/// ENHANCE_YOUR_CALM, PROTOCOL_ERROR, REFUSED_STREAM (RFC 9113 section 7).
const CALM: u32 = 11;
const PROTOCOL: u32 = 1;
const REFUSED: u32 = 7;

/// A backend that answers nothing, and notices when it is left.
async fn silent() -> Backend {
    Backend::new(|mut client| async move {
        client.head().await;
        client.rest().await;
    })
    .await
}

async fn house(backend: &Backend) -> House {
    House::with_routes(&route("/", backend)).await
}

/// The line of the connection, behind those of its requests.
async fn verdict(house: &House) -> (Cause, String) {
    loop {
        let line = house.line().await;
        if line.kind == wsgate::observe::line::Kind::Connection {
            assert_eq!(line.end.by, By::Client);
            return (line.end.cause, line.detail);
        }
    }
}

/// Sends `each` until the gateway has enough; true when it said to be calm.
async fn flood(raw: &mut Raw, most: usize, each: impl Fn(u32) -> Vec<u8>) -> bool {
    let all = async {
        for it in 0..u32::try_from(most).unwrap() {
            if !raw.try_send(each(it)).await {
                break;
            }
        }
    };
    all.await;
    raw.goaway().await == Some(CALM)
}

fn request(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &get_head("/"))
}

#[tokio::test]
async fn rapid_resets_end_the_connection() {
    let backend = silent().await;
    let house = house(&backend).await;
    let mut raw = Raw::new(house.address()).await;
    let pair = |it: u32| {
        let stream = 2 * it + 1;
        [request(stream), frame(RESET, 0, stream, &8_u32.to_be_bytes())].concat()
    };
    assert!(flood(&mut raw, 2000, pair).await, "it is told to be calm");
    let (cause, _) = verdict(&house).await;
    assert_eq!(cause, Cause::Refusal(Refusal::Http2Flood));
    assert!(backend.accepted() <= 260, "{} connections to the backend", backend.accepted());
    assert_eq!(house.metrics().ends(cause), 1);
    house.finish().await;
}

#[tokio::test]
async fn resets_that_the_gateway_is_made_to_send_end_the_connection() {
    let backend = silent().await;
    let house = house(&backend).await;
    let mut raw = Raw::new(house.address()).await;
    // A window that grows beyond what there is is an error of its stream (RFC 9113 section 6.9.1).
    let pair = |it: u32| {
        let stream = 2 * it + 1;
        [request(stream), frame(WINDOW, 0, stream, &[127, 255, 255, 255])].concat()
    };
    assert!(flood(&mut raw, 2000, pair).await, "it is told to be calm");
    assert_eq!(verdict(&house).await.0, Cause::Refusal(Refusal::Http2Flood));
    assert!(backend.accepted() <= 260, "{} connections to the backend", backend.accepted());
    house.finish().await;
}

#[tokio::test]
async fn floods_of_frames_without_a_use_end_the_connection() {
    let backend = silent().await;
    let house = house(&backend).await;
    type Each = Box<dyn Fn(u32) -> Vec<u8>>;
    let floods: Vec<(&str, Each)> = vec![
        ("pings", Box::new(|it| frame(PING, 0, 0, &u64::from(it).to_be_bytes()))),
        ("settings", Box::new(|_| frame(SETTINGS, 0, 0, &[]))),
        ("priorities", Box::new(|it| frame(PRIORITY, 0, 2 * it + 3, &[0, 0, 0, 0, 1]))),
        ("unknown", Box::new(|_| frame(0xbe, 0, 0, b"grease"))),
        ("windows", Box::new(|_| frame(WINDOW, 0, 0, &1_u32.to_be_bytes()))),
    ];
    for (what, each) in floods {
        let mut raw = Raw::new(house.address()).await;
        let batch = |it: u32| (0..50).flat_map(|sub| each(50 * it + sub)).collect();
        assert!(flood(&mut raw, 200, batch).await, "{what}");
        assert_eq!(verdict(&house).await.0, Cause::Refusal(Refusal::Http2Flood), "{what}");
    }
    house.finish().await;
}

#[tokio::test]
async fn empty_data_ends_the_connection() {
    let backend = silent().await;
    let house = house(&backend).await;
    let mut raw = Raw::new(house.address()).await;
    let mut block = vec![0x83, 0x87, 0x84];
    literal(&mut block, ":authority", crate::house::HOST);
    raw.send(frame(HEADERS, END_HEADERS, 1, &block)).await;
    let batch = |_| frame(DATA, 0, 1, &[]).repeat(50);
    assert!(flood(&mut raw, 2000, batch).await, "it is told to be calm");
    assert_eq!(verdict(&house).await.0, Cause::Refusal(Refusal::Http2Flood));
    house.finish().await;
}

#[tokio::test]
async fn a_head_without_an_end_ends_the_connection() {
    let backend = silent().await;
    let house = house(&backend).await;
    for piece in [Vec::new(), vec![0; 1000]] {
        let mut raw = Raw::new(house.address()).await;
        raw.send(frame(HEADERS, END_STREAM, 1, &get_head("/"))).await;
        let mut block = Vec::new();
        for (it, chunk) in piece.chunks(20).enumerate() {
            literal(&mut block, &format!("x-{it}"), &"x".repeat(chunk.len()));
        }
        let each = frame(CONTINUATION, 0, 1, &block);
        for _ in 0..4000 {
            if !raw.try_send(&each).await {
                break;
            }
        }
        assert_eq!(raw.goaway().await, Some(CALM), "{} bytes each", each.len());
        assert_eq!(verdict(&house).await.0, Cause::Refusal(Refusal::Http2Flood));
    }
    assert_eq!(backend.accepted(), 0);
    house.finish().await;
}

/// A head with a field of 3000 bytes, and `again` bytes behind it that stand for the whole field each.
fn packed(again: usize) -> Vec<u8> {
    let mut block = get_head("/");
    // Into the table; the length is 127 and, in sevens of bits, 2873 more (RFC 7541 section 5.1).
    block.extend([0x40, 1, b'x', 0x7f, 0xb9, 0x16]);
    block.extend([b'y'; 3000]);
    block.extend(vec![0xbe; again]);
    frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)
}

#[tokio::test]
async fn a_head_that_unpacks_to_more_than_the_limit_is_never_kept() {
    let backend = mirror().await;
    let house = house(&backend).await;
    // Beyond the limit the desk says 431, beyond twice of it HTTP/2 itself.
    for (again, refusal) in [(11, Refusal::HeadTooLarge), (25, Refusal::Http2Error)] {
        let mut raw = Raw::new(house.address()).await;
        raw.send(packed(again)).await;
        let answer = raw.find(|it| it.stream == 1 || it.kind == GOAWAY).await.expect("431");
        assert_eq!(answer.kind, HEADERS, "{answer:?}");
        raw.send(request(3)).await;
        raw.find(|it| it.stream == 3 && it.flags & END_STREAM != 0).await.expect("an answer");
        drop(raw);
        let lines = house.lines(2).await;
        let told = lines.iter().filter(|it| it.end.cause == Cause::Refusal(refusal)).count();
        assert_eq!(told, 1, "{lines:?}");
    }
    // A bomb is no head.
    let mut raw = Raw::new(house.address()).await;
    raw.send(packed(12_000)).await;
    assert_eq!(raw.goaway().await, Some(CALM));
    assert_eq!(verdict(&house).await.0, Cause::Refusal(Refusal::Http2Flood));
    assert!(backend.accepted() <= 2, "the requests behind the first two");
    house.finish().await;
}

#[tokio::test]
async fn more_streams_than_are_allowed_are_refused_and_the_rest_goes_on() {
    let backend = silent().await;
    let house = house(&backend).await;
    let mut raw = Raw::new(house.address()).await;
    let settings = raw.find(|it| it.kind == SETTINGS && it.flags == 0).await.expect("settings");
    let most = [0, 3, 0, 0, 0, 100];
    assert!(settings.payload.chunks(6).any(|it| it == most), "{:?}", settings.payload);
    raw.send((0..120).flat_map(|it| request(2 * it + 1)).collect::<Vec<u8>>()).await;
    for _ in 0..20 {
        let reset = raw.find(|it| it.kind == RESET).await.expect("a refusal");
        assert_eq!(reset.code(), REFUSED);
        assert!(reset.stream > 200, "{reset:?}");
    }
    until(|| backend.accepted() == 100).await;
    assert_eq!(house.metrics().requests.value(), 100);
    drop(raw);
    let lines = house.lines(101).await;
    let told = lines.iter().filter(|it| it.end.cause == Cause::Refusal(Refusal::Http2Error));
    assert!(
        told.map(|it| &it.detail).eq(["20 requests broke RFC 9113, or were too many at a time"])
    );
    house.finish().await;
}

#[tokio::test]
async fn requests_that_are_malformed_cost_their_stream() {
    let backend = mirror().await;
    let house = house(&backend).await;
    let mut raw = Raw::new(house.address()).await;
    let fields = [
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("keep-alive", "1"),
        ("proxy-connection", "close"),
        ("te", "gzip"),
        ("content-length", "5"),
    ];
    for (it, (name, value)) in (0..).zip(fields) {
        let stream = 2 * it + 1;
        let mut block = get_head("/");
        literal(&mut block, name, value);
        raw.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)).await;
        let told = raw.find(|it| it.stream == stream || it.kind == GOAWAY).await.expect(name);
        assert_eq!((told.kind, told.code()), (RESET, PROTOCOL), "{name}");
    }
    raw.send(request(101)).await;
    raw.find(|it| it.stream == 101 && it.flags & END_STREAM != 0).await.expect("an answer");
    house.line().await;
    drop(raw);
    let (cause, detail) = verdict(&house).await;
    assert_eq!(cause, Cause::Refusal(Refusal::Http2Error));
    assert!(detail.starts_with("7 requests"), "{detail}");
    assert_eq!(backend.accepted(), 1);
    house.finish().await;
}

#[tokio::test]
async fn what_is_not_http2_is_told_so_and_ended() {
    let backend = mirror().await;
    let house = house(&backend).await;
    let hostile: [&[u8]; 3] = [
        b"GET / HTTP/1.1\r\nHost: game.example.test\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x01\x05\x00\x00\x00\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x04\x00\x00\x00\x00\x00",
    ];
    for bytes in hostile {
        let stream = crate::house::http2::tls(house.address(), crate::house::HOST, &[b"h2"]).await;
        let mut client = crate::house::Client::on(stream);
        client.send(bytes).await;
        client.rest().await;
        let (cause, detail) = verdict(&house).await;
        assert_eq!(cause, Cause::Refusal(Refusal::Http2Error), "{detail}");
    }
    assert_eq!(backend.accepted(), 0);
    house.finish().await;
}

#[tokio::test]
async fn a_client_without_a_window_holds_a_bounded_part_of_its_answer() {
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&sent);
    let backend = Backend::new(move |mut client| {
        let count = std::sync::Arc::clone(&count);
        async move {
            client.head().await;
            let _ = client.try_send("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n").await;
            for _ in 0..1024 {
                if client.push(&[b'x'; 65_536]).await.is_err() {
                    return;
                }
                count.fetch_add(65_536, std::sync::atomic::Ordering::SeqCst);
            }
        }
    })
    .await;
    let house = house(&backend).await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(0);
    let mut client = Good::with(house.address(), &builder).await;
    let (answer, _upload) = client.ask(crate::house::http2::get("/"), true).await;
    let answer = crate::house::soon(answer).await.expect("a head");
    let now = || sent.load(std::sync::atomic::Ordering::SeqCst);
    let mut before = usize::MAX;
    while before != now() {
        before = now();
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    // The rest is the kernel's: both buffers of the backend's socket.
    assert!(now() < 16 * 1024 * 1024, "{} bytes were taken", now());
    drop((answer, client, _upload));
    let line = house.line().await;
    assert!(line.down.bytes <= 128 * 1024, "{} bytes wait for the client", line.down.bytes);
    house.finish().await;
}

#[tokio::test]
async fn a_client_that_says_goodbye_is_no_error() {
    let backend = mirror().await;
    let house = house(&backend).await;
    let mut raw = Raw::new(house.address()).await;
    raw.send(frame(GOAWAY, 0, 0, &[0; 8])).await;
    while raw.frame().await.is_some() {}
    let mut good = Good::new(house.address()).await;
    assert_eq!(good.get("/").await.status(), 200);
    assert_eq!(house.line().await.end.cause, Cause::Finished, "the first line there is");
    drop(good);
    house.finish().await;
}

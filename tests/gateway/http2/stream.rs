//! One WebSocket over a stream of HTTP/2, and the two ends that it takes.

use bytes::{Buf, Bytes, BytesMut};
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use hyper::{Method, Request, Response};
use wsgate::observe::line::{Kind, Line};
use wsgate::ws::key;

use crate::house::client::field;
use crate::house::frames::{CLOSE, Frame, PING, PONG, TEXT, close_payload, masked, parse};
use crate::house::http2::Good;
use crate::house::{Backend, Client, HOST, House, https_listener, site, soon, until};

/// A gateway that takes them.
pub async fn house(settings: &str, routes: &str) -> House {
    let on = format!("[gateway]\nhttp2_websocket = true\n{settings}\n");
    House::with(&format!("{on}{}{}{routes}", https_listener(), site(HOST))).await
}

/// A WebSocket backend that answers the key that it is sent, and echoes; `fields` go into its 101.
pub async fn echo(fields: &'static str) -> Backend {
    Backend::new(move |mut client| async move {
        let head = client.head().await;
        assert!(head.starts_with("GET "), "{head}");
        switch(&mut client, &head, fields).await;
        while let Some(frame) = client.frame().await {
            let close = frame.opcode == CLOSE;
            let opcode = if frame.opcode == PING { PONG } else { frame.opcode };
            if frame.opcode == PONG {
                continue;
            }
            let bytes = crate::house::frames::raw(frame.bits | opcode, &frame.payload, None);
            if client.try_send(bytes).await.is_err() || close {
                return;
            }
        }
    })
    .await
}

pub async fn switch(client: &mut Client, head: &str, fields: &str) {
    let accept = key::accept(field(head, "Sec-WebSocket-Key").expect("a key").as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{fields}\r\n"
    );
    client.send(answer).await;
}

pub fn connect(path: &str, fields: &[(&'static str, &str)]) -> Request<()> {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("https://{HOST}{path}"))
        .header("sec-websocket-version", "13")
        .extension(Protocol::from_static("websocket"))
        .body(())
        .expect("a request");
    for (name, value) in fields {
        request.headers_mut().insert(*name, value.parse().expect("a value"));
    }
    request
}

/// The client's end of one.
pub struct Socket {
    pub head: Response<()>,
    pub send: SendStream<Bytes>,
    pub receive: RecvStream,
    early: BytesMut,
}

impl Socket {
    pub async fn open(client: &mut Good, path: &str) -> Self {
        Self::with(client, connect(path, &[])).await
    }

    pub async fn with(client: &mut Good, request: Request<()>) -> Self {
        enabled(client).await;
        let (answer, send) = client.ask(request, false).await;
        let (head, receive) = soon(answer).await.expect("an answer").into_parts();
        let head = Response::from_parts(head, ());
        assert_eq!(head.status(), 200, "{head:?}");
        Self { head, send, receive, early: BytesMut::new() }
    }

    pub fn send(&mut self, bytes: impl Into<Bytes>) {
        self.send.send_data(bytes.into(), false).expect("an open stream");
    }

    /// The next frame; none at the end of the stream.
    pub async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, length)) = parse(&self.early) {
                self.early.advance(length);
                return Some(frame);
            }
            let piece = soon(self.receive.data()).await?.ok()?;
            self.receive.flow_control().release_capacity(piece.len()).expect("a window");
            self.early.extend_from_slice(&piece);
        }
    }

    pub async fn echoed(&mut self, text: &str) {
        self.send(masked(TEXT, text));
        assert_eq!(self.frame().await.expect("the echo").text(), text);
    }

    /// Closes in the ordinary way.
    pub async fn close(mut self) {
        self.send(masked(CLOSE, close_payload(1000, "")));
        assert_eq!(self.frame().await.expect("a close").close().0, 1000);
        assert!(self.frame().await.is_none());
    }
}

/// The gateway's settings have come, and allow it.
pub async fn enabled(client: &Good) {
    until(|| client.0.is_extended_connect_protocol_enabled()).await;
}

pub async fn socket_line(house: &House) -> Line {
    loop {
        let line = house.line().await;
        if line.kind == Kind::Socket {
            return line;
        }
    }
}

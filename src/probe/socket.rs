//! The open socket: what comes, in the words of the report. tungstenite reads the frames, answers
//! Pings and holds the server to RFC 6455. Knows nothing of how the socket came to be.

use std::io;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message};

use super::clean::{line, printable};
use super::report::{Ended, Frame};
use super::tap::Tap;
use super::wait::within;

/// The longest message that is taken; longer ones end the probe.
const LONGEST: usize = 16 << 20;

/// For what is said last.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What is shown of a text, in characters.
const SHOWN: usize = 120;

/// An open WebSocket.
#[derive(Debug)]
pub struct Socket<S> {
    inner: WebSocketStream<Tap<S>>,
    /// The last byte of a frame either way.
    moved: Instant,
}

/// What happened.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A text or binary message.
    Message {
        /// `text` or `binary`
        kind: &'static str,
        /// Its length.
        bytes: usize,
        /// The beginning of a text.
        text: Option<String>,
    },
    /// A Ping, answered already.
    Ping,
    /// A Pong with this payload.
    Pong(Vec<u8>),
    /// The end.
    Ended(Ended),
}

impl Event {
    /// As a frame of the report, unless it is something else.
    pub fn into_frame(self) -> Option<Frame> {
        match self {
            Self::Message { kind, bytes, text } => Some(Frame { kind, bytes, text }),
            Self::Ping => Some(Frame { kind: "ping", bytes: 0, text: None }),
            _ => None,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Takes the stream over behind the 101; `early` was read already.
    pub async fn new(stream: S, early: Vec<u8>) -> Self {
        let config = WebSocketConfig::default()
            .max_message_size(Some(LONGEST))
            .max_frame_size(Some(LONGEST));
        let tap = Tap::new(stream, &early);
        let inner =
            WebSocketStream::from_partially_read(tap, early, Role::Client, Some(config)).await;
        Self { inner, moved: Instant::now() }
    }

    /// How long nothing has come or gone.
    pub fn quiet(&self) -> Duration {
        self.moved.elapsed()
    }

    /// Sends a text message.
    ///
    /// # Errors
    /// How the server had ended the socket, when it had.
    pub async fn say(&mut self, text: &str, limit: Duration) -> Result<(), Ended> {
        self.send(Message::text(text), limit).await
    }

    /// Sends a Ping.
    ///
    /// # Errors
    /// As for [`Self::say`].
    pub async fn ping(&mut self, payload: &[u8], limit: Duration) -> Result<(), Ended> {
        self.send(Message::Ping(payload.to_vec().into()), limit).await
    }

    /// Begins the closing handshake with 1000.
    ///
    /// # Errors
    /// As for [`Self::say`].
    pub async fn close(&mut self, limit: Duration) -> Result<(), Ended> {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        self.send(Message::Close(Some(frame)), limit).await
    }

    async fn send(&mut self, message: Message, limit: Duration) -> Result<(), Ended> {
        let sent = within("a write", limit, self.inner.send(message)).await;
        self.moved = Instant::now();
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.end_of(&error)),
            Err(elapsed) => Err(Ended::Broken { rule: elapsed.to_string(), http: None }),
        }
    }

    /// The next event, or `None` when there is none before `deadline`.
    pub async fn next(&mut self, deadline: Instant) -> Option<Event> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // A frame that is there already would win against a wait of no length, and so would
            // each of an endless stream of them.
            return None;
        }
        let came = within("a frame", left, self.inner.next()).await.ok()?;
        let event = match came {
            None => Event::Ended(Ended::Fin),
            Some(Err(error)) => Event::Ended(self.end_of(&error)),
            Some(Ok(message)) => event_of(message),
        };
        // How long it was quiet before its end is what is asked for then.
        if !matches!(event, Event::Ended(_)) {
            self.moved = Instant::now();
        }
        if matches!(event, Event::Ended(Ended::CloseFrame { .. })) {
            // tungstenite has prepared the answer, and sends it with the next thing.
            let _ = within("the answer to a Close", LAST_WORDS, self.inner.flush()).await;
        }
        Some(event)
    }

    /// Ends the stream in good order.
    pub async fn leave(&mut self) {
        let _ = within("the end of the stream", LAST_WORDS, self.inner.get_mut().shutdown()).await;
    }

    fn end_of(&self, error: &Error) -> Ended {
        use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
        let http = self.http_text();
        match error {
            // Read as a frame, HTTP text is a long one, and the stream ends before its end.
            _ if http.is_some() => Ended::Broken { rule: error.to_string(), http },
            Error::Protocol(ResetWithoutClosingHandshake) => Ended::Fin,
            Error::ConnectionClosed | Error::AlreadyClosed => Ended::Fin,
            Error::Io(it) if it.kind() == io::ErrorKind::UnexpectedEof => Ended::Fin,
            Error::Io(it)
                if matches!(
                    it.kind(),
                    io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
                ) =>
            {
                Ended::Reset
            }
            other => Ended::Broken { rule: other.to_string(), http: None },
        }
    }

    /// What the server said behind the 101, when it is the text of an HTTP answer.
    fn http_text(&self) -> Option<String> {
        let first = self.inner.get_ref().first();
        let text = String::from_utf8_lossy(first);
        text.starts_with("HTTP/").then(|| line(&text, SHOWN))
    }
}

fn event_of(message: Message) -> Event {
    match message {
        Message::Text(text) => {
            Event::Message { kind: "text", bytes: text.len(), text: Some(line(&text, SHOWN)) }
        }
        Message::Binary(bytes) => Event::Message { kind: "binary", bytes: bytes.len(), text: None },
        Message::Ping(_) => Event::Ping,
        Message::Pong(payload) => Event::Pong(payload.to_vec()),
        Message::Close(None) => {
            Event::Ended(Ended::CloseFrame { code: 1005, reason: String::new() })
        }
        Message::Close(Some(frame)) => Event::Ended(Ended::CloseFrame {
            code: frame.code.into(),
            reason: printable(&frame.reason),
        }),
        // tungstenite gives raw frames to nobody who reads.
        Message::Frame(_) => Event::Ping,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_close_of_the_server_is_answered() {
        let (near, far) = tokio::io::duplex(4096);
        let mut server = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
        let frame = CloseFrame { code: CloseCode::Away, reason: "bye".into() };
        server.send(Message::Close(Some(frame))).await.expect("sent");
        let mut socket = Socket::new(near, Vec::new()).await;
        let event = socket.next(Instant::now() + SOON).await.expect("in time");
        let ended = Ended::CloseFrame { code: 1001, reason: "bye".to_owned() };
        assert_eq!(event, Event::Ended(ended));
        socket.leave().await;
        let answer = server.next().await.expect("an answer").expect("a frame");
        assert!(matches!(answer, Message::Close(Some(it)) if it.code == CloseCode::Away));
    }

    #[tokio::test]
    async fn a_server_that_never_stops_does_not_hold_the_probe() {
        let text = [&[0x81, 2][..], b"hi"].concat().repeat(10_000);
        let (near, _far) = tokio::io::duplex(64);
        let mut socket = Socket::new(near, text).await;
        let deadline = Instant::now() + Duration::from_millis(5);
        let mut came = 0;
        while socket.next(deadline).await.is_some() {
            came += 1;
            assert!(Instant::now() < deadline + SOON, "it goes on after {came} messages");
            tokio::time::sleep(Duration::from_micros(10)).await;
        }
        assert!(came < 10_000, "all of them came before the deadline");
    }
}

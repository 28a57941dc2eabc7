//! The demo's WebSocket backends on a connection that was just upgraded: echo, and a seat in the
//! room. Knows nothing of HTTP.
//!
//! Nothing here waits with a clock: whoever stays silent, takes no bytes or never answers a Close
//! is ended by the gateway in front, which is what the demo shows.

use std::sync::Arc;
use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Error, Message};

use crate::cli::demo::room::{Room, Seat};

/// Most bytes of a message that a backend takes.
pub const MESSAGE_SIZE: usize = 1 << 20;

/// What both backends ask of the WebSocket library: bounded messages, small buffers.
pub fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_SIZE))
        .max_frame_size(Some(MESSAGE_SIZE))
        .read_buffer_size(16 << 10)
        .write_buffer_size(16 << 10)
        .max_write_buffer_size(2 * MESSAGE_SIZE)
}

/// Sends every message back as it came, until the other side closes.
pub async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>) {
    loop {
        match socket.next().await {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
            Some(Ok(_)) => {}
            Some(Err(Error::Capacity(_))) => {
                return close(socket, CloseCode::Size, "message too long").await;
            }
            Some(Err(_)) | None => return,
        }
    }
}

/// Gives the socket a seat in the room, until it closes or falls too far behind.
pub async fn room<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: WebSocketStream<S>,
    room: &Arc<Room>,
) {
    let Some(mut seat) = room.enter(Instant::now()) else {
        return close(socket, CloseCode::Again, "the room is full").await;
    };
    loop {
        tokio::select! {
            event = seat.next() => match event {
                Some(text) => {
                    if socket.send(Message::Text(text)).await.is_err() {
                        return;
                    }
                }
                None => return close(socket, CloseCode::Policy, "too far behind").await,
            },
            message = socket.next() => match message {
                Some(Ok(message)) => listen(&mut seat, &message),
                Some(Err(Error::Capacity(_))) => {
                    return close(socket, CloseCode::Size, "message too long").await;
                }
                Some(Err(_)) | None => return,
            },
        }
    }
}

/// Pings, pongs and closes are answered by the library; binary has no meaning in the room.
fn listen(seat: &mut Seat, message: &Message) {
    if let Message::Text(text) = message {
        seat.say(text, Instant::now());
    }
}

/// Says why, then reads until the other side has closed too, so that the reason is not lost to
/// a reset.
async fn close<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: WebSocketStream<S>,
    code: CloseCode,
    reason: &'static str,
) {
    if socket.close(Some(CloseFrame { code, reason: reason.into() })).await.is_err() {
        return;
    }
    while let Some(Ok(_)) = socket.next().await {}
}

//! The application's own heartbeats. Here is what the tests of both kinds share.

mod answer;
mod dialects;

use std::sync::{Arc, Mutex};

use crate::house::frames::{CLOSE, Frame, PING, PONG, TEXT, bare, close_payload, masked, raw};
use crate::house::{Backend, Client, House, route};

const BEAT: &str = "{\"msg_type\":\"ping\"}";
const ANSWER: &str = "{\"msg_type\":\"pong\"}";

const MASK: Option<[u8; 4]> = Some([0x5a, 0xa5, 0x0f, 0xf0]);

/// A route with the live room's heartbeat; `keys` are more of its table.
fn room(backend: &Backend, answer: bool, keys: &str) -> String {
    let words = format!("{{ ping = '{BEAT}', pong = '{ANSWER}' }}");
    let table = format!("application = {words}\nanswer = {answer}\n{keys}\n");
    format!("{}[sites.routes.heartbeat]\n{table}", route("/", backend))
}

fn with_application(backend: &Backend, name: &str, keys: &str) -> String {
    let table = format!("application = \"{name}\"\n{keys}\n");
    format!("{}[sites.routes.heartbeat]\n{table}", route("/", backend))
}

type Seen = Arc<Mutex<Vec<Frame>>>;

/// A backend that keeps what it is sent, and does with each frame what `each` says.
async fn keeping(each: fn(&Frame) -> Vec<u8>) -> (Backend, Seen) {
    let seen = Seen::default();
    let keeper = Arc::clone(&seen);
    let backend = Backend::sockets(move |mut client| {
        let keeper = Arc::clone(&keeper);
        async move {
            while let Some(frame) = client.frame().await {
                let answer = each(&frame);
                keeper.lock().unwrap().push(frame);
                if client.try_send(answer).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (backend, seen)
}

/// Sends everything back.
fn echo(frame: &Frame) -> Vec<u8> {
    match frame.opcode {
        PONG => Vec::new(),
        PING => bare(PONG, &frame.payload),
        opcode => raw(frame.bits | opcode, &frame.payload, None),
    }
}

/// Answers heartbeats, and nothing else.
fn answering(frame: &Frame) -> Vec<u8> {
    match frame.opcode {
        PING => bare(PONG, &frame.payload),
        TEXT if frame.payload == BEAT.as_bytes() => bare(TEXT, ANSWER),
        CLOSE => bare(CLOSE, &frame.payload),
        _ => Vec::new(),
    }
}

fn texts(seen: &Seen) -> Vec<String> {
    let seen = seen.lock().unwrap();
    seen.iter().filter(|it| it.opcode == TEXT).map(|it| it.text().to_owned()).collect()
}

async fn text(client: &mut Client) -> String {
    let frame = client.frame().await.expect("a message");
    assert_eq!((frame.opcode, frame.bits, frame.masked), (TEXT, 0x80, false), "{frame:?}");
    frame.text().to_owned()
}

async fn close(mut client: Client, house: &House) -> wsgate::observe::line::Line {
    client.send(masked(CLOSE, close_payload(1000, ""))).await;
    client.rest().await;
    drop(client);
    house.line().await
}

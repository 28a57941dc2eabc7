//! The demo's live room: who is in it and what each member hears. Texts go in, texts come out.
//! Knows no sockets: what carries the texts is the business of `sockets`.
//!
//! Everything is bounded: visitors, the queue of each, lengths of names and comments, and how many
//! messages a visitor may send in a second.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tungstenite::Utf8Bytes;

/// Most visitors at a time, joined or not.
pub const VISITORS: usize = 64;
/// Most texts that wait for one visitor; who falls further behind is put out.
pub const QUEUE: usize = 256;
/// Most messages taken from one visitor in a second.
pub const MESSAGES_PER_SECOND: u32 = 20;
/// Most characters of a name; the rest is cut off.
const NAME_LENGTH: usize = 24;
/// Most characters of a comment; a longer one is refused.
const COMMENT_LENGTH: usize = 500;

/// A live room with its likes and visitors.
#[derive(Debug, Default)]
pub struct Room {
    state: Mutex<State>,
}

impl Room {
    /// Lets a visitor in and tells them their id (`init`). They hear nothing else until they join.
    ///
    /// `None` when [`VISITORS`] are there already.
    pub fn enter(self: &Arc<Self>, now: Instant) -> Option<Seat> {
        let mut state = self.state();
        if state.visitors.len() >= VISITORS {
            return None;
        }
        state.last_id += 1;
        let id = state.last_id;
        let (queue, heard) = mpsc::channel(QUEUE);
        state.visitors.insert(id, Visitor { queue, name: None });
        state.tell(id, &Event::Init { client_id: id });
        Some(Seat { room: Arc::clone(self), id, heard, pace: Pace::new(now) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A visitor's place in the room; given up when dropped.
#[derive(Debug)]
pub struct Seat {
    room: Arc<Room>,
    id: u64,
    heard: mpsc::Receiver<Utf8Bytes>,
    pace: Pace,
}

impl Seat {
    /// The next text for this visitor; `None` once they were put out for falling behind.
    pub async fn next(&mut self) -> Option<Utf8Bytes> {
        self.heard.recv().await
    }

    /// Takes a message from this visitor. Whatever follows from it, a refusal too, is heard by
    /// [`Seat::next`] of those it concerns.
    pub fn say(&mut self, text: &str, now: Instant) {
        let mut state = self.room.state();
        if !self.pace.allows(now) {
            return state.tell(self.id, &Event::Refused { reason: "too many messages" });
        }
        match serde_json::from_str(text) {
            Ok(message) => state.take(self.id, message),
            Err(_) => state.tell(self.id, &Event::Refused { reason: "not a message of this room" }),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.state().leave(self.id);
    }
}

/// What a visitor may send.
#[derive(Debug, Deserialize)]
#[serde(tag = "msg_type", rename_all = "lowercase")]
enum Message {
    Join { name: String },
    Comment { text: String },
    Like,
    Ping,
}

/// What a visitor hears.
#[derive(Serialize)]
#[serde(tag = "msg_type", rename_all = "lowercase")]
enum Event<'a> {
    Init { client_id: u64 },
    Joined { client_id: u64, name: &'a str },
    Left { client_id: u64, name: &'a str },
    Online { count: usize },
    Comment { client_id: u64, from: &'a str, text: &'a str },
    Like { total: u64 },
    Pong,
    Refused { reason: &'a str },
}

impl Event<'_> {
    fn text(&self) -> Utf8Bytes {
        // Numbers and strings under fixed names: there is nothing here that JSON could refuse.
        serde_json::to_string(self).unwrap_or_default().into()
    }
}

#[derive(Debug, Default)]
struct State {
    visitors: BTreeMap<u64, Visitor>,
    last_id: u64,
    likes: u64,
}

#[derive(Debug)]
struct Visitor {
    queue: mpsc::Sender<Utf8Bytes>,
    /// Known once they joined.
    name: Option<String>,
}

impl State {
    fn take(&mut self, id: u64, message: Message) {
        let Some(visitor) = self.visitors.get(&id) else { return };
        match (message, visitor.name.clone()) {
            (Message::Ping, _) => self.tell(id, &Event::Pong),
            (Message::Join { name }, None) => self.join(id, &name),
            (Message::Join { .. }, Some(_)) => self.refuse(id, "you are in the room already"),
            (_, None) => self.refuse(id, "join the room first"),
            (Message::Comment { text }, Some(from)) => self.comment(id, &from, text.trim()),
            (Message::Like, Some(_)) => {
                self.likes += 1;
                self.tell_all(&Event::Like { total: self.likes });
            }
        }
    }

    fn join(&mut self, id: u64, wanted: &str) {
        let shown: String = wanted.chars().filter(|it| !it.is_control()).collect();
        let mut name: String = shown.trim().chars().take(NAME_LENGTH).collect();
        if name.is_empty() {
            name = format!("guest {id}");
        }
        if let Some(visitor) = self.visitors.get_mut(&id) {
            visitor.name = Some(name.clone());
        }
        self.tell(id, &Event::Like { total: self.likes });
        self.tell_all(&Event::Joined { client_id: id, name: &name });
        self.tell_all(&Event::Online { count: self.online() });
    }

    fn comment(&mut self, id: u64, from: &str, text: &str) {
        if text.is_empty() {
            return self.refuse(id, "an empty comment");
        }
        if text.chars().count() > COMMENT_LENGTH {
            return self.refuse(id, "a comment of more than 500 characters");
        }
        self.tell_all(&Event::Comment { client_id: id, from, text });
    }

    fn leave(&mut self, id: u64) {
        let Some(Visitor { name: Some(name), .. }) = self.visitors.remove(&id) else { return };
        self.tell_all(&Event::Left { client_id: id, name: &name });
        self.tell_all(&Event::Online { count: self.online() });
    }

    fn refuse(&mut self, id: u64, reason: &str) {
        self.tell(id, &Event::Refused { reason });
    }

    /// Tells one visitor, and puts them out when their queue is full.
    fn tell(&mut self, id: u64, event: &Event) {
        let Some(visitor) = self.visitors.get(&id) else { return };
        if visitor.queue.try_send(event.text()).is_err() {
            self.leave(id);
        }
    }

    /// Tells everyone who joined. Who cannot take it is put out, and that is told in turn: the
    /// loop ends because each further round has a member less.
    fn tell_all(&mut self, event: &Event) {
        let mut texts = VecDeque::from([event.text()]);
        while let Some(text) = texts.pop_front() {
            let mut put_out = Vec::new();
            self.visitors.retain(|id, visitor| {
                let Some(name) = &mut visitor.name else { return true };
                let heard = visitor.queue.try_send(text.clone()).is_ok();
                if !heard {
                    put_out.push((*id, std::mem::take(name)));
                }
                heard
            });
            for (client_id, name) in put_out {
                texts.push_back(Event::Left { client_id, name: &name }.text());
                texts.push_back(Event::Online { count: self.online() }.text());
            }
        }
    }

    fn online(&self) -> usize {
        self.visitors.values().filter(|it| it.name.is_some()).count()
    }
}

/// Counts a visitor's messages in windows of one second.
#[derive(Debug)]
struct Pace {
    since: Instant,
    count: u32,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self { since: now, count: 0 }
    }

    fn allows(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self::new(now);
        }
        self.count += 1;
        self.count <= MESSAGES_PER_SECOND
    }
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;

//! How one access line looks, as text for people and as JSON for machines, from the same fields.

use std::fmt::Write as _;
use std::time::SystemTime;

use crate::life::{By, End, Stage};

/// Which form access lines take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `time kind key=value …`
    Text,
    /// One JSON object.
    Json,
}

/// What the line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A connection that ended before its first request.
    Connection,
    /// One HTTP request.
    Request,
    /// One WebSocket, written at its end.
    Socket,
}

/// Frames and bytes that went one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Frames; 0 for plain HTTP.
    pub frames: u64,
    /// Messages that came to their end; 0 for plain HTTP.
    pub messages: u64,
    /// Bytes: of frames with their headers, or of a body.
    pub bytes: u64,
    /// Those of them that belong to binary messages.
    pub binary: Part,
    /// Those of them that are control frames.
    pub control: Part,
}

/// Some of the frames and bytes of a [`Flow`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Frames.
    pub frames: u64,
    /// Their bytes, headers included.
    pub bytes: u64,
}

/// Everything that one access line says. Empty texts are left out.
#[derive(Clone, Debug)]
pub struct Line {
    /// What ended.
    pub kind: Kind,
    /// When it ended.
    pub time: SystemTime,
    /// The request's id, as in `${request_id}`.
    pub id: String,
    /// The client's address; behind a trusted proxy the forwarded one.
    pub client: String,
    /// The name asked for, in TLS or in Host.
    pub host: String,
    /// The request method.
    pub method: String,
    /// Path and query, secrets hidden.
    pub target: String,
    /// `h2` for HTTP/2; empty for HTTP/1.1.
    pub proto: &'static str,
    /// The route's path as configured.
    pub route: String,
    /// The backend's name.
    pub backend: String,
    /// The address of its server that was used.
    pub server: String,
    /// The mini program, as `wx…` or `family:id`.
    pub app: String,
    /// The Origin header.
    pub origin: String,
    /// The status of the answer; 0 when there was none.
    pub status: u16,
    /// From the client toward the backend.
    pub up: Flow,
    /// From the backend toward the client.
    pub down: Flow,
    /// From the first byte of the request to the end, in milliseconds.
    pub millis: u64,
    /// Who ended it, at which stage, and why.
    pub end: End,
    /// It was, or began as, a WebSocket handshake.
    pub handshake: bool,
    /// More words about the cause, e.g. an operating system's message.
    pub detail: String,
}

impl Default for Line {
    fn default() -> Self {
        let end = End::new(By::Client, Stage::Accept, crate::life::Cause::Fin);
        Self {
            kind: Kind::Connection,
            time: SystemTime::UNIX_EPOCH,
            id: String::new(),
            client: String::new(),
            host: String::new(),
            method: String::new(),
            target: String::new(),
            proto: "",
            route: String::new(),
            backend: String::new(),
            server: String::new(),
            app: String::new(),
            origin: String::new(),
            status: 0,
            up: Flow::default(),
            down: Flow::default(),
            millis: 0,
            end,
            handshake: false,
            detail: String::new(),
        }
    }
}

impl Flow {
    /// Adds what another flow has carried.
    pub fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.messages += other.messages;
        self.bytes += other.bytes;
        for (to, from) in [(&mut self.binary, other.binary), (&mut self.control, other.control)] {
            to.frames += from.frames;
            to.bytes += from.bytes;
        }
    }

    /// What belongs to text messages: neither binary nor control.
    pub const fn text(&self) -> Part {
        Part {
            frames: self.frames.saturating_sub(self.binary.frames + self.control.frames),
            bytes: self.bytes.saturating_sub(self.binary.bytes + self.control.bytes),
        }
    }
}

/// A field's value.
enum Value<'a> {
    Text(&'a str),
    Number(u64),
}

impl Line {
    /// The line in the given form, with the line feed at its end.
    pub fn render(&self, form: Form) -> String {
        let mut out = String::with_capacity(320);
        match form {
            Form::Text => self.text(&mut out),
            Form::Json => self.json(&mut out),
        }
        out.push('\n');
        out
    }

    fn text(&self, out: &mut String) {
        let time = humantime::format_rfc3339_millis(self.time);
        let _ = write!(out, "{time} {}", self.kind.name());
        self.fields(|key, value| {
            let _ = match value {
                Value::Number(number) => write!(out, " {key}={number}"),
                Value::Text(text) if needs_quotes(text) => write!(out, " {key}={text:?}"),
                Value::Text(text) => write!(out, " {key}={text}"),
            };
        });
    }

    fn json(&self, out: &mut String) {
        let mut object = serde_json::Map::new();
        let time = humantime::format_rfc3339_millis(self.time).to_string();
        object.insert("time".to_owned(), time.into());
        object.insert("kind".to_owned(), self.kind.name().into());
        self.fields(|key, value| {
            let value = match value {
                Value::Number(number) => number.into(),
                Value::Text(text) => text.into(),
            };
            object.insert(key.to_owned(), value);
        });
        // A map with text keys always serialises; Display cannot fail on a String.
        let _ = write!(out, "{}", serde_json::Value::Object(object));
    }

    /// Every field that has something to say, in the order of the line.
    fn fields(&self, mut put: impl FnMut(&str, Value<'_>)) {
        let cause = self.end.cause.to_string();
        let texts = [
            ("id", self.id.as_str()),
            ("client", &self.client),
            ("host", &self.host),
            ("method", &self.method),
            ("path", &self.target),
            ("proto", self.proto),
            ("route", &self.route),
            ("backend", &self.backend),
            ("server", &self.server),
            ("app", &self.app),
            ("origin", &self.origin),
        ];
        for (key, text) in texts {
            if !text.is_empty() {
                put(key, Value::Text(text));
            }
        }
        if self.status != 0 {
            put("status", Value::Number(self.status.into()));
        }
        self.flows(&mut put);
        put("ms", Value::Number(self.millis));
        put("by", Value::Text(self.end.by.name()));
        put("stage", Value::Text(self.end.stage.name()));
        put("end", Value::Text(&cause));
        if !self.detail.is_empty() {
            put("detail", Value::Text(&self.detail));
        }
    }

    fn flows(&self, put: &mut impl FnMut(&str, Value<'_>)) {
        if self.kind == Kind::Socket {
            put("up_frames", Value::Number(self.up.frames));
            put("down_frames", Value::Number(self.down.frames));
        }
        if self.kind != Kind::Connection {
            put("up_bytes", Value::Number(self.up.bytes));
            put("down_bytes", Value::Number(self.down.bytes));
        }
    }
}

impl Kind {
    /// Every kind, in the order of declaration.
    pub const ALL: &'static [Self] = &[Self::Connection, Self::Request, Self::Socket];

    /// The word at the beginning of the line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Request => "request",
            Self::Socket => "socket",
        }
    }
}

/// Text that would not survive between spaces as it is.
fn needs_quotes(text: &str) -> bool {
    text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '"')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::life::Cause;

    fn socket() -> Line {
        Line {
            kind: Kind::Socket,
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_250_096_789),
            client: "10.0.0.1".to_owned(),
            target: "/a b".to_owned(),
            status: 101,
            down: Flow { frames: 2, messages: 2, bytes: 34, ..Flow::default() },
            end: End::new(By::Client, Stage::Relay, Cause::Close(1000)),
            ..Line::default()
        }
    }

    #[test]
    fn text_is_for_people() {
        let expected = "2026-11-21T08:34:56.789Z socket client=10.0.0.1 path=\"/a b\" status=101 \
                        up_frames=0 down_frames=2 up_bytes=0 down_bytes=34 ms=0 by=client \
                        stage=relay end=close:1000\n";
        assert_eq!(socket().render(Form::Text), expected);
    }

    #[test]
    fn json_is_one_object_a_line() {
        let line = socket().render(Form::Json);
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(value["kind"], "socket");
        assert_eq!(value["path"], "/a b");
        assert_eq!(value["down_bytes"], 34);
        assert_eq!(value["end"], "close:1000");
    }

    #[test]
    fn control_characters_never_reach_the_log_as_they_are() {
        let line = Line { host: "a\nfake line\u{1b}[31m".to_owned(), ..socket() };
        for form in [Form::Text, Form::Json] {
            let text = line.render(form);
            assert_eq!(text.matches('\n').count(), 1, "{text}");
            assert!(!text.contains('\u{1b}'), "{text}");
        }
    }
}

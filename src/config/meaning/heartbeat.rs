//! `[sites.routes.heartbeat]`: which silence is death, and what the application's own heartbeat
//! looks like.

use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;

use crate::config::defaults;
use crate::config::model::{Application, Heartbeat};
use crate::config::raw::{self, Text};
use crate::config::reader::{Reader, Table};
use crate::config::values::{Wrong, choice, quantity};

/// Most bytes of a heartbeat's text: the relay looks into no longer message.
const WORD_MAX: usize = 125;

/// Load balancers and mobile networks commonly forget a silent connection after 60 s.
const KEEPS_THE_WAY_OPEN: Duration = Duration::from_secs(55);

/// How an application's heartbeat is told.
const EXAMPLE: &str =
    "application = { ping = '{\"msg_type\":\"ping\"}', pong = '{\"msg_type\":\"pong\"}' }";

/// The heartbeat of a route; without the table every default.
pub fn heartbeat(raw: Option<&raw::Heartbeat>, reader: &mut Reader<'_>) -> Heartbeat {
    let absent = raw::Heartbeat::default();
    let raw = raw.unwrap_or(&absent);
    let application = application(raw.application.as_ref(), reader);
    let beat = Heartbeat {
        client_ping: reader.wait_or(raw.client_ping.as_ref(), defaults::CLIENT_PING),
        client_timeout: reader.wait_or(raw.client_timeout.as_ref(), defaults::CLIENT_TIMEOUT),
        backend_ping: reader.wait_or(raw.backend_ping.as_ref(), defaults::BACKEND_PING),
        backend_timeout: reader.wait_or(raw.backend_timeout.as_ref(), defaults::BACKEND_TIMEOUT),
        idle_timeout: reader.wait_or(raw.idle_timeout.as_ref(), defaults::IDLE_TIMEOUT),
        max_age: reader.wait_or(raw.max_age.as_ref(), defaults::MAX_AGE),
        close_code: reader.close_code_or(raw.close_code.as_ref(), defaults::HEARTBEAT_CLOSE_CODE),
        answer: answer(raw, application.as_ref(), reader),
        application,
    };
    look_at_waits(raw, &beat, reader);
    beat
}

/// Waits that make no sense beside each other.
fn look_at_waits(raw: &raw::Heartbeat, beat: &Heartbeat, reader: &mut Reader<'_>) {
    let client = [raw.client_ping.as_ref(), raw.client_timeout.as_ref()];
    unanswerable("client", beat.client_ping, beat.client_timeout, client, reader);
    let backend = [raw.backend_ping.as_ref(), raw.backend_timeout.as_ref()];
    unanswerable("backend", beat.backend_ping, beat.backend_timeout, backend, reader);
    if beat.client_ping.or(beat.client_timeout).or(beat.idle_timeout).is_none()
        && let Some(written) = raw.client_timeout.as_ref()
    {
        let wrong = Wrong::new("a client that vanished without a word is never noticed");
        let hint = "keep `client_ping` and `client_timeout`, or set `idle_timeout`";
        reader.warning(written.span(), wrong.hint(hint));
    }
}

/// Warns of pings that come too late to keep the way to the clients of `route` open.
pub fn look_at_ping(
    raw: Option<&raw::Heartbeat>,
    beat: &Heartbeat,
    route: &str,
    reader: &mut Reader<'_>,
) {
    let in_time = |it: &Duration| beat.client_timeout.is_none_or(|limit| *it < limit);
    let slow = beat.client_ping.filter(|it| *it > KEEPS_THE_WAY_OPEN && in_time(it));
    let Some((ping, written)) = slow.zip(raw.and_then(|it| it.client_ping.as_ref())) else {
        return;
    };
    let message = format!(
        "route `{route}`: a client_ping of {} may come too late, many networks forget a silent connection after 60 s",
        quantity::written(ping)
    );
    reader.warning(written.span(), Wrong::new(message).hint("25s is safe nearly everywhere"));
}

/// A ping that is sent only when the time is already up could never be answered.
fn unanswerable(
    side: &str,
    ping: Option<Duration>,
    timeout: Option<Duration>,
    written: [Option<&Text>; 2],
    reader: &mut Reader<'_>,
) {
    let (Some(ping), Some(timeout)) = (ping, timeout) else { return };
    let [ping_written, timeout_written] = written;
    let Some(spot) = ping_written.or(timeout_written).filter(|_| ping >= timeout) else { return };
    let default = |written: Option<&Text>| if written.is_some() { "" } else { ", the default" };
    let message = format!(
        "`{side}_ping` ({}{}) is not shorter than `{side}_timeout` ({}{}): no ping could be answered",
        quantity::written(ping),
        default(ping_written),
        quantity::written(timeout),
        default(timeout_written),
    );
    let hint = "let two pings fit into the timeout, as 25s into 60s";
    reader.error(spot.span(), Wrong::new(message).hint(hint));
}

fn application(
    raw: Option<&Spanned<raw::Application>>,
    reader: &mut Reader<'_>,
) -> Option<Application> {
    let raw = raw?;
    match raw.get_ref() {
        raw::Application::Name(name) => {
            let name = Spanned::new(raw.span(), name.clone());
            reader.value(Some(&name), named)?.value
        }
        raw::Application::Words(words) => {
            let spot = raw.span();
            let table = Table { name: "`application`", spot: &spot };
            let hint = format!("write e.g. {EXAMPLE}");
            let ping = reader.required(words.ping.as_ref(), table, ("ping", &hint), word);
            let pong = reader.required(words.pong.as_ref(), table, ("pong", &hint), word);
            let (ping, pong) = (ping?, pong?);
            if ping.value == pong.value {
                let wrong = Wrong::new("`pong` is the same text as `ping`");
                let hint = "a heartbeat and its answer could not be told apart";
                reader.error(pong.spot, wrong.hint(hint));
                return None;
            }
            Some(Application::Words { ping: ping.value, pong: pong.value })
        }
    }
}

fn named(text: &str) -> Result<Option<Application>, Wrong> {
    let choices = [
        ("off", None),
        ("engine.io", Some(Application::EngineIo)),
        ("signalr", Some(Application::SignalR)),
    ];
    choice(text, &choices).map_err(|wrong| match wrong.hint {
        Some(_) => wrong,
        None => wrong.hint(format!("for another heartbeat write its texts: {EXAMPLE}")),
    })
}

fn word(text: &str) -> Result<Arc<str>, Wrong> {
    match text.len() {
        0 => Err(Wrong::new("an empty text is no heartbeat")),
        1..=WORD_MAX => Ok(text.into()),
        many => Err(Wrong::new(format!("{many} bytes are too many for a heartbeat"))
            .hint(format!("{WORD_MAX} bytes of UTF-8 at most"))),
    }
}

/// Whether the gateway answers, which it may only where its answer is right.
fn answer(
    raw: &raw::Heartbeat,
    application: Option<&Application>,
    reader: &mut Reader<'_>,
) -> bool {
    let Some(written) = raw.answer.as_ref().filter(|it| *it.get_ref()) else { return false };
    let wrong = match application {
        Some(Application::Words { .. }) => return true,
        Some(Application::EngineIo) => Wrong::new(
            "an Engine.IO server times the client by its packets: it would drop the socket",
        )
        .hint("leave `answer` out: server and client answer each other, whoever of them asks"),
        Some(Application::SignalR) => {
            Wrong::new("a SignalR ping has no answer: the server times the client by it")
                .hint("leave `answer` out: pings pass, and `idle_timeout` does not count them")
        }
        // It was named, and the report says what is wrong with it.
        None if names_one(raw) => return false,
        None => Wrong::new("`answer` without `application`: nothing says what a ping looks like")
            .hint(format!("add {EXAMPLE}")),
    };
    reader.error(written.span(), wrong);
    false
}

fn names_one(raw: &raw::Heartbeat) -> bool {
    match raw.application.as_ref().map(Spanned::get_ref) {
        None => false,
        Some(raw::Application::Name(name)) => name != "off",
        Some(raw::Application::Words(_)) => true,
    }
}

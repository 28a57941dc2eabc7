//! Every dialect from both sides, and the bounds of what waits.

use super::*;
use crate::ws::scan::{Scanner, Step};

fn rule(application: Application, answer: bool) -> Heartbeat {
    Heartbeat {
        client_ping: None,
        client_timeout: None,
        backend_ping: None,
        backend_timeout: None,
        idle_timeout: None,
        max_age: None,
        close_code: 1001,
        application: Some(application),
        answer,
    }
}

fn words(answer: bool) -> Heartbeat {
    rule(Application::Words { ping: "ping!".into(), pong: "pong".into() }, answer)
}

fn short(first: u8, payload: &[u8]) -> Short {
    let mut scanner = Scanner::new(Sender::Server, None, false);
    scanner.want(Lengths::ALL);
    let frame = [&[first, payload.len() as u8], payload].concat();
    match scanner.step(&frame) {
        Ok(Step::Short { short, .. }) => short,
        _ => panic!("{payload:?} is a short message"),
    }
}

fn text(payload: &str) -> Short {
    short(0x81, payload.as_bytes())
}

fn heard(rule: &Heartbeat, engine_io: u8, sender: Sender, short: &Short) -> Heard {
    let mut beats = Beats::new(rule, engine_io, sender);
    let length = short.payload().len() as u64;
    let heard = beats.hear(short);
    beats.greeted(None);
    assert!(heard == Heard::Data || beats.lengths().has(length), "it would not be looked at");
    heard
}

#[test]
fn who_asks_in_engine_io_depends_on_its_version() {
    let rule = rule(Application::EngineIo, false);
    let is_beat =
        |version, sender, said: &str| heard(&rule, version, sender, &text(said)) == Heard::Beat;
    assert!(is_beat(3, Sender::Client, "2") && is_beat(3, Sender::Server, "3"));
    assert!(is_beat(4, Sender::Server, "2") && is_beat(4, Sender::Client, "3"));
    assert!(!is_beat(3, Sender::Server, "2") && !is_beat(4, Sender::Client, "2"));
    for version in [3, 4] {
        assert!(is_beat(version, Sender::Client, "2probe"), "{version}");
        assert!(is_beat(version, Sender::Server, "3probe"), "{version}");
        assert!(!is_beat(version, Sender::Server, "2probe"), "{version}");
        assert!(!is_beat(version, Sender::Client, "3probe"), "{version}");
    }
    for said in ["4probe", "2prob", "5", "4", "22", "1"] {
        for sender in [Sender::Client, Sender::Server] {
            assert!(!is_beat(3, sender, said) && !is_beat(4, sender, said), "{said}");
        }
    }
    assert_eq!(heard(&rule, 3, Sender::Client, &short(0x82, b"2")), Heard::Data, "binary");
}

#[test]
fn a_signalr_ping_is_json_in_text_or_message_pack_in_binary() {
    let rule = rule(Application::SignalR, false);
    for sender in [Sender::Client, Sender::Server] {
        assert_eq!(heard(&rule, 3, sender, &text("{\"type\":6}\x1e")), Heard::Beat);
        assert_eq!(heard(&rule, 3, sender, &short(0x82, b"\x02\x91\x06")), Heard::Beat);
        assert_eq!(heard(&rule, 3, sender, &text("{\"type\":6}")), Heard::Data, "not ended");
        assert_eq!(heard(&rule, 3, sender, &text("{\"type\":7}\x1e")), Heard::Data);
        assert_eq!(heard(&rule, 3, sender, &short(0x82, b"{\"type\":6}\x1e")), Heard::Data);
        assert_eq!(heard(&rule, 3, sender, &short(0x81, b"\x02\x91\x06")), Heard::Data);
    }
}

#[test]
fn only_the_clients_pings_are_taken_and_only_where_they_are_answered() {
    for (sender, said, passed, answered) in [
        (Sender::Client, "ping!", Heard::Beat, Heard::Taken),
        (Sender::Client, "pong", Heard::Beat, Heard::Beat),
        (Sender::Server, "ping!", Heard::Beat, Heard::Beat),
        (Sender::Server, "pong", Heard::Beat, Heard::Beat),
        (Sender::Client, "ping?", Heard::Data, Heard::Data),
    ] {
        assert_eq!(heard(&words(false), 3, sender, &text(said)), passed, "{said}");
        assert_eq!(heard(&words(true), 3, sender, &text(said)), answered, "{said}");
    }
}

#[test]
fn each_ping_has_its_answer_until_too_many_wait() {
    let (mut up, mut down) =
        (Beats::new(&words(true), 3, Sender::Client), Beats::new(&words(true), 3, Sender::Server));
    let mut out = [0; SPOKEN_MAX];
    for pings in [1, 3, 64] {
        for _ in 0..pings {
            up.hear(&text("ping!"));
        }
        Beats::exchange(&mut up, &mut down);
        let spoken = down.speak(&mut out);
        assert_eq!(out[..spoken], b"\x81\x04pong".repeat(pings), "{pings}");
        assert!(!down.is_waiting() && !up.is_waiting());
    }
    for _ in 0..1000 {
        up.hear(&text("ping!"));
        Beats::exchange(&mut up, &mut down);
    }
    let mut kept = b"before".to_vec();
    down.append(&mut kept);
    assert_eq!(kept.len(), 6 + 64 * 6, "as many as may wait");
}

#[test]
fn an_answer_to_our_own_ping_is_ours_and_no_other() {
    let (mut up, mut down) =
        (Beats::new(&words(true), 3, Sender::Client), Beats::new(&words(true), 3, Sender::Server));
    up.ask();
    Beats::exchange(&mut up, &mut down);
    assert_eq!(down.hear(&text("pong")), Heard::Beat, "ours has not left yet");
    let mut out = [0; SPOKEN_MAX];
    let spoken = up.speak(&mut out);
    assert_eq!((spoken, out[0], out[1]), (2 + 4 + 5, 0x81, 0x85), "masked");
    Beats::exchange(&mut up, &mut down);
    assert_eq!(down.hear(&text("pong")), Heard::Taken);
    assert_eq!(down.hear(&text("pong")), Heard::Beat, "nobody here asked for that one");
}

#[test]
fn the_longest_words_fit_however_many_wait() {
    let long = rule(
        Application::Words { ping: "p".repeat(125).into(), pong: "q".repeat(125).into() },
        true,
    );
    let mut down = Beats::new(&long, 3, Sender::Server);
    down.waiting = WAITING_MAX;
    assert_eq!(down.speak(&mut [0; SPOKEN_MAX]), 64 * 127);
    let mut up = Beats::new(&long, 3, Sender::Client);
    up.ask();
    assert_eq!(up.speak(&mut [0; SPOKEN_MAX]), 131);
}

#[test]
fn our_own_pings_come_as_often_as_asked_for_and_at_least_every_50_seconds() {
    let every =
        |backend_ping, answer| Beats::ping_every(&Heartbeat { backend_ping, ..words(answer) });
    let seconds = |count| Some(Duration::from_secs(count));
    assert_eq!(every(None, true), seconds(50));
    assert_eq!(every(seconds(10), true), seconds(10));
    assert_eq!(every(seconds(90), true), seconds(50));
    assert_eq!(every(seconds(10), false), None);
}

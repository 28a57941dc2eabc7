//! Records of TLS 1.3 that no library would write, from a client that holds the keys.

use std::pin::Pin;
use std::task::Poll;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustls::AlertDescription;
use tokio::io::AsyncWrite;

use super::super::keys::{Key, TAG};
use super::super::{Secure, Session};
use super::wire::{Pipe, configs, context, shaken};
use super::{flush, heard, read, write};

const DATA: u8 = 23;
const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;

/// A client without a library.
struct Bare {
    pipe: Pipe,
    up: Key,
    down: Key,
}

fn bare() -> (Box<Secure<Pipe>>, Bare) {
    let (mut stream, mut client) = shaken(&configs(&rustls::version::TLS13, None), 0, 0, b"");
    // The ticket leaves, since nothing is asked.
    assert!(read(&mut stream, 1).is_pending());
    client.turn().unwrap();
    let pipe = client.pipe.clone();
    let secrets = client.tls.dangerous_extract_secrets().unwrap();
    (stream, Bare { pipe, up: Key::new(secrets.tx), down: Key::new(secrets.rx) })
}

impl Bare {
    /// Sends a record with `text`, whose last byte says what it is, and no byte more or less.
    fn send(&mut self, text: &[u8]) {
        let (kind, text) = text.split_last().unwrap();
        let body = text.len() + 1 + TAG;
        let [high, low] = u16::try_from(body).unwrap().to_be_bytes();
        let header = [DATA, 3, 3, high, low];
        let mut record = vec![0; body];
        self.up.seal(&header, text, *kind, &mut record).unwrap();
        let mut wire = self.pipe.wire();
        wire.to_server.extend(header);
        wire.to_server.extend(record);
    }

    fn say(&mut self, kind: u8, payload: &[u8]) {
        self.send(&[payload, &[kind]].concat());
    }

    /// What the next record from the server holds, with its kind at the end.
    fn hear(&mut self) -> Vec<u8> {
        let mut wire = self.pipe.wire();
        let header: [u8; 5] = wire.to_client[..5].try_into().unwrap();
        let len = usize::from(u16::from_be_bytes([header[3], header[4]]));
        let record: Vec<u8> = wire.to_client.drain(..5 + len).collect();
        let (text, tag) = record[5..].split_at(len - TAG);
        let mut plain = vec![0; text.len()];
        self.down.open(&header, text, tag, &mut plain).unwrap();
        plain
    }
}

fn fails_with(stream: &mut Secure<Pipe>, client: &mut Bare, alert: AlertDescription, what: &str) {
    assert_eq!(heard(stream), "InvalidData", "{what}");
    flush(stream);
    assert_eq!(client.hear(), [2, alert.into(), ALERT], "{what}");
    assert!(matches!(write(stream, b"more"), Poll::Ready(Err(_))), "{what}");
    assert!(Pin::new(stream).poll_shutdown(&mut context()).is_ready());
    assert!(client.pipe.wire().to_client.is_empty(), "{what}: one alert is enough");
}

#[test]
fn rustls_is_left_as_soon_as_hands_are_shaken_and_not_under_tls_1_2() {
    let (stream, _) = shaken(&configs(&rustls::version::TLS13, None), 0, 0, b"");
    assert!(matches!(stream.session, Session::Records(_)));
    let (stream, _) = shaken(&configs(&rustls::version::TLS12, None), 0, 0, b"");
    assert!(matches!(stream.session, Session::Rustls(_)));
    // All records that came in one read with the end of the handshake are rustls' to decrypt.
    let early = [b'e'; 300];
    let (mut stream, _) = shaken(&configs(&rustls::version::TLS13, Some(64)), 0, 0, &early);
    assert!(matches!(stream.session, Session::Rustls(_)));
    let mut heard = 0;
    while let Poll::Ready(some) = read(&mut stream, 100) {
        heard += some.unwrap().len();
    }
    assert_eq!(heard, early.len());
    assert!(matches!(stream.session, Session::Records(_)));
}

#[test]
fn padding_is_taken_off_and_an_empty_record_is_no_end() {
    let (mut stream, mut client) = bare();
    client.send(&[b"padded".as_slice(), &[DATA], &[0; 1000]].concat());
    client.say(DATA, b"");
    client.send(&[DATA, 0, 0]);
    client.say(DATA, b" and not");
    assert_eq!(heard(&mut stream), "padded and not");
    assert!(read(&mut stream, 100).is_pending());
    // More padding than the reader has room for.
    client.send(&[b"again".as_slice(), &[DATA], &[0; 16_000]].concat());
    client.say(DATA, &[b'x'; 1 << 14]);
    assert_eq!(heard(&mut stream), "again");
    let mut left = 1 << 14;
    while left > 0 {
        let Poll::Ready(Ok(some)) = read(&mut stream, 300) else { panic!("{left} are missing") };
        assert!(!some.is_empty() && some.iter().all(|it| *it == b'x'));
        left -= some.len();
    }
    assert!(stream.part.is_empty() && stream.plain.is_empty());
}

#[test]
fn what_may_not_be_in_a_record_is_refused_with_its_alert() {
    let key_update = [24, 0, 0, 1, 0];
    let cases: [(&str, AlertDescription, Vec<u8>); 13] = [
        ("nothing but zeros", AlertDescription::UnexpectedMessage, vec![0; 30]),
        ("no content type", AlertDescription::UnexpectedMessage, vec![0]),
        ("a change of cipher", AlertDescription::UnexpectedMessage, vec![1, 20]),
        ("a content type of its own", AlertDescription::UnexpectedMessage, vec![1, 99]),
        ("too much", AlertDescription::RecordOverflow, vec![DATA; (1 << 14) + 2]),
        ("too much padding", AlertDescription::RecordOverflow, {
            [&[DATA], [0; (1 << 14) + 1].as_slice()].concat()
        }),
        ("half an alert", AlertDescription::DecodeError, vec![2, ALERT]),
        ("two alerts", AlertDescription::DecodeError, vec![1, 0, 1, 0, ALERT]),
        ("another handshake", AlertDescription::UnexpectedMessage, vec![1, 0, 0, 1, 0, HANDSHAKE]),
        ("a ticket", AlertDescription::UnexpectedMessage, vec![4, 0, 0, 1, 0, HANDSHAKE]),
        ("half a key update", AlertDescription::UnexpectedMessage, vec![24, 0, 0, HANDSHAKE]),
        ("two key updates", AlertDescription::UnexpectedMessage, {
            [key_update.as_slice(), &key_update, &[HANDSHAKE]].concat()
        }),
        ("an odd key update", AlertDescription::IllegalParameter, vec![24, 0, 0, 1, 2, HANDSHAKE]),
    ];
    for (what, alert, text) in cases {
        let (mut stream, mut client) = bare();
        client.send(&text);
        fails_with(&mut stream, &mut client, alert, what);
    }
}

#[test]
fn what_is_no_record_is_refused_with_its_alert() {
    let cases: [(&str, AlertDescription, &[u8]); 6] = [
        ("a bare alert", AlertDescription::UnexpectedMessage, &[21, 3, 3, 0, 2, 1, 0]),
        ("a bare change of cipher", AlertDescription::UnexpectedMessage, &[20, 3, 3, 0, 1, 1]),
        ("HTTP", AlertDescription::UnexpectedMessage, b"GET / HTTP/1.1\r\n\r\n"),
        ("too long", AlertDescription::RecordOverflow, &[23, 3, 3, 0x41, 0x01]),
        ("too short", AlertDescription::BadRecordMac, &[23, 3, 3, 0, 0]),
        ("shorter than its tag", AlertDescription::BadRecordMac, &[23, 3, 3, 0, 2, 9, 9]),
    ];
    for (what, alert, bytes) in cases {
        let (mut stream, mut client) = bare();
        client.pipe.wire().to_server.extend(bytes);
        fails_with(&mut stream, &mut client, alert, what);
    }
}

#[test]
fn a_record_that_comes_twice_or_with_one_bit_changed_is_forged() {
    for bit in 0..8 * (5 + 4 + 1 + TAG) {
        let (mut stream, mut client) = bare();
        client.say(DATA, b"good");
        client.pipe.wire().to_server[bit / 8] ^= 1 << (bit % 8);
        // A longer one never becomes whole.
        client.pipe.wire().hung_up = true;
        let heard = heard(&mut stream);
        assert!(["InvalidData", "UnexpectedEof"].contains(&heard.as_str()), "bit {bit}: {heard}");
    }
    let (mut stream, mut client) = bare();
    client.say(DATA, b"once");
    let again: Vec<u8> = client.pipe.wire().to_server.iter().copied().collect();
    assert_eq!(heard(&mut stream), "once");
    client.pipe.wire().to_server.extend(again);
    fails_with(&mut stream, &mut client, AlertDescription::BadRecordMac, "twice the same");
}

#[test]
fn a_key_that_is_asked_for_comes_before_the_next_byte_and_only_once() {
    let (mut stream, mut client) = bare();
    client.say(HANDSHAKE, &[24, 0, 0, 1, 1]);
    assert!(read(&mut stream, 100).is_pending());
    assert!(client.pipe.wire().to_client.is_empty(), "it may wait for company");
    let before = client.pipe.wire().writes;
    assert!(matches!(write(&mut stream, b"answer"), Poll::Ready(Ok(6))));
    assert_eq!(client.pipe.wire().writes, before + 1);
    assert_eq!(client.hear(), [24, 0, 0, 1, 0, HANDSHAKE]);
    let len = client.pipe.wire().to_client.len();
    assert_eq!(len, 5 + 6 + 1 + TAG, "one key update, and the answer under the new key");
    // The new key is not the old one.
    let header: [u8; 5] = client.pipe.wire().to_client[..5].try_into().unwrap();
    let body = client.pipe.wire().to_client[5..].to_vec();
    let (text, tag) = body.split_at(6 + 1);
    assert!(client.down.open(&header, text, tag, &mut [0; 7]).is_err());
}

#[test]
fn a_key_is_replaced_before_it_is_worn_out() {
    let (mut stream, mut client) = bare();
    let Session::Records(records) = &mut stream.session else { panic!("rustls is still there") };
    records.wear_out(2);
    for word in [b"first", b"again"] {
        assert!(matches!(write(&mut stream, word), Poll::Ready(Ok(5))));
        assert_eq!(client.hear(), [word.as_slice(), &[DATA]].concat());
    }
    assert!(matches!(write(&mut stream, b"third"), Poll::Ready(Ok(5))));
    assert_eq!(client.hear(), [24, 0, 0, 1, 0, HANDSHAKE]);
}

#[test]
fn key_updates_and_warnings_that_no_data_follows_come_to_an_end() {
    let user_canceled = (ALERT, vec![1, 90]);
    // The keys of this client do not change: only the first update can be read.
    let (mut stream, mut client) = bare();
    client.say(HANDSHAKE, &[24, 0, 0, 1, 1]);
    client.say(HANDSHAKE, &[24, 0, 0, 1, 1]);
    assert_eq!(heard(&mut stream), "InvalidData");
    let (mut stream, mut client) = bare();
    for _ in 0..3 {
        (0..32).for_each(|_| client.say(user_canceled.0, &user_canceled.1));
        client.say(DATA, b"data");
        assert_eq!(heard(&mut stream), "data");
    }
    (0..33).for_each(|_| client.say(user_canceled.0, &user_canceled.1));
    fails_with(&mut stream, &mut client, AlertDescription::UnexpectedMessage, "33 warnings");
}

#[test]
fn an_alert_ends_the_stream_and_is_not_answered() {
    for (level, alert) in [(2, 20), (1, 80), (9, 112)] {
        let (mut stream, mut client) = bare();
        client.say(DATA, b"last");
        client.say(ALERT, &[level, alert]);
        assert_eq!(heard(&mut stream), "last");
        assert_eq!(heard(&mut stream), "InvalidData");
        flush(&mut stream);
        assert!(Pin::new(&mut stream).poll_shutdown(&mut context()).is_ready());
        assert!(client.pipe.wire().to_client.is_empty());
    }
}

#[test]
fn nothing_behind_close_notify_is_read() {
    let (mut stream, mut client) = bare();
    client.say(DATA, b"bye");
    client.say(ALERT, &[1, 0]);
    client.say(DATA, b"more");
    client.pipe.wire().to_server.extend([0; 100]);
    assert_eq!(heard(&mut stream), "bye");
    assert_eq!(heard(&mut stream), "");
    assert_eq!(heard(&mut stream), "");
    assert!(stream.part.is_empty());
}

#[test]
fn records_of_any_content_never_do_more_than_fail() {
    for seed in 0..400 {
        let mut dice = StdRng::seed_from_u64(seed);
        let (mut stream, mut client) = bare();
        for _ in 0..dice.random_range(1..6) {
            let mut text = vec![0; dice.random_range(1..40)];
            dice.fill(text.as_mut_slice());
            let last = text.len() - 1;
            text[last] = [0, ALERT, HANDSHAKE, DATA][dice.random_range(0..4)];
            client.send(&text);
        }
        client.pipe.wire().hung_up = true;
        let ended = (0..50).any(|_| match read(&mut stream, dice.random_range(1..30)) {
            Poll::Ready(Ok(some)) => some.is_empty(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        });
        assert!(ended, "seed {seed}: no end");
    }
}

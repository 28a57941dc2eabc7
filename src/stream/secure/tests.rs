//! The stream against rustls' own client. A seed is in the message of whatever fails.

mod hostile;
mod wire;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustls::SupportedProtocolVersion;
use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::wire::{Client, Pipe, agreed, configs, context, shaken};
use super::{Records, Secure};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];
const SEEDS: u64 = 40;

/// More turns than any of these exchanges takes.
const TURNS: usize = 200_000;

fn read(stream: &mut Secure<Pipe>, most: usize) -> Poll<io::Result<Vec<u8>>> {
    let mut bytes = vec![0; most];
    let mut buf = ReadBuf::new(&mut bytes);
    let polled = Pin::new(stream).poll_read(&mut context(), &mut buf);
    polled.map_ok(|()| buf.filled().to_vec())
}

/// What is there to be read; an empty text at the end.
fn heard(stream: &mut Secure<Pipe>) -> String {
    match read(stream, 100) {
        Poll::Ready(Ok(some)) => String::from_utf8(some).unwrap(),
        Poll::Ready(Err(error)) => format!("{:?}", error.kind()),
        Poll::Pending => "nothing yet".to_owned(),
    }
}

fn write(stream: &mut Secure<Pipe>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    Pin::new(stream).poll_write(&mut context(), bytes)
}

fn flush(stream: &mut Secure<Pipe>) {
    while Pin::new(&mut *stream).poll_flush(&mut context()).is_pending() {}
}

fn noise(dice: &mut StdRng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; dice.random_range(0..most)];
    dice.fill(bytes.as_mut_slice());
    bytes
}

/// Both talk at once, in pieces of any size, and hear what was said; keys change on the way.
fn talk(version: &'static SupportedProtocolVersion, seed: u64) {
    let mut dice = StdRng::seed_from_u64(!seed);
    let fragment = [None, Some(64), Some(1000), None][(seed % 4) as usize];
    let configs = configs(version, fragment);
    let (mut stream, mut client) = shaken(&configs, seed, 3, b"");
    let (up, down) = (noise(&mut dice, 300_000), noise(&mut dice, 300_000));
    let (mut said, mut answered, mut heard) = (0, 0, Vec::new());
    for _ in 0..TURNS {
        if said < up.len() {
            let some = dice.random_range(0..=(up.len() - said).min(40_000));
            client.say(&up[said..said + some]);
            said += some;
            if version == &rustls::version::TLS13 && dice.random_ratio(1, 8) {
                client.tls.refresh_traffic_keys().unwrap();
            }
        }
        client.turn().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        if dice.random_ratio(1, 2)
            && let Poll::Ready(some) = read(&mut stream, dice.random_range(1..70_000))
        {
            heard.extend(some.unwrap_or_else(|error| panic!("seed {seed}: {error}")));
        }
        if answered < down.len() {
            let some = dice.random_range(1..=(down.len() - answered).min(100_000));
            if let Poll::Ready(taken) = write(&mut stream, &down[answered..answered + some]) {
                answered += taken.unwrap();
            }
        } else {
            flush(&mut stream);
        }
        if heard.len() == up.len() && client.heard.len() == down.len() {
            break;
        }
    }
    assert!(heard == up && client.heard == down, "seed {seed}: something is missing or wrong");
    while !client.pipe.wire().to_server.is_empty() {
        // A change of keys, and no byte.
        assert!(read(&mut stream, 1).is_pending(), "seed {seed}");
    }
    assert!(stream.part.is_empty() && stream.plain.is_empty(), "seed {seed}: it keeps bytes");
}

#[test]
fn every_byte_arrives_however_records_and_writes_are_split() {
    for seed in 0..SEEDS {
        for version in VERSIONS {
            talk(version, seed);
        }
    }
}

#[test]
fn a_handshake_in_pieces_of_a_few_bytes_succeeds() {
    for version in VERSIONS {
        let configs = configs(version, Some(32));
        for seed in 0..SEEDS {
            let (mut stream, mut client) = shaken(&configs, seed, 2, b"first");
            let mut heard = Vec::new();
            while heard.len() < 5 {
                client.turn().unwrap();
                if let Poll::Ready(some) = read(&mut stream, 2) {
                    heard.extend(some.unwrap());
                }
            }
            assert_eq!(heard, b"first", "seed {seed}");
        }
    }
}

#[test]
fn close_notify_is_an_end_and_the_other_direction_stays_open() {
    for version in VERSIONS {
        let (mut stream, mut client) = shaken(&configs(version, None), 0, 0, b"");
        client.say(b"bye");
        client.tls.send_close_notify();
        client.turn().unwrap();
        assert_eq!(heard(&mut stream), "bye", "{version:?}");
        assert_eq!(heard(&mut stream), "", "{version:?}");
        assert!(matches!(write(&mut stream, b"still"), Poll::Ready(Ok(5))));
        let shut = Pin::new(&mut stream).poll_shutdown(&mut context());
        assert!(matches!(shut, Poll::Ready(Ok(()))));
        client.turn().unwrap();
        assert_eq!(client.heard, b"still");
        assert!(client.tls.process_new_packets().unwrap().peer_has_closed());
        assert_eq!(heard(&mut stream), "", "{version:?}");
        assert!(matches!(write(&mut stream, b"more"), Poll::Ready(Err(_))));
    }
}

#[test]
fn the_last_bytes_and_close_notify_leave_in_one_write() {
    for version in VERSIONS {
        let (mut stream, mut client) = shaken(&configs(version, None), 0, 0, b"");
        flush(&mut stream);
        let before = client.pipe.wire().writes;
        let written = stream.poll_write_last(&mut context(), b"bye");
        assert!(matches!(written, Poll::Ready(Ok(3))), "{version:?}");
        assert!(Pin::new(&mut stream).poll_shutdown(&mut context()).is_ready());
        client.turn().unwrap();
        assert_eq!(client.heard, b"bye");
        assert!(client.tls.process_new_packets().unwrap().peer_has_closed());
        // Under TLS 1.3 the ticket is still there, and leaves with them.
        assert_eq!(client.pipe.wire().writes, before + 1, "{version:?}");
    }
}

#[test]
fn last_bytes_that_the_socket_takes_in_pieces_arrive_before_close_notify() {
    for seed in 0..SEEDS {
        let configs = configs(&rustls::version::TLS13, None);
        let (mut stream, mut client) = shaken(&configs, seed, 2, b"");
        let words = noise(&mut StdRng::seed_from_u64(seed), 300_000);
        let mut at = 0;
        while at < words.len() {
            if let Poll::Ready(some) = stream.poll_write_last(&mut context(), &words[at..]) {
                at += some.unwrap();
            }
        }
        while Pin::new(&mut stream).poll_shutdown(&mut context()).is_pending() {}
        client.turn().unwrap();
        assert!(client.heard == words, "seed {seed}: something is missing or wrong");
        assert!(client.tls.process_new_packets().unwrap().peer_has_closed(), "seed {seed}");
    }
}

#[test]
fn what_comes_behind_our_own_close_notify_is_still_read() {
    for version in VERSIONS {
        let (mut stream, mut client) = shaken(&configs(version, None), 0, 0, b"");
        assert!(Pin::new(&mut stream).poll_shutdown(&mut context()).is_ready());
        client.say(b"late");
        client.tls.send_close_notify();
        client.turn().unwrap();
        assert_eq!(heard(&mut stream), "late", "{version:?}");
        assert_eq!(heard(&mut stream), "", "{version:?}");
    }
}

#[test]
fn an_end_without_close_notify_is_an_error_behind_the_last_bytes() {
    for version in VERSIONS {
        let (mut stream, mut client) = shaken(&configs(version, None), 0, 0, b"");
        client.say(b"cut");
        client.turn().unwrap();
        client.pipe.wire().hung_up = true;
        assert_eq!(heard(&mut stream), "cut", "{version:?}");
        let end = read(&mut stream, 100);
        assert!(
            matches!(end, Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof)
        );
    }
}

#[test]
fn a_forged_record_fails_behind_the_good_ones_and_is_answered_by_an_alert() {
    for version in VERSIONS {
        let (mut stream, mut client) = shaken(&configs(version, None), 0, 0, b"");
        client.say(b"good");
        client.turn().unwrap();
        client.pipe.wire().to_server.extend([23, 3, 3, 0, 32]);
        client.pipe.wire().to_server.extend([7; 32]);
        assert_eq!(heard(&mut stream), "good", "{version:?}");
        let forged = read(&mut stream, 100);
        assert!(
            matches!(forged, Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::InvalidData)
        );
        flush(&mut stream);
        let alert = rustls::AlertDescription::BadRecordMac;
        assert_eq!(client.turn(), Err(rustls::Error::AlertReceived(alert)));
        assert!(matches!(write(&mut stream, b"more"), Poll::Ready(Err(_))));
        assert_eq!(heard(&mut stream), "", "{version:?}");
        assert!(Pin::new(&mut stream).poll_shutdown(&mut context()).is_ready());
        assert!(client.pipe.wire().to_client.is_empty(), "one alert is enough");
    }
}

#[test]
fn noise_never_does_more_than_fail() {
    let configs = configs(&rustls::version::TLS13, None);
    for seed in 0..400 {
        let mut dice = StdRng::seed_from_u64(seed);
        let pipe = Pipe::new(seed, 3);
        let mut client = Client::new(&configs, &pipe);
        client.turn().unwrap();
        {
            let mut wire = pipe.wire();
            for _ in 0..dice.random_range(1..8) {
                let at = dice.random_range(0..wire.to_server.len());
                wire.to_server[at] = dice.random();
            }
            wire.hung_up = true;
        }
        let mut accept = Box::pin(Secure::accept(pipe, Arc::clone(&configs.server), Vec::new()));
        let ended = (0..TURNS).any(|_| accept.as_mut().poll(&mut context()).is_ready());
        assert!(ended, "seed {seed}: no end");
    }
}

#[test]
fn a_session_is_resumed_by_the_ticket_that_came_with_the_first_answer() {
    for version in VERSIONS {
        let configs = configs(version, None);
        let (mut stream, mut client, first) = agreed(&configs, 0, 0, b"ask");
        assert!(!first.resumed);
        assert_eq!(heard(&mut stream), "ask", "{version:?}");
        let before = client.pipe.wire().writes;
        assert_eq!(heard(&mut stream), "nothing yet", "it waits for the answer as we do");
        assert!(matches!(write(&mut stream, b"answer"), Poll::Ready(Ok(6))));
        flush(&mut stream);
        assert_eq!(client.pipe.wire().writes, before + 1, "ticket and answer in one write");
        client.turn().unwrap();
        assert_eq!(client.heard, b"answer");
        let (_, _, second) = agreed(&configs, 0, 0, b"");
        assert!(second.resumed);
    }
}

#[test]
fn a_client_that_asks_for_nothing_still_gets_its_ticket() {
    let configs = configs(&rustls::version::TLS13, None);
    let (mut stream, mut client) = shaken(&configs, 0, 0, b"");
    assert!(read(&mut stream, 100).is_pending());
    client.turn().unwrap();
    assert_eq!(client.tls.tls13_tickets_received(), 1);
}

#[test]
fn a_stream_is_little_more_than_its_keys() {
    let (size, records) = (size_of::<Secure>(), size_of::<Records>());
    let schedule = size_of::<KernelConnection<ServerConnectionData>>();
    assert!(size <= records + 160, "{size} bytes, {records} of them the keys'");
    assert!(records <= 200, "{records} bytes");
    assert!(schedule <= 600, "{schedule} bytes");
}

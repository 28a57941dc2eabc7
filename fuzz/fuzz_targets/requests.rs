//! Whatever bytes a client or a backend sends and however they are split over reads, the messages that
//! `framing` finds are the same, each is within what was sent, and hyper's parser, which reads behind it,
//! agrees on where every head ends and on the length of its body.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wsgate::framing::{Framing, Violation};

fuzz_target!(|input: &[u8]| {
    let Some(([flags, chunk], stream)) = input.split_first_chunk::<2>() else { return };
    let answers = flags & 1 != 0;
    let whole = split(answers, stream, stream.len().max(1));
    let pieces = split(answers, stream, usize::from(*chunk).max(1));
    assert_eq!(whole, pieces, "in pieces of {chunk}");
    if !answers {
        for message in &whole.0 {
            agrees(&stream[message.clone()]);
        }
    }
});

type Messages = (Vec<std::ops::Range<usize>>, Option<Violation>);

/// The whole messages of `stream`, shown in pieces, and what ended them.
fn split(answers: bool, stream: &[u8], size: usize) -> Messages {
    let mut framing = if answers { Framing::answers(4096) } else { Framing::requests(4096) };
    if answers {
        framing.next(false);
    }
    let (mut messages, mut begun, mut at) = (Vec::new(), 0, 0);
    while at < stream.len() {
        let piece = &stream[at..stream.len().min(at + size)];
        match framing.take(piece) {
            Err(violation) => return (messages, Some(violation)),
            Ok(taken) => {
                assert!(taken <= piece.len());
                at += taken;
            }
        }
        if framing.is_at_end() {
            messages.push(begun..at);
            begun = at;
            framing.next(false);
        }
    }
    (messages, None)
}

/// A second reading of a request that was let through.
fn agrees(request: &[u8]) {
    let mut fields = [httparse::EMPTY_HEADER; 512];
    let mut parsed = httparse::Request::new(&mut fields);
    // What has more fields than that hyper refuses too.
    let Ok(httparse::Status::Complete(head)) = parsed.parse(request) else { return };
    let body = &request[head..];
    let values = |name: &str| {
        let named = parsed.headers.iter().filter(|it| it.name.eq_ignore_ascii_case(name));
        named.map(|it| it.value.trim_ascii()).collect::<Vec<_>>()
    };
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    assert!(lengths.len() + codings.len() <= 1, "two lengths: {request:?}");
    match (lengths.first(), codings.first()) {
        (Some(length), _) => {
            let length: usize = std::str::from_utf8(length).unwrap().parse().unwrap();
            assert_eq!(body.len(), length, "{request:?}");
        }
        (_, Some(coding)) => {
            assert!(coding.eq_ignore_ascii_case(b"chunked"), "{request:?}");
            assert!(body.ends_with(b"\r\n\r\n"), "{request:?}");
            assert_eq!(chunks_end(body), Some(body.len()), "{request:?}");
        }
        (None, None) => assert!(body.is_empty(), "a body from nowhere: {request:?}"),
    }
}

/// Where a chunked body ends, by httparse's reading of the sizes.
fn chunks_end(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let Ok(httparse::Status::Complete((len, size))) = httparse::parse_chunk_size(&body[at..])
        else {
            return None;
        };
        at += len;
        if size == 0 {
            break;
        }
        at = at.checked_add(usize::try_from(size).ok()?)?;
        if body.get(at..at + 2)? != b"\r\n" {
            return None;
        }
        at += 2;
    }
    while body.get(at..at + 2)? != b"\r\n" {
        at += body[at..].windows(2).position(|it| it == b"\r\n")? + 2;
    }
    Some(at + 2)
}

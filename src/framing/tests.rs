//! Tables of heads and bodies: what is taken, and what is refused for what.

use super::*;

const MAX: usize = 1024;

/// The messages in `bytes`, read in pieces of `size`.
fn split(mut framing: Framing, bytes: &[u8], size: usize) -> Result<Vec<String>, Violation> {
    let (mut messages, mut message) = (Vec::new(), Vec::new());
    let mut rest = bytes;
    while !rest.is_empty() {
        let piece = &rest[..size.min(rest.len())];
        let taken = framing.take(piece)?;
        message.extend_from_slice(&piece[..taken]);
        rest = &rest[taken..];
        if framing.is_at_end() {
            messages.push(String::from_utf8(std::mem::take(&mut message)).expect("UTF-8"));
            framing.next(false);
        }
    }
    if !message.is_empty() {
        messages.push(String::from_utf8(message).expect("UTF-8") + "...");
    }
    Ok(messages)
}

fn requests(bytes: &[u8]) -> Result<Vec<String>, Violation> {
    let whole = split(Framing::requests(MAX), bytes, bytes.len());
    for size in 1..bytes.len() {
        assert_eq!(split(Framing::requests(MAX), bytes, size), whole, "in pieces of {size}");
    }
    whole
}

fn answers(bytes: &[u8]) -> Result<Vec<String>, Violation> {
    let asked = || {
        let mut framing = Framing::answers(MAX);
        framing.next(false);
        framing
    };
    let whole = split(asked(), bytes, bytes.len());
    for size in 1..bytes.len() {
        assert_eq!(split(asked(), bytes, size), whole, "in pieces of {size}");
    }
    whole
}

#[test]
fn requests_are_taken_one_by_one_whatever_the_reads() {
    let get = "GET /a?b HTTP/1.1\r\nHost: a\r\nX: \t\u{fc} \r\n\r\n";
    let post = "\r\nPOST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345";
    let chunked = "POST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n\
                   3;a=\"b\"\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX: y\r\n\r\n";
    let stream = [get, post, chunked, get].concat();
    let found = requests(stream.as_bytes()).expect("sound");
    assert_eq!(found, [get, post, chunked, get]);
}

#[test]
fn a_request_without_one_meaning_is_refused() {
    use Violation::*;
    let head = |line: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n");
    let chunk = |text: &str| format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{text}");
    let table = [
        ("GET / HTTP/1.1\nHost: a\r\n\r\n".to_owned(), BareLf),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n".to_owned(), BareLf),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n".to_owned(), BareLf),
        ("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n".to_owned(), BareCr),
        ("GET / HTTP/1.1\r\r\n\r\n".to_owned(), BareCr),
        ("\r\n\r\nGET / HTTP/1.1\r\n\r\n".to_owned(), EmptyLines),
        ("GET  / HTTP/1.1\r\n\r\n".to_owned(), StartLine),
        ("GET / HTTP/1.1 \r\n\r\n".to_owned(), StartLine),
        ("GET /\tx HTTP/1.1\r\n\r\n".to_owned(), StartLine),
        ("GET /#x HTTP/1.1\r\n\r\n".to_owned(), StartLine),
        ("GET /\u{e4} HTTP/1.1\r\n\r\n".to_owned(), StartLine),
        ("GET /\r\n\r\n".to_owned(), StartLine),
        ("G(T / HTTP/1.1\r\n\r\n".to_owned(), StartLine),
        ("GET / HTTP/1.2\r\n\r\n".to_owned(), StartLine),
        ("GET / http/1.1\r\n\r\n".to_owned(), StartLine),
        ("PRI * HTTP/2.0\r\n\r\n".to_owned(), StartLine),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n".to_owned(), Folded),
        (head("X: a\r\n\tb"), Folded),
        (head("Host : a"), FieldName),
        (head("X\0: a"), FieldName),
        (head(": a"), FieldName),
        (head("no colon"), FieldName),
        (head("X: a\0b"), FieldValue),
        (head("X: a\x0bb"), FieldValue),
        (head("X: \x7f"), FieldValue),
        (head("Content-Length: 1\r\nContent-Length: 1"), ContentLength),
        (head("Content-Length: 1, 1"), ContentLength),
        (head("Content-Length: +1"), ContentLength),
        (head("Content-Length: 0x1"), ContentLength),
        (head("Content-Length: "), ContentLength),
        (head("Content-Length: 18446744073709551616"), ContentLength),
        (head("Transfer-Encoding: gzip, chunked"), TransferEncoding),
        (head("Transfer-Encoding: chunked, identity"), TransferEncoding),
        (head("Transfer-Encoding: xchunked"), TransferEncoding),
        (head("Transfer-Encoding: \"chunked\""), TransferEncoding),
        (head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), TransferEncoding),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), TransferEncoding),
        (head("Content-Length: 1\r\nTransfer-Encoding: chunked"), TwoLengths),
        (head("Transfer-Encoding: chunked\r\nContent-Length: 1"), TwoLengths),
        (head("Content_Length: 1"), Underscore),
        (head("transfer-Encoding: chunked\r\nTransfer_Encoding: x"), Underscore),
        (head("Sec_WebSocket-Key: x"), Underscore),
        (head(&format!("X: {}", "x".repeat(MAX))), TooLarge),
        (chunk("\r\n"), Chunk),
        (chunk("0x3\r\nabc\r\n"), Chunk),
        (chunk("-1\r\n"), Chunk),
        (chunk("3 \r\nabc\r\n"), Chunk),
        (chunk("3\nabc\r\n"), Chunk),
        (chunk("3\r\nabcd\r\n"), Chunk),
        (chunk("3\r\nabc\n"), Chunk),
        (chunk("3;a\nb\r\nabc\r\n"), Chunk),
        (chunk("10000000000000003\r\n"), Chunk),
        (chunk(&format!("3;{}\r\n", "x".repeat(300))), Chunk),
        (chunk("0\r\nX : y\r\n\r\n"), Trailer),
        (chunk("0\r\nX: y\n\r\n"), Trailer),
        (chunk(&format!("0\r\nX: {}\r\n\r\n", "y".repeat(9000))), Trailer),
    ];
    for (text, violation) in table {
        assert_eq!(requests(text.as_bytes()), Err(violation), "{text:?}");
    }
}

#[test]
fn answers_have_the_lengths_of_rfc_9112_section_6_3() {
    let one = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let none = "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n";
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let stream = [one, none, hints, one].concat();
    let found = answers(stream.as_bytes()).expect("sound");
    assert_eq!(found, [one, none, &(hints.to_owned() + one)]);
    for rest in ["HTTP/1.0 200\r\n\r\nall that comes", "HTTP/1.1 101 \r\n\r\n\x01\n\x00frames"] {
        assert_eq!(answers(rest.as_bytes()).expect("sound"), [format!("{rest}...")]);
    }
    let mut framing = Framing::answers(MAX);
    framing.next(true);
    assert_eq!(framing.take(one.as_bytes()), Ok(one.len() - 2), "an answer to HEAD has no body");
}

#[test]
fn an_answer_without_one_meaning_is_refused() {
    use Violation::*;
    let head = |line: &str| format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\n");
    let table = [
        ("HTTP/1.1 20 OK\r\n\r\n".to_owned(), StartLine),
        ("HTTP/1.1 2000 OK\r\n\r\n".to_owned(), StartLine),
        ("HTTP/1.1 099 OK\r\n\r\n".to_owned(), StartLine),
        ("HTTP/2 200 OK\r\n\r\n".to_owned(), StartLine),
        ("hello\r\n\r\n".to_owned(), StartLine),
        ("HTTP/1.1 200 OK\nA: b\n\n".to_owned(), BareLf),
        (head("A: b\r\n c"), Folded),
        (head("A : b"), FieldName),
        (head("A: \x01"), FieldValue),
        (head("Content-Length: 1\r\nContent-Length: 2"), ContentLength),
        (head("Content-Length: 1\r\nTransfer-Encoding: chunked"), TwoLengths),
        (head("Transfer-Encoding: gzip"), TransferEncoding),
        ("HTTP/1.1 100 Continue\r\n\r\n".repeat(INTERIM_MAX + 1), Interim),
    ];
    for (text, violation) in table {
        assert_eq!(answers(text.as_bytes()), Err(violation), "{text:?}");
    }
}

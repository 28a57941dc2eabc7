//! What the scanner lets pass and what it refuses, at every split of the bytes.

use tungstenite::protocol::frame::coding::{Control as ControlCode, Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};

use super::*;

fn frame(opcode: OpCode, fin: bool, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let header = FrameHeader { is_final: fin, opcode, mask, ..FrameHeader::default() };
    let mut out = Vec::new();
    Frame::from_payload(header, payload.to_vec().into()).format(&mut out).expect("a Vec");
    out
}

/// What passed, the control frames among it, and how many messages ended.
type Walked = (Vec<u8>, Vec<(Kind, Vec<u8>)>, usize);

/// Runs `pieces` through a scanner as a relay would: what is incomplete is shown again.
fn walk<'a>(
    scanner: &mut Scanner,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Walked, Violation> {
    let (mut passed, mut controls, mut messages) = (Vec::new(), Vec::new(), 0);
    let mut carry = Vec::new();
    for piece in pieces {
        carry.extend_from_slice(piece);
        let buf = std::mem::take(&mut carry);
        let mut at = 0;
        while at < buf.len() {
            match scanner.step(&buf[at..])? {
                Step::Data { len, ends_message, .. } => {
                    passed.extend_from_slice(&buf[at..at + len]);
                    messages += usize::from(ends_message);
                    at += len;
                }
                Step::Control { len, control } => {
                    passed.extend_from_slice(&buf[at..at + len]);
                    controls.push((control.kind, control.payload().to_vec()));
                    at += len;
                }
                Step::Short { .. } => panic!("nobody asked for it"),
                Step::Incomplete => {
                    assert!(buf.len() - at < super::super::control::FRAME_MAX);
                    carry = buf[at..].to_vec();
                    break;
                }
            }
        }
    }
    Ok((passed, controls, messages))
}

fn violation(sender: Sender, compressed: bool, bytes: &[u8]) -> Option<Violation> {
    walk(&mut Scanner::new(sender, Some(1000), compressed), [bytes]).err()
}

#[test]
fn every_split_of_a_stream_gives_the_same_frames() {
    let mask = Some([0x11, 0x22, 0x33, 0x44]);
    let mut stream = frame(OpCode::Data(Data::Text), false, b"Hel", mask);
    stream.extend(frame(OpCode::Control(ControlCode::Ping), true, b"are you there", mask));
    stream.extend(frame(OpCode::Data(Data::Continue), true, b"lo", mask));
    stream.extend(frame(OpCode::Data(Data::Binary), true, &[7; 300], mask));
    stream.extend(frame(OpCode::Data(Data::Binary), true, &[8; 70_000], mask));
    stream.extend(frame(OpCode::Data(Data::Text), true, b"", mask));
    stream.extend(frame(OpCode::Control(ControlCode::Close), true, b"\x03\xe8ok", mask));
    let interesting = (0..400).chain(stream.len() - 60..stream.len());
    for split in interesting {
        let mut scanner = Scanner::new(Sender::Client, None, false);
        let (a, b) = stream.split_at(split);
        let (passed, controls, messages) = walk(&mut scanner, [a, b]).expect("valid");
        assert_eq!(passed, stream, "split at {split}");
        assert_eq!(messages, 4, "split at {split}");
        let expected =
            vec![(Kind::Ping, b"are you there".to_vec()), (Kind::Close, b"\x03\xe8ok".to_vec())];
        assert_eq!(controls, expected, "split at {split}");
        assert!(scanner.at_border());
    }
    let mut scanner = Scanner::new(Sender::Client, None, false);
    let (passed, ..) = walk(&mut scanner, stream.chunks(1)).expect("valid");
    assert_eq!(passed, stream, "byte by byte");
}

#[test]
fn the_border_is_where_another_frame_may_begin() {
    let mut scanner = Scanner::new(Sender::Server, None, false);
    let bytes = frame(OpCode::Data(Data::Text), true, b"Hello", None);
    assert!(scanner.at_border());
    assert!(walk(&mut scanner, [&bytes[..4]]).is_ok());
    assert!(!scanner.at_border(), "inside a payload");
    assert!(walk(&mut scanner, [&bytes[4..]]).is_ok());
    assert!(scanner.at_border());
    assert!(walk(&mut scanner, [&bytes[..1]]).is_ok());
    assert!(scanner.at_border(), "half a header is held back, so nothing has begun");
}

#[test]
fn each_rule_of_section_5_is_enforced() {
    use Violation::*;
    let big = &[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4][..];
    let cases: &[(&str, Sender, &[u8], Violation)] = &[
        ("client frame without mask", Sender::Client, b"\x81\x01a", Mask),
        ("server frame with mask", Sender::Server, b"\x81\x81aaaaa", Mask),
        ("RSV1 without extension", Sender::Server, b"\xc1\x01a", ReservedBit),
        ("RSV2", Sender::Server, b"\xa1\x01a", ReservedBit),
        ("RSV3", Sender::Server, b"\x91\x01a", ReservedBit),
        ("opcode 3", Sender::Server, b"\x83\x01a", Opcode),
        ("opcode 7", Sender::Server, b"\x87\x01a", Opcode),
        ("opcode 11", Sender::Server, b"\x8b\x01a", Opcode),
        ("opcode 15", Sender::Server, b"\x8f\x01a", Opcode),
        ("16-bit length of 125", Sender::Server, b"\x81\x7e\x00\x7d", Length),
        ("64-bit length of 65535", Sender::Server, b"\x81\x7f\0\0\0\0\0\0\xff\xff", Length),
        ("top bit of a 64-bit length", Sender::Client, big, Length),
        ("ping of 126 bytes", Sender::Server, b"\x89\x7e\x00\x7e", Control),
        ("fragmented ping", Sender::Server, b"\x09\x00", Control),
        ("RSV1 on a ping", Sender::Server, b"\xc9\x00", ReservedBit),
        ("continuation of nothing", Sender::Server, b"\x80\x01a", Sequence),
        ("text inside a message", Sender::Server, b"\x01\x01a\x81\x01b", Sequence),
    ];
    for (what, sender, bytes, expected) in cases {
        assert_eq!(violation(*sender, false, bytes), Some(*expected), "{what}");
    }
}

#[test]
fn rsv1_is_for_the_first_frame_of_a_compressed_message_only() {
    assert_eq!(violation(Sender::Server, true, b"\x41\x01a\x80\x01b"), None);
    let continued = b"\x41\x01a\xc0\x01b";
    assert_eq!(violation(Sender::Server, true, continued), Some(Violation::ReservedBit));
    assert_eq!(violation(Sender::Server, true, b"\xc9\x00"), Some(Violation::ReservedBit));
}

#[test]
fn a_message_is_measured_over_all_its_fragments() {
    let mut scanner = Scanner::new(Sender::Server, Some(4), false);
    assert!(walk(&mut scanner, [&b"\x01\x02ab\x00\x02cd\x80\x00"[..]]).is_ok());
    assert!(walk(&mut scanner, [&b"\x81\x04abcd"[..]]).is_ok(), "the count begins anew");
    let over = walk(&mut scanner, [&b"\x01\x02ab\x00\x02cd\x80\x01e"[..]]);
    assert_eq!(over.err(), Some(Violation::TooBig));
}

/// Runs `pieces` through a scanner that wants messages of 5 bytes: those handed out, and all bytes.
fn walk_wanting<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    compressed: bool,
) -> (Vec<(bool, Vec<u8>)>, usize) {
    let mut scanner = Scanner::new(Sender::Client, None, compressed);
    scanner.want(Lengths::NONE.with(5));
    let (mut shorts, mut passed, mut carry) = (Vec::new(), 0, Vec::new());
    for piece in pieces {
        carry.extend_from_slice(piece);
        let mut at = 0;
        while at < carry.len() {
            match scanner.step(&carry[at..]).expect("valid") {
                Step::Data { len, .. } | Step::Control { len, .. } => at += len,
                Step::Short { len, short } => {
                    assert!(scanner.at_message_border());
                    shorts.push((short.is_text, short.payload().to_vec()));
                    at += len;
                }
                Step::Incomplete => {
                    assert!(carry.len() - at < super::super::control::FRAME_MAX);
                    assert!(scanner.at_border(), "half of it is held back, so nothing has begun");
                    break;
                }
            }
        }
        passed += at;
        carry.drain(..at);
    }
    (shorts, passed)
}

#[test]
fn a_message_of_a_wanted_length_is_handed_out_whole_at_every_split() {
    let mask = Some([0x11, 0x22, 0x33, 0x44]);
    let mut stream = frame(OpCode::Data(Data::Text), true, b"hello", mask);
    stream.extend(frame(OpCode::Data(Data::Text), true, b"longer", mask));
    stream.extend(frame(OpCode::Data(Data::Text), true, b"", mask));
    stream.extend(frame(OpCode::Data(Data::Binary), true, b"\x01\x02\x03\x04\x05", mask));
    let mut expected = vec![(true, b"hello".to_vec()), (false, vec![1, 2, 3, 4, 5])];
    // None of these is a message in one frame.
    stream.extend(frame(OpCode::Data(Data::Text), false, b"begin", mask));
    stream.extend(frame(OpCode::Control(ControlCode::Ping), true, b"12345", mask));
    stream.extend(frame(OpCode::Data(Data::Continue), false, b"midst", mask));
    stream.extend(frame(OpCode::Data(Data::Continue), true, b"enden", mask));
    stream.extend(frame(OpCode::Data(Data::Text), true, b"again", mask));
    expected.push((true, b"again".to_vec()));
    for split in 0..stream.len() {
        let (a, b) = stream.split_at(split);
        let walked = walk_wanting([a, b], false);
        assert_eq!(walked, (expected.clone(), stream.len()), "split at {split}");
    }
    assert_eq!(walk_wanting(stream.chunks(1), false), (expected, stream.len()), "byte by byte");
}

#[test]
fn a_compressed_message_is_never_handed_out() {
    let mut compressed = frame(OpCode::Data(Data::Text), true, b"hello", Some([1, 2, 3, 4]));
    compressed[0] |= 0x40;
    assert_eq!(walk_wanting([&compressed[..]], true), (Vec::new(), compressed.len()));
    let plain = frame(OpCode::Data(Data::Text), true, b"hello", Some([1, 2, 3, 4]));
    assert_eq!(walk_wanting([&plain[..]], true).0.len(), 1, "a message may be left uncompressed");
}

#[test]
fn a_wanted_message_is_under_the_same_rules() {
    let mut scanner = Scanner::new(Sender::Server, Some(4), false);
    scanner.want(Lengths::ALL);
    assert!(matches!(scanner.step(b"\x81\x05"), Err(Violation::TooBig)), "by its header alone");
    let mut scanner = Scanner::new(Sender::Server, None, false);
    scanner.want(Lengths::ALL);
    assert!(matches!(scanner.step(b"\x01\x01a"), Ok(Step::Data { len: 3, .. })));
    assert!(scanner.at_border() && !scanner.at_message_border());
    assert!(matches!(scanner.step(b"\x81\x01b"), Err(Violation::Sequence)));
}

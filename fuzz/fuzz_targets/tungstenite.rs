//! Frames that the scanner passes are frames that tungstenite takes: where tungstenite finds a rule
//! broken, the scanner has found it too, at that frame or before. What it leaves to the peers (the
//! encoding of texts, which it never reads) is left out.

#![no_main]

use std::io::{self, Cursor, Read, Write};

use libfuzzer_sys::fuzz_target;
use tungstenite::error::{Error, ProtocolError};
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use wsgate::ws::control::Kind;
use wsgate::ws::scan::{Scanner, Sender, Step};

const MESSAGE_MAX: usize = 64 * 1024;

fuzz_target!(|input: &[u8]| {
    let Some((flags, stream)) = input.split_first() else { return };
    let (sender, role) = match flags & 1 {
        0 => (Sender::Client, Role::Server),
        _ => (Sender::Server, Role::Client),
    };
    let passed = scan(sender, stream);
    let verdict = read(role, &stream[..passed]);
    assert!(verdict.is_none(), "{verdict:?} in what was passed: {:?}", &stream[..passed]);
});

/// How many bytes are passed on before a Close.
fn scan(sender: Sender, stream: &[u8]) -> usize {
    let mut scanner = Scanner::new(sender, Some(MESSAGE_MAX as u64), false);
    let mut passed = 0;
    while passed < stream.len() {
        match scanner.step(&stream[passed..]) {
            Err(_) | Ok(Step::Incomplete) => break,
            Ok(Step::Data { len, .. } | Step::Short { len, .. }) => passed += len,
            // What a Close may say is judged behind the scanner, and nothing follows it.
            Ok(Step::Control { control, .. }) if control.kind == Kind::Close => break,
            Ok(Step::Control { len, .. }) => passed += len,
        }
    }
    passed
}

/// The rule that tungstenite finds broken.
fn read(role: Role, stream: &[u8]) -> Option<ProtocolError> {
    let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
    let mut socket = WebSocket::from_raw_socket(Wire(Cursor::new(stream)), role, Some(config));
    loop {
        match socket.read() {
            Ok(_) => {}
            // The bytes end, wherever in a message that is.
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return None,
            Err(Error::Protocol(rule)) => return Some(rule),
            Err(_) => return None,
        }
    }
}

/// Reads what there is, and swallows the answers.
struct Wire<'a>(Cursor<&'a [u8]>);

impl Read for Wire<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

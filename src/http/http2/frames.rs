//! Where HTTP/2 frames begin and end, and how many there are of which kind (RFC 9113 sections 4.1 and 6).
//! Reads no payload but the code of a reset; knows no stream of bytes.

/// What opens every connection from the client's side (section 3.4).
pub const PREFACE: usize = 24;

/// Bytes of a frame's header.
const HEADER: usize = 9;

/// The kinds that anything is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A piece of a body.
    Data,
    /// The beginning of a head.
    Headers,
    /// The end of a stream before its time.
    Reset,
    /// How one side wants the connection.
    Settings,
    /// A question that has to be answered.
    Ping,
    /// More of a head.
    Continuation,
    /// Window updates, priorities, and what nobody knows.
    Other,
}

/// One frame that has come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// Bytes of its payload.
    pub length: u32,
    /// ACK of settings and pings, END_STREAM of data and heads.
    pub marked: bool,
    /// END_HEADERS.
    pub ends_head: bool,
    /// Its stream; 0 for the connection.
    pub stream: u32,
    /// The code of a reset.
    pub code: u32,
}

/// Follows one direction of a connection.
#[derive(Debug)]
pub struct Follower {
    /// Bytes of the preface that are still to come.
    preface: usize,
    header: [u8; HEADER],
    /// How much of the header has come.
    have: usize,
    /// How much of the payload is still to come; counts only behind a whole header.
    left: u32,
    code: u32,
    in_head: bool,
}

impl Follower {
    /// What a client sends.
    pub fn of_client() -> Self {
        Self { preface: PREFACE, ..Self::of_server() }
    }

    /// What a server sends.
    pub fn of_server() -> Self {
        Self { preface: 0, header: [0; HEADER], have: 0, left: 0, code: 0, in_head: false }
    }

    /// Goes through `bytes` and shows every frame that has come to its end.
    pub fn feed(&mut self, mut bytes: &[u8], mut see: impl FnMut(Frame)) {
        let skipped = self.preface.min(bytes.len());
        self.preface -= skipped;
        bytes = bytes.get(skipped..).unwrap_or_default();
        while !bytes.is_empty() {
            let used = if self.have < HEADER { self.head(bytes) } else { self.payload(bytes) };
            bytes = bytes.get(used..).unwrap_or_default();
            if self.have == HEADER && self.left == 0 {
                let frame = self.frame();
                self.have = 0;
                match frame.kind {
                    Kind::Headers | Kind::Continuation => self.in_head = !frame.ends_head,
                    _ => {}
                }
                see(frame);
            }
        }
    }

    /// Whether the preface has come.
    pub fn has_begun(&self) -> bool {
        self.preface == 0
    }

    /// Whether a frame may be put in here.
    pub fn at_border(&self) -> bool {
        self.preface == 0 && self.have == 0
    }

    /// Whether a head has begun and not come to its end.
    pub fn in_head(&self) -> bool {
        self.in_head || (self.have == HEADER && matches!(self.header[3], HEADERS | CONTINUATION))
    }

    fn head(&mut self, bytes: &[u8]) -> usize {
        let some = bytes.len().min(HEADER - self.have);
        self.header[self.have..self.have + some].copy_from_slice(&bytes[..some]);
        self.have += some;
        if self.have == HEADER {
            self.left = u32::from_be_bytes([0, self.header[0], self.header[1], self.header[2]]);
            self.code = 0;
        }
        some
    }

    fn payload(&mut self, bytes: &[u8]) -> usize {
        let some = bytes.len().min(self.left as usize);
        if self.header[3] == RST_STREAM {
            for byte in &bytes[..some] {
                self.code = self.code << 8 | u32::from(*byte);
            }
        }
        // No more than `left`, which is a u32.
        self.left -= some as u32;
        some
    }

    fn frame(&self) -> Frame {
        let [a, b, c, kind, flags, stream @ ..] = self.header;
        let kind = match kind {
            0 => Kind::Data,
            HEADERS => Kind::Headers,
            RST_STREAM => Kind::Reset,
            4 => Kind::Settings,
            6 => Kind::Ping,
            CONTINUATION => Kind::Continuation,
            _ => Kind::Other,
        };
        Frame {
            kind,
            length: u32::from_be_bytes([0, a, b, c]),
            marked: flags & 1 != 0,
            ends_head: flags & 4 != 0,
            stream: u32::from_be_bytes(stream) & 0x7fff_ffff,
            code: self.code,
        }
    }
}

/// GOAWAY: no stream behind `last` was looked at (section 6.8).
pub fn goaway(last: u32, code: u32) -> [u8; 17] {
    let mut frame = [0; 17];
    frame[2] = 8;
    frame[3] = 7;
    frame[9..13].copy_from_slice(&last.to_be_bytes());
    frame[13..].copy_from_slice(&code.to_be_bytes());
    frame
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    fn whole() -> Vec<u8> {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(4, 0, 0, &[]));
        bytes.extend(frame(1, 0, 1, b"half"));
        bytes.extend(frame(9, 4, 1, b"rest"));
        bytes.extend(frame(0, 1, 1, b"body"));
        bytes.extend(frame(3, 0, 3, &[0, 0, 1, 8]));
        bytes.extend(frame(99, 0, 0x8000_0001, b"?"));
        bytes
    }

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let bytes = whole();
        for step in 1..=bytes.len() {
            let (mut follower, mut seen) = (Follower::of_client(), Vec::new());
            for piece in bytes.chunks(step) {
                follower.feed(piece, |it| seen.push(it));
            }
            let kinds: Vec<Kind> = seen.iter().map(|it| it.kind).collect();
            use Kind::{Continuation, Data, Headers, Other, Reset, Settings};
            assert_eq!(kinds, [Settings, Headers, Continuation, Data, Reset, Other]);
            assert_eq!((seen[3].length, seen[3].marked, seen[3].stream), (4, true, 1));
            assert_eq!((seen[4].stream, seen[4].code), (3, 0x108));
            assert_eq!(seen[5].stream, 1, "the reserved bit is not looked at");
            assert!(follower.has_begun() && follower.at_border() && !follower.in_head());
        }
    }

    #[test]
    fn a_head_is_under_way_until_its_last_frame_and_a_slow_body_is_no_head() {
        let mut follower = Follower::of_client();
        follower.feed(&whole()[..PREFACE + 9 + 13], |_| {});
        assert!(follower.in_head() && follower.at_border(), "CONTINUATION is due");
        let mut follower = Follower::of_client();
        follower.feed(&whole()[..PREFACE + 9 + 13 + 13 + 10], |_| {});
        assert!(!follower.in_head() && !follower.at_border(), "half a body");
        follower.feed(&whole()[PREFACE + 9 + 13 + 13 + 10..][..4], |_| {});
        assert!(!follower.in_head(), "half a header may be of anything");
        let mut follower = Follower::of_client();
        follower.feed(&whole()[..PREFACE + 9 + 10], |_| {});
        assert!(follower.in_head(), "half a frame of a head");
    }

    #[test]
    fn goaway_is_a_frame_of_its_own() {
        let mut seen = Vec::new();
        Follower::of_server().feed(&goaway(5, 11), |it| seen.push(it));
        assert_eq!(seen.len(), 1);
        assert_eq!((seen[0].kind, seen[0].length, seen[0].stream), (Kind::Other, 8, 0));
    }
}

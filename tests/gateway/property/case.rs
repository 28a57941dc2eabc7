//! What a case is made of: what each side says, and in which pieces and with which pauses.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::house::frames::{BINARY, Frame, PING, PONG, TEXT, raw};

/// Both sides' parts; they are played at the same time.
#[derive(Clone, Debug)]
pub struct Case {
    pub tls: bool,
    pub client: Script,
    pub backend: Script,
}

/// One side's part.
#[derive(Clone, Debug)]
pub struct Script {
    messages: Vec<Message>,
    /// Sizes of the writes, over and over.
    pub chunks: Vec<usize>,
    /// What comes after each write, over and over.
    pub pauses: Vec<Pause>,
    /// Bytes of frames in the same write as the head of the handshake.
    pub early: usize,
    /// What is waited for before each read, over and over: a slow reader.
    pub reads: Vec<Pause>,
}

/// A message, or a control frame on its own.
#[derive(Clone, Debug)]
enum Message {
    /// The lengths of its fragments, and the control frame behind each, if any.
    Data {
        binary: bool,
        fragments: Vec<(usize, Option<Control>)>,
    },
    Alone(Control),
}

/// A Ping or Pong of the peer's own.
#[derive(Clone, Debug)]
struct Control {
    opcode: u8,
    /// Bytes behind the mark that tells it from the gateway's.
    more: usize,
}

/// Before the next step.
#[derive(Clone, Copy, Debug)]
pub enum Pause {
    None,
    /// Others have their turn.
    Yield,
    /// Milliseconds: beyond 15 the gateway pings.
    Millis(u64),
}

/// What the payload of a peer's control frames begins with. The gateway's begin with 8 random bytes.
pub const MARK: &[u8] = b"peer";

/// In what the pieces of a case are drawn.
pub fn cases() -> impl Strategy<Value = Case> {
    (any::<bool>(), script(), script()).prop_map(|(tls, client, backend)| Case {
        tls,
        client,
        backend,
    })
}

fn script() -> impl Strategy<Value = Script> {
    let chunk = prop_oneof![4 => 1_usize..=16, 2 => 17_usize..=300, 1 => 1_000_usize..=70_000];
    let parts = (
        vec(message(), 0..12),
        vec(chunk, 1..6),
        vec(pause(), 1..5),
        prop_oneof![2 => Just(0_usize), 1 => 1_usize..=3, 1 => 4_usize..=3_000],
        vec(pause(), 1..5),
    );
    parts.prop_map(|(messages, chunks, pauses, early, reads)| Script {
        messages,
        chunks,
        pauses,
        early,
        reads,
    })
}

fn message() -> impl Strategy<Value = Message> {
    // Around the borders of the three forms of a length, and beyond what is read at once.
    let length = prop_oneof![
        4 => 0_usize..=20,
        3 => 120_usize..=130,
        1 => 1_000_usize..=5_000,
        1 => 65_530_usize..=65_540,
        1 => 100_000_usize..=200_000,
    ];
    let fragment = (length, proptest::option::weighted(0.3, control()));
    prop_oneof![
        4 => (any::<bool>(), vec(fragment, 1..5))
            .prop_map(|(binary, fragments)| Message::Data { binary, fragments }),
        1 => control().prop_map(Message::Alone),
    ]
}

fn control() -> impl Strategy<Value = Control> {
    (prop_oneof![Just(PING), Just(PONG)], 0..=125 - MARK.len())
        .prop_map(|(opcode, more)| Control { opcode, more })
}

fn pause() -> impl Strategy<Value = Pause> {
    prop_oneof![
        6 => Just(Pause::None),
        3 => Just(Pause::Yield),
        1 => (1_u64..=3).prop_map(Pause::Millis),
        1 => (18_u64..=22).prop_map(Pause::Millis),
    ]
}

impl Script {
    /// The frames that it sends, in order.
    pub fn frames(&self) -> Vec<Frame> {
        let mut frames = Vec::new();
        for message in &self.messages {
            match message {
                Message::Alone(control) => frames.push(control.frame(frames.len())),
                Message::Data { binary, fragments } => {
                    let kind = if *binary { BINARY } else { TEXT };
                    for (place, (length, control)) in fragments.iter().enumerate() {
                        let bits = if place + 1 == fragments.len() { 0x80 } else { 0 };
                        let opcode = if place == 0 { kind } else { 0 };
                        frames.push(frame(bits, opcode, payload(*length, frames.len())));
                        frames.extend(control.as_ref().map(|it| it.frame(frames.len())));
                    }
                }
            }
        }
        frames
    }
}

impl Control {
    fn frame(&self, place: usize) -> Frame {
        let payload = [MARK, &payload(self.more, place)].concat();
        frame(0x80, self.opcode, payload)
    }
}

fn frame(bits: u8, opcode: u8, payload: Vec<u8>) -> Frame {
    Frame { bits, opcode, masked: false, payload }
}

/// Letters that tell where a byte belongs: of which frame it is, and where in it.
fn payload(length: usize, place: usize) -> Vec<u8> {
    (0..length).map(|at| b'a' + ((at / 7 + at + 5 * place) % 26) as u8).collect()
}

impl Frame {
    /// The same but for the mask, which is each side's own affair.
    pub fn is_as(&self, other: &Self) -> bool {
        (self.bits, self.opcode, &self.payload) == (other.bits, other.opcode, &other.payload)
    }

    /// What it is, in few words.
    pub fn outline(&self) -> String {
        let begin = String::from_utf8_lossy(&self.payload[..self.payload.len().min(8)]);
        let (first, length) = (self.bits | self.opcode, self.payload.len());
        format!("{first:#04x} of {length} bytes ({begin}...)")
    }

    /// As it goes over the wire.
    pub fn bytes(&self, mask: Option<[u8; 4]>) -> Vec<u8> {
        raw(self.bits | self.opcode, &self.payload, mask)
    }
}

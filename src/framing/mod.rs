//! Where HTTP/1.1 messages begin and end in a stream (RFC 9112), read more strictly than HTTP asks:
//! what two readers are known to read differently is a [`Violation`]. Knows no I/O and no other room.
//!
//! hyper parses the same bytes behind it. It lets bare LF, doubled Content-Length and a
//! Content-Length beside Transfer-Encoding through, each of which has smuggled requests before.

mod chunks;
mod head;

use chunks::Chunks;
use head::Length;
pub use head::{is_target_byte, is_twin};

/// Most interim (1xx) answers before the final one.
pub const INTERIM_MAX: usize = 16;

/// Most bytes of them together.
pub const INTERIM_BYTES_MAX: usize = 64 * 1024;

/// Why a message has no single meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// LF without CR before it.
    #[error("a line ends in a bare LF")]
    BareLf,
    /// CR without LF behind it.
    #[error("a CR without LF behind it")]
    BareCr,
    /// More than one empty line before a message.
    #[error("empty lines before the message")]
    EmptyLines,
    /// Not `METHOD target HTTP/1.x`, or not `HTTP/1.x 200 reason`.
    #[error("the first line is malformed")]
    StartLine,
    /// A line that begins with a space or a tab (RFC 9112 section 5.2).
    #[error("a field continues on the next line")]
    Folded,
    /// A name that is no token, or a space between it and the colon.
    #[error("a field's name is malformed")]
    FieldName,
    /// A control character.
    #[error("a field's value has a control character")]
    FieldValue,
    /// Content-Length that is doubled or no number.
    #[error("the Content-Length is doubled or no number")]
    ContentLength,
    /// Anything but one `chunked`, and that in HTTP/1.1.
    #[error("the Transfer-Encoding is not `chunked` alone")]
    TransferEncoding,
    /// Both lengths.
    #[error("Content-Length and Transfer-Encoding in one message")]
    TwoLengths,
    /// `Content_Length` and the like, which some servers read as the field with hyphens.
    #[error("an underscore stands for a hyphen in a field's name")]
    Underscore,
    /// A head larger than was to be kept.
    #[error("the head is too large")]
    TooLarge,
    /// A chunk's size, extension or end.
    #[error("a chunk is malformed")]
    Chunk,
    /// Fields behind the last chunk.
    #[error("the trailer section is malformed or too large")]
    Trailer,
    /// More than [`INTERIM_MAX`] of them, or more than [`INTERIM_BYTES_MAX`].
    #[error("too many interim answers")]
    Interim,
    /// Bytes behind an answer that nobody asked for.
    #[error("bytes behind the end of the answer")]
    Surplus,
}

/// Follows one direction of a connection.
#[derive(Debug)]
pub struct Framing {
    kind: Kind,
    at: At,
    /// The head so far, when it did not come in one piece.
    head: Vec<u8>,
    head_len: usize,
    /// Bytes of a head that are kept before it is too large.
    head_max: usize,
    lines: Lines,
    interims: usize,
    interim_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Requests,
    /// Answers; to a HEAD they have no body.
    Answers {
        to_head: bool,
    },
}

#[derive(Debug)]
enum At {
    Head,
    /// This many bytes of the body are still to come.
    Body(u64),
    Chunks(Chunks),
    /// The body is whatever comes, or it is HTTP no more.
    Rest,
    /// The message is over; the next has not been asked for.
    End,
}

/// Finds a head's end, and ends of lines that are none.
#[derive(Debug, Default)]
struct Lines {
    after_cr: bool,
    /// Bytes of the line so far.
    length: usize,
    any: bool,
    empty: usize,
}

impl Framing {
    /// For what a client sends. `head_max`: bytes of a head that are kept to be checked.
    pub fn requests(head_max: usize) -> Self {
        Self::new(Kind::Requests, At::Head, head_max)
    }

    /// For what a server answers: nothing, until [`Framing::next`] says that it was asked.
    pub fn answers(head_max: usize) -> Self {
        Self::new(Kind::Answers { to_head: false }, At::End, head_max)
    }

    fn new(kind: Kind, at: At, head_max: usize) -> Self {
        let (head, lines) = (Vec::new(), Lines::default());
        Self { kind, at, head, head_len: 0, head_max, lines, interims: 0, interim_bytes: 0 }
    }

    /// Takes what was read next, and says how much of it belongs to the message under way; the rest
    /// is to be shown again after [`Framing::next`].
    ///
    /// # Errors
    /// The [`Violation`]; nothing of the stream can be trusted then.
    pub fn take(&mut self, bytes: &[u8]) -> Result<usize, Violation> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|it| !it.is_empty()) {
            taken += match &mut self.at {
                At::End => break,
                At::Rest => rest.len(),
                At::Head => self.take_head(rest)?,
                At::Body(left) => {
                    let len = usize::try_from(*left).map_or(rest.len(), |it| it.min(rest.len()));
                    *left -= len as u64;
                    if *left == 0 {
                        self.at = At::End;
                    }
                    len
                }
                At::Chunks(chunks) => {
                    let (len, ended) = chunks.take(rest)?;
                    if ended {
                        self.at = At::End;
                    }
                    len
                }
            };
        }
        Ok(taken)
    }

    /// Lets the next message begin. An answer to a HEAD has no body.
    pub fn next(&mut self, to_head: bool) {
        if let Kind::Answers { to_head: it } = &mut self.kind {
            *it = to_head;
        }
        (self.interims, self.interim_bytes) = (0, 0);
        self.at = At::Head;
    }

    /// Whether the message under way is over.
    pub fn is_at_end(&self) -> bool {
        matches!(self.at, At::End)
    }

    /// Whether the head of the message under way is complete.
    pub fn is_past_head(&self) -> bool {
        !matches!(self.at, At::Head)
    }

    fn take_head(&mut self, bytes: &[u8]) -> Result<usize, Violation> {
        let end = self.lines.find_end(bytes)?;
        let len = end.unwrap_or(bytes.len());
        let piece = bytes.get(..len).unwrap_or_default();
        self.head_len += len;
        let fits = self.head_len <= self.head_max;
        if fits && (end.is_none() || !self.head.is_empty()) {
            self.head.extend_from_slice(piece);
        }
        if end.is_none() {
            return Ok(len);
        }
        if !fits {
            return Err(Violation::TooLarge);
        }
        let head = if self.head.is_empty() { piece } else { &self.head };
        self.at = match self.kind {
            Kind::Requests => At::of(head::of_request(head)?),
            Kind::Answers { to_head } => match head::of_answer(head, to_head)? {
                Length::Interim => {
                    self.interims += 1;
                    self.interim_bytes += head.len();
                    if self.interims > INTERIM_MAX || self.interim_bytes > INTERIM_BYTES_MAX {
                        return Err(Violation::Interim);
                    }
                    At::Head
                }
                length => At::of(length),
            },
        };
        (self.head, self.head_len, self.lines) = (Vec::new(), 0, Lines::default());
        Ok(len)
    }
}

impl At {
    fn of(length: Length) -> Self {
        match length {
            Length::Bytes(0) => Self::End,
            Length::Bytes(length) => Self::Body(length),
            Length::Chunked => Self::Chunks(Chunks::default()),
            Length::UntilEnd => Self::Rest,
            Length::Interim => Self::Head,
        }
    }
}

impl Lines {
    /// The place behind the empty line that ends the head.
    fn find_end(&mut self, bytes: &[u8]) -> Result<Option<usize>, Violation> {
        for (at, byte) in bytes.iter().enumerate() {
            match (byte, self.after_cr) {
                (b'\n', true) => {
                    self.after_cr = false;
                    match (self.length, self.any) {
                        (0, true) => return Ok(Some(at + 1)),
                        (0, false) if self.empty > 0 => return Err(Violation::EmptyLines),
                        // RFC 9112 section 2.2: some clients end a body with a line too many.
                        (0, false) => self.empty += 1,
                        _ => (self.any, self.length) = (true, 0),
                    }
                }
                (b'\n', false) => return Err(Violation::BareLf),
                (_, true) => return Err(Violation::BareCr),
                (b'\r', false) => self.after_cr = true,
                _ => self.length += 1,
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;

//! The body of an answer out of a file: a piece at a time, the next one when the last has been taken.
//! Holds one piece, whatever the length of the file. Knows no requests.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::compress::Encoder;
use super::disk::{DiskFault, in_background};
use super::find::read;
use crate::life::{Cause, Fault};

/// How much is read at a time, in bytes.
const PIECE: u64 = 64 * 1024;

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub enum BodyFault {
    /// The disk did not answer.
    #[error("{0}")]
    Disk(#[from] DiskFault),
    /// It cannot be read, or has become shorter than it was.
    #[error("the file cannot be read to its end: {0}")]
    Broken(#[from] io::Error),
}

impl BodyFault {
    /// The word for it.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Disk(fault) => fault.cause(),
            Self::Broken(_) => Cause::Backend(Fault::File),
        }
    }
}

/// A part of a body.
#[derive(Debug)]
pub enum Part {
    /// These bytes.
    Text(Bytes),
    /// These of the file.
    Span(Range<u64>),
}

/// A body out of a file.
pub struct FileBody {
    file: Option<Arc<File>>,
    parts: VecDeque<Part>,
    encoder: Option<Encoder>,
    /// The piece that is being read.
    pending: Option<Pending>,
}

type Pending = Pin<Box<dyn Future<Output = Result<Piece, BodyFault>> + Send>>;

struct Piece {
    bytes: Bytes,
    encoder: Option<Encoder>,
}

impl FileBody {
    /// Nothing.
    pub fn empty() -> Self {
        Self { file: None, parts: VecDeque::new(), encoder: None, pending: None }
    }

    /// Bytes that are there.
    pub fn whole(bytes: Bytes) -> Self {
        let parts = if bytes.is_empty() { VecDeque::new() } else { [Part::Text(bytes)].into() };
        Self { parts, ..Self::empty() }
    }

    /// These parts of a file. Its length is what they come to, at this moment.
    pub fn of(file: Arc<File>, parts: Vec<Part>) -> Self {
        let parts = parts.into_iter().filter(|it| it.length() > 0).collect();
        Self { file: Some(file), parts, ..Self::empty() }
    }

    /// The first `size` bytes of a file, compressed.
    pub fn compressed(file: Arc<File>, size: u64, encoder: Encoder) -> Self {
        Self { encoder: Some(encoder), ..Self::of(file, vec![Part::Span(0..size)]) }
    }

    /// Bytes still to come, before they are compressed.
    fn left(&self) -> u64 {
        self.parts.iter().map(Part::length).sum()
    }

    /// Begins to read what comes next.
    fn advance(&mut self) -> Option<Result<Bytes, Pending>> {
        let (file, Some(part)) = (self.file.clone(), self.parts.pop_front()) else { return None };
        match (part, file) {
            (Part::Text(bytes), _) => Some(Ok(bytes)),
            (Part::Span(_), None) => None,
            (Part::Span(span), Some(file)) => {
                let end = span.end.min(span.start.saturating_add(PIECE));
                if end < span.end {
                    self.parts.push_front(Part::Span(end..span.end));
                }
                let (encoder, is_last) = (self.encoder.take(), self.parts.is_empty());
                let work = move || fetch(&file, span.start..end, encoder, is_last);
                Some(Err(Box::pin(async move { Ok(in_background(work).await??) })))
            }
        }
    }
}

fn fetch(
    file: &File,
    span: Range<u64>,
    encoder: Option<Encoder>,
    is_last: bool,
) -> io::Result<Piece> {
    let bytes = read(file, span.start, span.end - span.start)?;
    let Some(mut encoder) = encoder else { return Ok(Piece { bytes, encoder: None }) };
    let out = encoder.push(&bytes)?;
    if !is_last {
        return Ok(Piece { bytes: out, encoder: Some(encoder) });
    }
    let bytes = [out, encoder.finish()?].concat().into();
    Ok(Piece { bytes, encoder: None })
}

impl Part {
    fn length(&self) -> u64 {
        match self {
            Self::Text(bytes) => bytes.len() as u64,
            Self::Span(span) => span.end.saturating_sub(span.start),
        }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        loop {
            if let Some(pending) = &mut self.pending {
                let piece = ready!(pending.as_mut().poll(cx));
                self.pending = None;
                match piece {
                    Err(fault) => {
                        self.parts.clear();
                        return Poll::Ready(Some(Err(fault)));
                    }
                    // An encoder may keep what it was given for a while.
                    Ok(Piece { bytes, encoder }) => {
                        self.encoder = encoder;
                        if !bytes.is_empty() {
                            return Poll::Ready(Some(Ok(Frame::data(bytes))));
                        }
                    }
                }
            }
            match self.advance() {
                None => return Poll::Ready(None),
                Some(Ok(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Err(pending)) => self.pending = Some(pending),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pending.is_none() && self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        // What is being read is not among the parts any more; hyper asks before the first piece.
        match (&self.encoder, &self.pending) {
            (None, None) => SizeHint::with_exact(self.left()),
            _ => SizeHint::default(),
        }
    }
}

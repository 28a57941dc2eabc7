//! Text compressed on its way: piece in, piece out. Knows no files.

use std::io::{self, Write};

use brotli::CompressorWriter;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::encoding::Coding;

/// What is shorter is sent as it is: it would fit into the same packet.
pub const WORTH_IT: u64 = 1024;

/// How many answers are compressed at a time, in the whole process; the next is sent as it is. One
/// takes up to 2 MiB and a good part of a core.
const AT_A_TIME: usize = 32;

/// Halfway between nginx' default and the program's own: twice as fast as the latter, 3 % larger.
const GZIP_LEVEL: u32 = 4;
/// About as fast as gzip at its usual level, and 10 % smaller.
const BROTLI_QUALITY: u32 = 4;
/// 2^18 bytes: a larger window is memory for each answer, and helps long texts only.
const BROTLI_WINDOW: u32 = 18;

static PLACES: Semaphore = Semaphore::const_new(AT_A_TIME);

/// One answer that is being compressed.
pub struct Encoder {
    kind: Kind,
    _place: SemaphorePermit<'static>,
}

enum Kind {
    Gzip(GzEncoder<Vec<u8>>),
    // Boxed: it is a thousand times the size of the other.
    Brotli(Box<CompressorWriter<Vec<u8>>>),
}

impl Encoder {
    /// Begins; `None` when so many are at it that this one had better be sent as it is.
    pub fn begin(coding: Coding) -> Option<Self> {
        let place = PLACES.try_acquire().ok()?;
        let kind = match coding {
            Coding::Gzip => Kind::Gzip(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL))),
            Coding::Brotli => {
                let (buffer, quality, window) = (4096, BROTLI_QUALITY, BROTLI_WINDOW);
                let writer = CompressorWriter::new(Vec::new(), buffer, quality, window);
                Kind::Brotli(Box::new(writer))
            }
        };
        Some(Self { kind, _place: place })
    }

    /// Takes a piece and gives what has come out by now, perhaps nothing.
    ///
    /// # Errors
    /// None that a buffer in memory could have.
    pub fn push(&mut self, piece: &[u8]) -> io::Result<Bytes> {
        let out = match &mut self.kind {
            Kind::Gzip(encoder) => {
                encoder.write_all(piece)?;
                encoder.get_mut()
            }
            Kind::Brotli(encoder) => {
                encoder.write_all(piece)?;
                encoder.get_mut()
            }
        };
        Ok(std::mem::take(out).into())
    }

    /// Gives the rest.
    ///
    /// # Errors
    /// As [`Encoder::push`].
    pub fn finish(self) -> io::Result<Bytes> {
        match self.kind {
            Kind::Gzip(encoder) => encoder.finish().map(Bytes::from),
            Kind::Brotli(encoder) => Ok(encoder.into_inner().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn pushed(coding: Coding, pieces: &[&[u8]]) -> Vec<u8> {
        let mut encoder = Encoder::begin(coding).expect("a place");
        let mut out = Vec::new();
        for piece in pieces {
            out.extend_from_slice(&encoder.push(piece).expect("memory"));
        }
        out.extend_from_slice(&encoder.finish().expect("memory"));
        out
    }

    #[test]
    fn what_comes_out_is_what_went_in() {
        let text: Vec<u8> = (0..100_000_u32).flat_map(|it| it.to_string().into_bytes()).collect();
        let pieces: Vec<&[u8]> = text.chunks(10_007).collect();
        let mut plain = Vec::new();
        let packed = pushed(Coding::Gzip, &pieces);
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut plain).expect("gzip");
        assert!(plain == text && packed.len() < text.len() / 2, "{}", packed.len());
        plain.clear();
        let packed = pushed(Coding::Brotli, &pieces);
        brotli::Decompressor::new(packed.as_slice(), 4096).read_to_end(&mut plain).expect("br");
        assert!(plain == text && packed.len() < text.len() / 2, "{}", packed.len());
    }
}

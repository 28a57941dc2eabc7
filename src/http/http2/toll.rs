//! What a client may send over HTTP/2 that costs it nothing and the gateway something: so much at once, and so
//! much in a second. Pure: the time is an argument.

use tokio::time::Instant;

use super::frames::{Frame, Kind};
use crate::life::{Bucket, Pace};

/// Streams that end before their time: by the client (CVE-2023-44487), or because the client made
/// the gateway end them (CVE-2025-8671). A browser that leaves a page ends all that it had.
const RESETS: Pace = Pace { per_second: 20.0, holds: 200.0 };

/// Pings and settings, each of which has to be answered. Some clients measure the way with a ping for
/// each frame of data.
const QUESTIONS: Pace = Pace { per_second: 10.0, holds: 100.0 };

/// Frames that carry nothing: empty data and heads, priorities, windows. Each frame of data that is
/// sent may be answered by two windows, and by one more for each [`WINDOW_STEP`] bytes of it.
const IDLE: Pace = Pace { per_second: 200.0, holds: 2000.0 };

/// Windows for a frame of data, one of its stream and one of the connection.
const WINDOWS_EACH: f64 = 2.0;

/// Clients that read in small pieces open their windows as often.
const WINDOW_STEP: f64 = 1024.0;

/// What a client sent too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flood {
    /// Streams that it ended, or made the gateway end.
    #[error("too many streams ended before their time")]
    Resets,
    /// Pings and settings.
    #[error("too many pings and settings")]
    Questions,
    /// Frames without anything in them.
    #[error("too many frames without anything in them")]
    Idle,
}

/// What is left of what one client may send.
#[derive(Debug)]
pub struct Toll {
    resets: Bucket,
    questions: Bucket,
    idle: Bucket,
}

impl Toll {
    /// For a client that begins at `now`.
    pub fn new(now: Instant) -> Self {
        let full = |pace| Bucket::full(pace, now);
        Self { resets: full(&RESETS), questions: full(&QUESTIONS), idle: full(&IDLE) }
    }

    /// A frame of the client.
    ///
    /// # Errors
    /// [`Flood`] when it is one too many.
    pub fn received(&mut self, frame: &Frame, now: Instant) -> Result<(), Flood> {
        let empty = frame.length == 0;
        match frame.kind {
            Kind::Reset => charge(&mut self.resets, &RESETS, now, Flood::Resets),
            Kind::Settings | Kind::Ping if !frame.marked => {
                charge(&mut self.questions, &QUESTIONS, now, Flood::Questions)
            }
            Kind::Data if empty && !frame.marked => self.nothing(now),
            Kind::Continuation if empty => self.nothing(now),
            Kind::Data | Kind::Headers | Kind::Continuation => Ok(()),
            Kind::Settings | Kind::Ping | Kind::Other => self.nothing(now),
        }
    }

    /// A frame of the gateway.
    ///
    /// # Errors
    /// [`Flood`] when the client has made it end one stream too many.
    pub fn sent(&mut self, frame: &Frame, now: Instant) -> Result<(), Flood> {
        match frame.kind {
            Kind::Data if frame.length > 0 => {
                self.idle.take(-WINDOWS_EACH - f64::from(frame.length) / WINDOW_STEP);
                self.questions.take(-1.0);
            }
            Kind::Reset if is_provoked(frame.code) => {
                return charge(&mut self.resets, &RESETS, now, Flood::Resets);
            }
            _ => {}
        }
        Ok(())
    }

    fn nothing(&mut self, now: Instant) -> Result<(), Flood> {
        charge(&mut self.idle, &IDLE, now, Flood::Idle)
    }
}

/// Whether a stream that the gateway ended with `code` was ended for a mistake of the client's.
fn is_provoked(code: u32) -> bool {
    // PROTOCOL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM,
    // COMPRESSION_ERROR, ENHANCE_YOUR_CALM.
    matches!(code, 1 | 3 | 5 | 6 | 7 | 9 | 11)
}

fn charge(bucket: &mut Bucket, pace: &Pace, now: Instant, flood: Flood) -> Result<(), Flood> {
    // Filling also takes away what was earned beyond what the bucket holds.
    if bucket.fill(pace, now) < 1.0 {
        return Err(flood);
    }
    bucket.take(1.0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn frame(kind: Kind, length: u32, marked: bool) -> Frame {
        Frame { kind, length, marked, ends_head: true, stream: 1, code: 1 }
    }

    fn until_refused(frame: &Frame, toll: &mut Toll, now: Instant) -> (usize, Flood) {
        let mut passed = 0;
        loop {
            match toll.received(frame, now) {
                Ok(()) => passed += 1,
                Err(flood) => return (passed, flood),
            }
            assert!(passed < 10_000, "{frame:?} is never too many");
        }
    }

    #[test]
    fn each_kind_of_flood_is_refused_at_its_number() {
        let now = Instant::now();
        let table = [
            (frame(Kind::Reset, 4, false), 200, Flood::Resets),
            (frame(Kind::Ping, 8, false), 100, Flood::Questions),
            (frame(Kind::Settings, 6, false), 100, Flood::Questions),
            (frame(Kind::Ping, 8, true), 2000, Flood::Idle),
            (frame(Kind::Data, 0, false), 2000, Flood::Idle),
            (frame(Kind::Continuation, 0, false), 2000, Flood::Idle),
            (frame(Kind::Other, 4, false), 2000, Flood::Idle),
        ];
        for (frame, most, flood) in table {
            let mut toll = Toll::new(now);
            assert_eq!(until_refused(&frame, &mut toll, now), (most, flood), "{frame:?}");
        }
    }

    #[test]
    fn time_and_answers_earn_more() {
        let now = Instant::now();
        let mut toll = Toll::new(now);
        let reset = frame(Kind::Reset, 4, false);
        until_refused(&reset, &mut toll, now);
        let later = now + Duration::from_secs(1);
        assert_eq!(until_refused(&reset, &mut toll, later), (20, Flood::Resets));
        let window = frame(Kind::Other, 4, false);
        until_refused(&window, &mut toll, later);
        for _ in 0..10 {
            toll.sent(&frame(Kind::Data, 3072, false), later).expect("data is no flood");
        }
        assert_eq!(until_refused(&window, &mut toll, later).0, 50);
        let ping = frame(Kind::Ping, 8, false);
        assert_eq!(until_refused(&ping, &mut toll, later).0, 100, "no more than it holds");
        toll.sent(&frame(Kind::Data, 1, false), later).expect("data is no flood");
        assert_eq!(until_refused(&ping, &mut toll, later).0, 1);
    }

    #[test]
    fn resets_that_a_client_provokes_count_as_its_own() {
        let now = Instant::now();
        let mut toll = Toll::new(now);
        let provoked = frame(Kind::Reset, 4, false);
        let own = Frame { code: 8, ..provoked };
        for _ in 0..1000 {
            toll.sent(&own, now).expect("the gateway's own doing");
        }
        let sent = (0..300).take_while(|_| toll.sent(&provoked, now).is_ok()).count();
        assert_eq!(sent, 200);
    }
}

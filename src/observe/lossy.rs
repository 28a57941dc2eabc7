//! A writer that nobody waits for: a thread writes what is handed to it through a bounded queue, and what
//! finds the queue full is dropped and counted. Knows nothing of what it writes.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Pieces that may wait.
const QUEUE: usize = 4096;

/// Bytes that may wait, in all pieces together.
const BYTES: usize = 1024 * 1024;

/// Between two looks at whether everything is written.
const LULL: Duration = Duration::from_millis(5);

/// Hands pieces over; never blocks, never fails. A clone writes to the same.
#[derive(Clone, Debug)]
pub struct Lossy {
    queue: SyncSender<Vec<u8>>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes handed over and not written yet.
    waiting: AtomicUsize,
    /// Pieces dropped that nobody has been told of.
    lost: AtomicU64,
}

impl Lossy {
    /// Writes to `out` from a thread with this name, which ends with the last clone. Where pieces were
    /// lost, `gap` says how many.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn to(
        out: impl Write + Send + 'static,
        thread: &str,
        gap: impl Fn(u64) -> String + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, pieces) = sync_channel(QUEUE);
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        let builder = std::thread::Builder::new().name(thread.to_owned());
        builder.spawn(move || write_all(out, &pieces, &shared, gap))?;
        Ok(Self { queue, state })
    }

    /// Waits until everything is written, at most `limit`; whether it was. Blocks the thread.
    pub fn settle(&self, limit: Duration) -> bool {
        let begun = Instant::now();
        while self.state.waiting.load(Ordering::Acquire) > 0 {
            if begun.elapsed() >= limit {
                return false;
            }
            std::thread::sleep(LULL);
        }
        true
    }
}

impl Write for Lossy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let waiting = self.state.waiting.fetch_add(bytes.len(), Ordering::AcqRel);
        let fits = waiting + bytes.len() <= BYTES;
        if !fits || self.queue.try_send(bytes.to_vec()).is_err() {
            self.state.waiting.fetch_sub(bytes.len(), Ordering::AcqRel);
            self.state.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_all(
    mut out: impl Write,
    pieces: &Receiver<Vec<u8>>,
    state: &State,
    gap: impl Fn(u64) -> String,
) {
    while let Ok(piece) = pieces.recv() {
        // Where even this cannot be written there is nobody to be told.
        let _ = out.write_all(&piece);
        let lost = state.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = out.write_all(gap(lost).as_bytes());
        }
        let _ = out.flush();
        state.waiting.fetch_sub(piece.len(), Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A pipe that takes nothing until it is told to go on.
    struct Stalled(mpsc::Receiver<()>, mpsc::Sender<Vec<u8>>);

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Open for good when the test has let go.
            let _ = self.0.recv();
            self.1.send(bytes.to_vec()).expect("the test reads");
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_takes_nothing_holds_nobody_up_and_hears_later_how_much_was_lost() {
        let (go_on, stalled) = mpsc::channel();
        let (out, written) = mpsc::channel();
        let mut lossy = Lossy::to(Stalled(stalled, out), "stalled", |lost| format!("{lost} lost"))
            .expect("a thread");
        let line = [b'x'; 1024];
        for _ in 0..BYTES / line.len() + 5 {
            lossy.write_all(&line).expect("never fails");
        }
        assert!(!lossy.settle(Duration::from_millis(50)), "nothing was taken");
        drop(go_on);
        assert!(lossy.settle(Duration::from_secs(20)), "all is taken");
        drop(lossy);
        let written: Vec<_> = written.iter().collect();
        let notes: Vec<_> = written.iter().filter(|it| it.ends_with(b" lost")).collect();
        assert_eq!(written.len() - notes.len(), BYTES / line.len());
        let note =
            String::from_utf8(notes.into_iter().flatten().copied().collect()).expect("UTF-8");
        assert_eq!(note, "5 lost");
    }
}

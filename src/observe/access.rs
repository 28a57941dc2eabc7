//! Where access lines go. Lines are handed to a thread of their own through a bounded queue: a
//! full disk or a slow terminal never holds up an event loop.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel,
};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::line::{Form, Line};

/// Lines that may wait; beyond it they are counted and dropped.
const QUEUE: usize = 16_384;

/// Bytes gathered for one write, but for the last line.
const AT_ONCE: usize = 64 * 1024;

/// Between two writes; short enough for whoever reads along, and for the queue.
const LULL: Duration = Duration::from_millis(10);

/// For the last lines to be written. A whole queue of them is a few megabytes: who has not taken that by
/// then takes nothing.
const LAST_LINES: Duration = Duration::from_secs(3);

/// Where the lines are written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard output.
    Stdout,
    /// A file, created or appended to.
    File(PathBuf),
}

enum Job {
    Line(Arc<Line>),
    Reopen,
    End,
}

/// Takes access lines from anywhere; never blocks.
#[derive(Debug)]
pub struct Access {
    jobs: Option<SyncSender<Job>>,
    /// Hangs up when the thread has ended; taken by whoever ends it.
    ended: Mutex<Option<Receiver<()>>>,
}

impl Access {
    /// Drops every line.
    pub fn off() -> Self {
        Self { jobs: None, ended: Mutex::default() }
    }

    /// Writes to `target` from a thread of its own.
    ///
    /// # Errors
    /// When the file cannot be opened or the thread cannot be started.
    pub fn to(target: Target, form: Form) -> io::Result<Self> {
        let mut out = Out::open(&target)?;
        let (jobs, queue) = sync_channel(QUEUE);
        let (working, ended) = channel::<()>();
        std::thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            write_all(&queue, &target, &mut out, form);
            drop(working);
        })?;
        Ok(Self { jobs: Some(jobs), ended: Mutex::new(Some(ended)) })
    }

    /// Hands a line over; `false` when the line is lost: the queue is full, or closed.
    pub fn write(&self, line: Arc<Line>) -> bool {
        let Some(jobs) = &self.jobs else { return true };
        jobs.try_send(Job::Line(line)).is_ok()
    }

    /// Opens the file anew, after it has been rotated.
    pub fn reopen(&self) {
        if let Some(jobs) = &self.jobs {
            // A full queue means that lines are being lost anyway; the next signal tries again.
            let _ = jobs.try_send(Job::Reopen);
        }
    }

    /// Writes what is queued and ends the thread. Where nobody takes the lines, they and the thread are
    /// left behind after 3 s; the thread of the caller is blocked until then.
    pub fn finish(&self) {
        let ended = self.ended.lock().ok().and_then(|mut it| it.take());
        let (Some(jobs), Some(ended)) = (&self.jobs, ended) else { return };
        let deadline = Instant::now() + LAST_LINES;
        let left = || deadline.saturating_duration_since(Instant::now());
        // A full queue empties, unless nobody takes the lines.
        while let Err(TrySendError::Full(_)) = jobs.try_send(Job::End) {
            if left().is_zero() {
                break;
            }
            std::thread::sleep(LULL);
        }
        if ended.recv_timeout(left()) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("the last access lines are lost: nobody takes them");
        }
    }
}

enum Out {
    Stdout(io::Stdout),
    File(File),
}

impl Out {
    fn open(target: &Target) -> io::Result<Self> {
        match target {
            Target::Stdout => Ok(Self::Stdout(io::stdout())),
            Target::File(path) => {
                OpenOptions::new().create(true).append(true).open(path).map(Self::File)
            }
        }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.write_all(text.as_bytes()),
            Self::File(out) => out.write_all(text.as_bytes()),
        }
    }
}

/// Gathers what has come, writes it at once, and lets some time pass: so while lines keep coming,
/// nobody who hands one over has to wake this thread.
fn write_all(queue: &Receiver<Job>, target: &Target, out: &mut Out, form: Form) {
    let (mut text, mut failing) = (String::new(), false);
    while let Ok(first) = queue.recv() {
        let mut next = Some(first);
        let mut order = None;
        while let Some(job) = next {
            match job {
                Job::Line(line) => text += &line.render(form),
                other => {
                    order = Some(other);
                    break;
                }
            }
            next = if text.len() < AT_ONCE { queue.try_recv().ok() } else { None };
        }
        let mut done = out.write(&text);
        text.clear();
        text.shrink_to(AT_ONCE);
        match order {
            Some(Job::End) => return,
            Some(_) => done = done.and(Out::open(target).map(|opened| *out = opened)),
            None => std::thread::sleep(LULL),
        }
        match done {
            Ok(()) => failing = false,
            // Said once, not for each line: the disk may be full for hours.
            Err(error) if !failing => {
                failing = true;
                tracing::error!(%error, "the access log cannot be written");
            }
            Err(_) => {}
        }
    }
}

//! Work that may block on a disk, outside the event loop: so much at a time, and not waited for longer
//! than [`PATIENCE`]. Knows no requests.

use std::time::Duration;

use tokio::sync::Semaphore;

use crate::life::{Cause, Elapsed, Fault, Timer, within};

/// For a place among those that read, and for the disk to answer. A network file system that hangs
/// takes no longer to come back, or does not come back.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How many read at a time, in the whole process. The threads are shared with name lookups, which a
/// disk that hangs must not stop; a disk that works is not faster with more.
const READERS: usize = 64;

static PLACES: Semaphore = Semaphore::const_new(READERS);

/// Why a disk gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum DiskFault {
    /// It took too long.
    #[error("{0}")]
    Elapsed(#[from] Elapsed),
    /// The work itself did not come to its end.
    #[error("{0}")]
    Lost(#[from] tokio::task::JoinError),
    /// No more work is taken.
    #[error("{0}")]
    Closed(#[from] tokio::sync::AcquireError),
}

impl DiskFault {
    /// The word for it.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Elapsed(elapsed) => Cause::Timer(elapsed.timer),
            Self::Lost(_) | Self::Closed(_) => Cause::Backend(Fault::File),
        }
    }
}

/// Does `work` on a thread that may wait for a disk. Where the caller goes away it still comes to its
/// end, and keeps its place until then.
///
/// # Errors
/// [`DiskFault`] when it was not done in time.
pub async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, DiskFault> {
    done_within(PATIENCE, work).await
}

async fn done_within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, DiskFault> {
    let done = async {
        let place = PLACES.acquire().await?;
        let work = move || {
            let result = work();
            drop(place);
            result
        };
        Ok(tokio::task::spawn_blocking(work).await?)
    };
    within(Some(limit), Timer::Disk, done).await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_disk_that_hangs_is_waited_for_so_long_and_no_longer() {
        let (release, hold) = std::sync::mpsc::channel::<()>();
        let waited = done_within(Duration::from_millis(5), move || hold.recv()).await;
        assert!(matches!(waited, Err(DiskFault::Elapsed(it)) if it.timer == Timer::Disk));
        drop(release);
    }
}

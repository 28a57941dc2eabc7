//! What a mistake costs: the connection that it happened in, and nothing else. Every task of a
//! connection passes through here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::observe::books::Books;

/// Runs a connection's `work`; a panic in it unwinds what it holds (permit, guard, record, sockets),
/// is counted, and goes no further than its task. No async function: that would keep room for what it is
/// given beside room for what it waits for, in every task.
pub(super) fn contained<F>(work: F, books: Arc<Books>) -> Contained<F>
where
    F: Future<Output = ()> + Unpin,
{
    Contained { work, _tally: Tally(books) }
}

/// A connection's work, and then its tally: dropped in this order.
pub(super) struct Contained<F> {
    work: F,
    _tally: Tally,
}

impl<F: Future<Output = ()> + Unpin> Future for Contained<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.work).poll(cx)
    }
}

/// Dropped last of all that a task holds.
struct Tally(Arc<Books>);

impl Drop for Tally {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.metrics.panics.add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::sync::Semaphore;

    use super::*;
    use crate::control::gateway::spawn;
    use crate::drain::Signal;
    use crate::life::{By, Cause, End, Stage, Timer, within};
    use crate::observe::access::Access;
    use crate::observe::line::{Kind, Line};
    use crate::observe::record::Record;

    /// Stands for what a connection does: it waits once, and then all goes well, or does not.
    async fn work(record: Record, well: bool) {
        tokio::task::yield_now().await;
        assert!(well, "a mistake in a task");
        drop(record);
    }

    async fn until(done: impl Fn() -> bool) {
        let polling = async {
            while !done() {
                tokio::task::yield_now().await;
            }
        };
        within(Some(Duration::from_secs(20)), Timer::Drain, polling).await.expect("it happens");
    }

    #[tokio::test]
    async fn a_panic_releases_what_its_task_holds_is_counted_and_touches_no_other_task() {
        let slips = Arc::new(AtomicUsize::new(0));
        let heard = Arc::clone(&slips);
        let slip = End::new(By::Gateway, Stage::Relay, Cause::Panicked);
        let books = Arc::new(Books::new(Access::off()).heard_by(move |line: &Line| {
            heard.fetch_add(usize::from(line.end == slip), Ordering::Relaxed);
        }));
        let (signal, watch) = Signal::new();
        // One permit for all: the next can only begin when a panic has given it back.
        let permits = Arc::new(Semaphore::new(1));
        let present = || books.metrics.sockets.enter();
        let (bystander, bell) = tokio::sync::oneshot::channel::<()>();
        let waits = Box::pin(async move { bell.await.expect("it is rung") });
        let waiting = spawn(contained(waits, Arc::clone(&books)));
        for well in [false, true, false, false] {
            let permit = Arc::clone(&permits).acquire_owned();
            let permit = within(Some(Duration::from_secs(20)), Timer::Drain, permit).await;
            let held = (permit.expect("given back").expect("open"), watch.guard(), present());
            let record = Record::new(&books, Kind::Socket, Stage::Relay);
            let task = Box::pin(async move {
                work(record, well).await;
                drop(held);
            });
            spawn(contained(task, Arc::clone(&books)));
        }
        until(|| signal.held() == 0).await;
        until(|| permits.available_permits() == 1 && books.metrics.panics.value() == 3).await;
        assert_eq!(books.metrics.sockets.value(), 0);
        assert_eq!(slips.load(Ordering::Relaxed), 3, "each panic has its access line");
        assert!(!waiting.is_finished(), "a task beside them goes on");
        bystander.send(()).expect("it still listens");
        until(|| waiting.is_finished()).await;
        assert_eq!(books.metrics.panics.value(), 3);
    }
}

//! Where the streams of one HTTP/2 connection run: beside the connection, in its own task. hyper would
//! spawn each; a task that outlives its connection escapes the drain. Knows no requests.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, Stream};
use hyper::rt::Executor;
use tokio::time::{Instant, Sleep, sleep_until};

use super::taker::Taker;

/// Takes what hyper would spawn.
#[derive(Clone, Default)]
pub struct Hall(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    arrived: Vec<Work>,
    /// Of the stream that comes next.
    next: Option<Taker>,
    /// Of the stream that is being polled.
    current: Option<Taker>,
}

/// One stream, or what belongs to one.
struct Work {
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
    taker: Taker,
    alarm: Option<Pin<Box<Sleep>>>,
    hall: Hall,
}

impl Hall {
    /// What hyper hands over next is the stream that `taker` is about.
    pub fn expect(&self, taker: Taker) {
        self.state().next = Some(taker);
    }

    /// Lets `work` in.
    pub fn admit(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.enter(Box::pin(work), Taker::default());
    }

    fn enter(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>, taker: Taker) {
        let work = Work { work, taker, alarm: None, hall: self.clone() };
        self.state().arrived.push(work);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Hall {
    fn execute(&self, work: F) {
        let taker = {
            let mut state = self.state();
            state.next.take().or_else(|| state.current.clone())
        };
        self.enter(Box::pin(work), taker.unwrap_or_default());
    }
}

impl Future for Work {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let before = this.hall.state().current.replace(this.taker.clone());
        let polled = this.work.as_mut().poll(cx);
        this.hall.state().current = before;
        if polled.is_ready() {
            return Poll::Ready(());
        }
        let Some(due) = this.taker.due(cx.waker()) else { return Poll::Pending };
        let alarm = this.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if due < alarm.deadline() {
            alarm.as_mut().reset(due);
        }
        // Re-armed when it fires, not for each piece.
        while alarm.as_mut().poll(cx).is_ready() {
            if due <= Instant::now() {
                this.taker.give_up();
                return Poll::Ready(());
            }
            alarm.as_mut().reset(due);
        }
        Poll::Pending
    }
}

/// Everything that is in a hall, under way.
pub struct Crowd {
    hall: Hall,
    under_way: FuturesUnordered<Work>,
}

impl Crowd {
    /// The one that polls what `hall` takes.
    pub fn new(hall: Hall) -> Self {
        Self { hall, under_way: FuturesUnordered::new() }
    }

    /// Lets everybody go as far as they come; true when nobody is left.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let arrived = std::mem::take(&mut self.hall.state().arrived);
            self.under_way.extend(arrived);
            match Pin::new(&mut self.under_way).poll_next(cx) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) if self.is_alone() => return true,
                Poll::Pending if self.is_alone() => return false,
                Poll::Ready(None) | Poll::Pending => {}
            }
        }
    }

    /// Whether nobody waits to be let in.
    fn is_alone(&self) -> bool {
        self.hall.state().arrived.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    /// Counts how many are left when it is dropped.
    struct Left(Arc<AtomicUsize>);

    impl Drop for Left {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn who_takes_nothing_is_let_go_with_all_that_belongs_to_the_stream() {
        let (hall, left) = (Hall::default(), Arc::new(AtomicUsize::new(3)));
        let (taker, inner) = (Taker::default(), hall.clone());
        let long_ago = Instant::now().checked_sub(Duration::from_secs(61)).expect("an uptime");
        taker.given(0, long_ago);
        hall.expect(taker.clone());
        let [one, two, other] = [0, 1, 2].map(|_| Left(Arc::clone(&left)));
        hall.execute(async move {
            let _one = one;
            // As hyper does for the sending half of a socket.
            inner.execute(async move {
                let _two = two;
                pending::<()>().await;
            });
            pending::<()>().await;
        });
        hall.admit(async move {
            let _other = other;
            pending::<()>().await;
        });
        let mut crowd = Crowd::new(hall);
        poll_fn(|cx| {
            assert!(!crowd.poll(cx), "the other stays");
            let done = left.load(Ordering::SeqCst) == 1;
            if done { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        assert!(taker.is_stalled());
        drop(crowd);
        assert_eq!(left.load(Ordering::SeqCst), 0);
    }
}

//! The event loops: one for each worker, each a thread that shares no queue and no lock with the others. A
//! connection lives on one of them from its first byte to its last.

use std::future::Future;
use std::io;
use std::num::NonZero;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use super::gateway::spawn;
use crate::accept::{Accepted, Arrival};
use crate::observe::metrics::Gauge;

/// The loop that control runs on, which has connections too, and those beside it.
#[derive(Default)]
pub(super) struct Loops {
    /// Connections on this one.
    here: Gauge,
    others: Vec<Other>,
}

struct Other {
    handle: Handle,
    /// Connections on it.
    present: Gauge,
    /// Its thread ends when this is dropped, and what is left there with it.
    _open: oneshot::Sender<()>,
}

/// A runtime for one loop.
///
/// # Errors
/// The operating system's, where it has no descriptor or thread left.
pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

impl Loops {
    /// Starts as many as make `workers` together with the one that this runs on; 0: one for each core.
    ///
    /// # Errors
    /// The operating system's, where it has no descriptor or thread left.
    pub(super) fn start(workers: usize) -> io::Result<Self> {
        let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
        let workers = if workers > 0 { workers } else { cores() };
        let others = (1..workers).map(|_| Other::start()).collect::<io::Result<_>>()?;
        Ok(Self { here: Gauge::default(), others })
    }

    /// Has a connection walk on the loop with the fewest of them.
    pub(super) fn settle<Walk>(&self, mut accepted: Accepted, walk: impl FnOnce(Arrival) -> Walk)
    where
        Walk: Future<Output = ()> + Send + 'static,
    {
        let idlest = self.others.iter().min_by_key(|it| it.present.value());
        match idlest.filter(|it| it.present.value() < self.here.value()) {
            None => {
                accepted.held.seat = Some(self.here.enter());
                spawn(walk(Arrival::Here(accepted)));
            }
            Some(other) => {
                accepted.held.seat = Some(other.present.enter());
                match accepted.leave() {
                    Ok(parcel) => other.spawn(walk(Arrival::Sent(parcel))),
                    Err(error) => tracing::warn!(%error, "a connection could not change its loop"),
                }
            }
        }
    }

    /// Returns when every loop has moved.
    pub(super) async fn answer(&self) {
        for it in &self.others {
            let (tell, told) = oneshot::channel();
            it.spawn(async move {
                // Where nobody listens any more nobody asks.
                let _ = tell.send(());
            });
            // Only a loop that is gone drops it, and then nothing is left that could be stuck.
            let _ = told.await;
        }
    }
}

impl Other {
    fn start() -> io::Result<Self> {
        let runtime = runtime()?;
        let handle = runtime.handle().clone();
        let (open, closed) = oneshot::channel::<()>();
        std::thread::Builder::new().name("event-loop".to_owned()).spawn(move || {
            // Nothing is ever sent: it ends when the other end is dropped.
            let _ = runtime.block_on(closed);
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, present: Gauge::default(), _open: open })
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(work);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};
    use std::thread::ThreadId;
    use std::time::Duration;

    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::drain::Signal;
    use crate::life::{Timer, within};
    use crate::observe::access::Access;
    use crate::observe::books::Books;

    /// How many connections have walked on which thread.
    type Walked = Arc<Mutex<BTreeMap<String, usize>>>;

    fn name(thread: ThreadId) -> String {
        format!("{thread:?}")
    }

    /// Settles `count` connections, each of which stays until its client leaves; the clients.
    async fn connect(loops: &Loops, count: usize, walked: &Walked) -> Vec<TcpStream> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("its address");
        let (books, permits) = (Books::new(Access::off()), Arc::new(Semaphore::new(count)));
        let (_signal, drain) = Signal::new();
        let mut clients = Vec::new();
        for _ in 0..count {
            clients.push(TcpStream::connect(address).await.expect("connected"));
            let (stream, peer) = listener.accept().await.expect("accepted");
            let permit = Arc::clone(&permits).acquire_owned().await.expect("open");
            let socket = crate::stream::Socket::Tcp(stream);
            let accepted = Accepted::new((socket, Some(peer)), permit, &drain, &books);
            let walked = Arc::clone(walked);
            loops.settle(accepted, |arrival| async move {
                let accepted = arrival.settle().expect("it settles");
                let thread = name(std::thread::current().id());
                *walked.lock().expect("whole").entry(thread).or_default() += 1;
                // It reads on the loop that it is on now.
                let _ = accepted.socket.peek(&mut [0]).await;
            });
        }
        clients
    }

    async fn until(done: impl Fn() -> bool) {
        let polling = async {
            while !done() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        within(Some(Duration::from_secs(20)), Timer::Drain, polling).await.expect("it happens");
    }

    #[tokio::test]
    async fn connections_go_where_there_are_the_fewest_and_stay_there() {
        let loops = Loops::start(3).expect("started");
        let walked = Walked::default();
        let clients = connect(&loops, 9, &walked).await;
        until(|| walked.lock().expect("whole").values().sum::<usize>() == 9).await;
        let seen = walked.lock().expect("whole").clone();
        assert_eq!(seen.values().collect::<Vec<_>>(), [&3, &3, &3]);
        assert!(seen.contains_key(&name(std::thread::current().id())), "this one is a loop, too");
        drop(clients);
        let empty = || loops.others.iter().all(|it| it.present.value() == 0);
        until(|| loops.here.value() == 0 && empty()).await;
    }

    #[tokio::test]
    async fn one_worker_has_no_other_loop() {
        let loops = Loops::start(1).expect("started");
        let walked = Walked::default();
        let _clients = connect(&loops, 2, &walked).await;
        until(|| walked.lock().expect("whole").values().sum::<usize>() == 2).await;
        assert_eq!(walked.lock().expect("whole").len(), 1);
    }

    #[tokio::test]
    async fn a_loop_that_is_stuck_does_not_answer() {
        let loops = Loops::start(2).expect("started");
        loops.answer().await;
        let (go_on, stuck) = std::sync::mpsc::channel::<()>();
        // Its sender is dropped at the end, whatever comes.
        loops.others[0].spawn(async move {
            let _ = stuck.recv();
        });
        let brief = Some(Duration::from_millis(200));
        assert!(within(brief, Timer::Drain, loops.answer()).await.is_err());
        drop(go_on);
        let long = Some(Duration::from_secs(20));
        assert!(within(long, Timer::Drain, loops.answer()).await.is_ok());
    }
}

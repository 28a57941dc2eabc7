//! The soak: clients that stay, come, go, sleep and vanish, with reloads and dying backends, for as long as
//! asked. Memory and descriptors must be flat, no answer wrong, and every socket accounted for.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::backends::Backends;
use crate::crowd::{self, Tally};
use crate::gateway::Gateway;

const REGULARS: usize = 20;
const CHURNERS: usize = 4;
const SLEEPERS: usize = 4;
const ASKERS: usize = 2;

/// Between two reloads.
const RELOAD: Duration = Duration::from_secs(2);

/// Between two deaths of a backend.
const KILL: Duration = Duration::from_secs(5);

/// How much more memory the last third may take than the second, in KiB.
const GROWTH: u64 = 2 * 1024;

pub async fn run(time: Duration) {
    let mut backends = Backends::start().await;
    let gateway = Gateway::start("soak", "", &backends.routes()).await;
    let (memory, descriptors) = (gateway.memory(), gateway.descriptors());
    println!("for {time:?}; before: {memory} KiB, {descriptors} descriptors");
    let tally = Arc::new(Tally::default());
    let crowd = begin(&gateway, &tally);
    let thirds = watch(&gateway, &mut backends, &tally, time).await;
    tally.stop.store(true, Ordering::Relaxed);
    for task in crowd {
        task.await.expect("no client panics");
    }
    // Kept connections to backends are the gateway's own affair; they are few.
    let left = gateway.settles(descriptors + 8).await;
    println!("after: {} KiB, {left} descriptors", gateway.memory());
    assert!(left <= descriptors + 8, "{left} descriptors are open, {descriptors} were before");
    let [_, second, last] = thirds;
    assert!(last <= second + GROWTH, "memory grows: {second} KiB, then {last} KiB");
    let wrong = tally.wrong.load(Ordering::Relaxed);
    assert_eq!(wrong, 0, "answers that are not what was sent");
    accounted_for(gateway, &tally).await;
}

fn begin(gateway: &Gateway, tally: &Arc<Tally>) -> Vec<tokio::task::JoinHandle<()>> {
    let address = gateway.address;
    let mut tasks = Vec::new();
    for _ in 0..REGULARS {
        let pause = Duration::from_millis(50);
        tasks.push(tokio::spawn(crowd::regular(address, pause, Arc::clone(tally))));
    }
    for _ in 0..CHURNERS {
        tasks.push(tokio::spawn(crowd::churn(address, Arc::clone(tally))));
    }
    for _ in 0..ASKERS {
        tasks.push(tokio::spawn(crowd::asker(address, Arc::clone(tally))));
    }
    for _ in 0..SLEEPERS {
        let tally = Arc::clone(tally);
        tasks.push(tokio::spawn(async move {
            while !tally.stopped() {
                crowd::sleeper(address, Duration::from_secs(3), Arc::clone(&tally)).await;
            }
        }));
    }
    tasks
}

/// Reloads, kills and measures; the most memory in each third of the time, in KiB.
async fn watch(
    gateway: &Gateway,
    backends: &mut Backends,
    tally: &Tally,
    time: Duration,
) -> [u64; 3] {
    let begun = Instant::now();
    let (mut reloads, mut kills) = (1, 1);
    let mut thirds = [0; 3];
    let mut said = 0;
    while begun.elapsed() < time {
        let passed = begun.elapsed();
        if passed > RELOAD * reloads {
            gateway.signal(Signal::HUP);
            reloads += 1;
        }
        if passed > KILL * kills {
            backends.kill().await;
            kills += 1;
        }
        let third = (passed.as_secs_f64() / time.as_secs_f64() * 3.0) as usize;
        thirds[third.min(2)] = thirds[third.min(2)].max(gateway.memory());
        if passed.as_secs() / 10 > said {
            said = passed.as_secs() / 10;
            println!(
                "{:>5} s  {:>7} KiB  {:>4} descriptors  {:>6} sockets  {:>8} messages  p99 {:?}",
                passed.as_secs(),
                gateway.memory(),
                gateway.descriptors(),
                tally.sockets.load(Ordering::Relaxed),
                tally.messages.load(Ordering::Relaxed),
                tally.p99(),
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("{reloads} reloads, {kills} backends killed, most memory by thirds {thirds:?} KiB");
    thirds
}

/// Stops the gateway: one line for every socket that was opened, none cut, none without a word.
async fn accounted_for(gateway: Gateway, tally: &Tally) {
    let errors = gateway.errors();
    assert!(!errors.contains("panicked"), "{errors}");
    let (code, ends) = gateway.stop().await;
    assert_eq!(code, Some(0));
    for ((kind, end), count) in &ends {
        println!("{count:>8}  {kind} {end}");
    }
    let sockets: usize =
        ends.iter().filter(|((kind, _), _)| kind == "socket").map(|(_, count)| count).sum();
    // A 101 that a client was gone before is a socket of the gateway's all the same.
    let told = tally.sockets.load(Ordering::Relaxed);
    assert!(sockets >= told, "{told} sockets were opened, {sockets} have a line");
    assert!(sockets <= told + told / 20 + 20, "{told} sockets were opened, {sockets} have a line");
    assert!(ends.keys().all(|(_, end)| !end.is_empty()), "an end without a word");
}

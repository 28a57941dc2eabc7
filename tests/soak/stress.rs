//! The stress: each attack for itself, with memory before, at its peak and after, and what well-behaved
//! clients notice of it meanwhile. Prints a table for docs/stress.md.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::backends::Backends;
use crate::crowd::{self, Tally};
use crate::gateway::Gateway;

const REGULARS: usize = 10;

/// How long the regulars are measured without an attack.
const QUIET: Duration = Duration::from_secs(5);

/// How long an attack that waits is kept up.
const HOLD: Duration = Duration::from_secs(15);

/// What a third peak may have more than the second, besides an eighth: in KiB.
const LEEWAY: u64 = 4 * 1024;

/// How many attackers may be connecting at the same time: the clients share the machine.
const AT_ONCE: usize = 100;

#[derive(Clone, Copy, Debug)]
enum Attack {
    Slowloris,
    StalledHandshakes,
    SlowReaders,
    ConnectAndClose,
    ResetsInMidFrame,
}

/// Runs all attacks, with their numbers divided by `divisor`.
pub async fn run(divisor: usize) {
    let attacks = [
        (Attack::Slowloris, 2_000),
        (Attack::StalledHandshakes, 2_000),
        (Attack::SlowReaders, 200),
        (Attack::ConnectAndClose, 20_000),
        (Attack::ResetsInMidFrame, 2_000),
    ];
    println!(
        "| attack | number | memory before | peak | after | second and third peak | p99 before | p99 meanwhile |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    for (attack, count) in attacks {
        one(attack, count / divisor).await;
    }
}

async fn one(attack: Attack, count: usize) {
    let backends = Backends::start().await;
    let gateway = Gateway::start("stress", "", &backends.routes()).await;
    let tally = Arc::new(Tally::default());
    let mut regulars = JoinSet::new();
    for _ in 0..REGULARS {
        let pause = Duration::from_millis(20);
        regulars.spawn(crowd::regular(gateway.address, pause, Arc::clone(&tally)));
    }
    tokio::time::sleep(QUIET).await;
    let (quiet, before, descriptors) = (tally.p99(), gateway.memory(), gateway.descriptors());
    let peak = under_attack(attack, count, &gateway, &tally).await;
    let meanwhile = tally.p99();
    let left = gateway.settles(descriptors + 8).await;
    let after = gateway.memory();
    // The allocator keeps what it was given, in its order; a leak would show in the third round.
    let second = under_attack(attack, count, &gateway, &tally).await;
    let third = under_attack(attack, count, &gateway, &tally).await;
    println!(
        "| {} | {count} | {} | {} | {} | {}, {} | {quiet:.1?} | {meanwhile:.1?} |",
        name(attack),
        mib(before),
        mib(peak),
        mib(after),
        mib(second),
        mib(third)
    );
    assert!(third <= second + second / 8 + LEEWAY, "memory grows from one attack to the next");
    assert!(left <= descriptors + 8, "{left} descriptors are open, {descriptors} were before");
    tally.stop.store(true, Ordering::Relaxed);
    while let Some(ended) = regulars.join_next().await {
        ended.expect("no client panics");
    }
    assert_eq!(tally.wrong.load(Ordering::Relaxed), 0);
    let (code, ends) = gateway.stop().await;
    assert_eq!(code, Some(0));
    assert!(ends.keys().all(|(_, end)| !end.is_empty()), "an end without a word");
}

/// The most memory that was seen, in KiB.
async fn under_attack(attack: Attack, count: usize, gateway: &Gateway, tally: &Arc<Tally>) -> u64 {
    let (address, begun) = (gateway.address, Instant::now());
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut attackers = JoinSet::new();
    for _ in 0..count {
        let (gate, tally) = (Arc::clone(&gate), Arc::clone(tally));
        attackers.spawn(async move {
            // What waits lets the next one in once it is there.
            let turn = gate.acquire().await.expect("open");
            match attack {
                Attack::Slowloris => crowd::slowloris(address, turn).await,
                Attack::StalledHandshakes => {
                    drop(turn);
                    crowd::stalled_handshake(address).await;
                }
                Attack::SlowReaders => {
                    drop(turn);
                    crowd::sleeper(address, HOLD, tally).await;
                }
                Attack::ConnectAndClose => drop(tokio::net::TcpStream::connect(address).await),
                Attack::ResetsInMidFrame => crowd::reset(address, &tally).await,
            }
        });
    }
    let mut peak = gateway.memory();
    let bound = HOLD * 8;
    while !attackers.is_empty() && begun.elapsed() < bound {
        let _ = tokio::time::timeout(Duration::from_millis(50), attackers.join_next()).await;
        while attackers.try_join_next().is_some() {}
        peak = peak.max(gateway.memory());
    }
    peak
}

fn name(attack: Attack) -> &'static str {
    match attack {
        Attack::Slowloris => "a head at one byte a second",
        Attack::StalledHandshakes => "half a ClientHello, then nothing",
        Attack::SlowReaders => "a flooding backend, and nobody reads",
        Attack::ConnectAndClose => "connect and close",
        Attack::ResetsInMidFrame => "reset in the middle of a frame",
    }
}

fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

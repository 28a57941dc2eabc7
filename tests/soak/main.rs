//! Long and heavy runs against the gateway as a process, on loopback and bounded: `soak SECONDS` (20
//! minutes by default) and `stress [DIVISOR]`. Started by `tests/soak/run`.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "how tests fail")]
#![allow(clippy::disallowed_methods, reason = "peers of the gateway run beside it")]
#![allow(missing_docs, reason = "a tool of the tests")]

mod backends;
mod crowd;
mod gateway;
#[allow(dead_code, reason = "shared with the tests of behaviour")]
#[path = "../gateway/house/mod.rs"]
mod house;
mod soak;
mod stress;

use std::time::Duration;

#[tokio::main]
async fn main() {
    let mut words = std::env::args().skip(1).filter(|it| !it.starts_with("--"));
    let mode = words.next().unwrap_or_else(|| "soak".to_owned());
    let number: Option<u64> = words.next().and_then(|it| it.parse().ok());
    match mode.as_str() {
        "soak" => soak::run(Duration::from_secs(number.unwrap_or(20 * 60))).await,
        "stress" => stress::run(usize::try_from(number.unwrap_or(1)).unwrap_or(1).max(1)).await,
        other => panic!("`soak [SECONDS]` or `stress [DIVISOR]`, not {other:?}"),
    }
    let _ = std::fs::remove_dir_all(house::certificates::folder());
    println!("1 passed, 0 failed");
}

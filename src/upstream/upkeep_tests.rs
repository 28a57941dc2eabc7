//! What is done for pools: across reloads, beside names that are slow, and until nobody has them any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;

use super::*;
use crate::upstream::Pools;
use crate::upstream::resolver::Resolver;
use crate::upstream::roster::tests::{Book, config};

const PATIENCE: Duration = Duration::from_secs(20);

async fn until(what: impl Fn() -> bool) {
    let looks = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(Some(PATIENCE), Timer::Health, looks).await.expect("it comes to pass");
}

fn pools(keys: &str, previous: Option<&Pools>, resolver: &Resolver) -> Pools {
    Pools::with(&config(keys), previous, resolver).expect("there are no files")
}

fn addresses(pool: &Pool) -> Vec<String> {
    pool.report().servers.into_iter().map(|it| it.address).collect()
}

#[tokio::test]
async fn names_move_for_old_connections_too_until_nobody_has_their_pool() {
    let book = Book::default();
    book.says("game.test", &["10.0.0.1:80"]);
    let keys = "servers = [\"game.test:80\"]\nresolve_every = \"1s\"";
    let before = pools(keys, None, &book.resolver());
    let old = Arc::clone(before.at(0).expect("a pool"));
    let mut upkeep = Box::pin(old.upkeep());
    let after = pools(&format!("{keys}\nhold = \"1s\""), Some(&before), &book.resolver());
    assert!(!Arc::ptr_eq(&old, after.at(0).expect("a pool")), "its definition has changed");
    drop(before);
    for address in ["10.0.0.1:80", "10.0.0.2:80"] {
        book.says("game.test", &[address]);
        tokio::select! {
            () = &mut upkeep => panic!("somebody has it"),
            () = until(|| addresses(&old) == [address]) => {}
        }
    }
    drop(old);
    within(Some(PATIENCE), Timer::Health, upkeep).await.expect("it ends with the pool");
}

#[tokio::test]
async fn a_pool_that_is_written_as_before_is_the_same_pool() {
    let book = Book::default();
    let keys = "servers = [\"game.test:80\"]";
    let before = pools(keys, None, &book.resolver());
    let same = |keys: &str| {
        let after = pools(keys, Some(&before), &book.resolver());
        Arc::ptr_eq(before.at(0).expect("a pool"), after.at(0).expect("a pool"))
    };
    assert!(same("# It stands elsewhere now.\nservers = [ \"game.test:80\" ]"));
    assert!(!same("servers = [\"game.test:81\"]"));
    assert!(!same("servers = [{ address = \"game.test:80\", weight = 2 }]"));
    assert!(!same("servers = [\"game.test:80\"]\nconnect_timeout = \"7s\""));
    // Whoever reloads expects names to be looked up, whatever `resolve_every` says.
    let pool = before.at(0).expect("a pool");
    let mut upkeep = Box::pin(pool.upkeep());
    for address in ["10.0.0.1:80", "10.0.0.2:80"] {
        book.says("game.test", &[address]);
        pool.look_up_soon();
        tokio::select! {
            () = &mut upkeep => panic!("somebody has it"),
            () = until(|| addresses(pool) == [address]) => {}
        }
    }
}

#[tokio::test]
async fn a_name_that_is_slow_keeps_no_server_from_being_checked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let server = listener.local_addr().expect("an address");
    let keys = format!(
        "servers = [\"slow.test:80\", \"{server}\"]\nconnect_timeout = \"60s\"\n\
         health = {{ path = \"/\", every = \"50ms\", timeout = \"50ms\", fall = 2, rise = 2 }}"
    );
    let never = Resolver::new(|_, _| Box::pin(pending()));
    let all = pools(&keys, None, &never);
    let pool = all.at(0).expect("a pool");
    let checks = AtomicUsize::new(0);
    let count = async {
        while let Ok((stream, _)) = listener.accept().await {
            checks.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    };
    tokio::select! {
        () = pool.upkeep() => panic!("somebody has it"),
        () = count => panic!("it listens"),
        () = until(|| checks.load(Ordering::SeqCst) > 5) => {}
    }
    assert_eq!(pool.report().servers[0].standing, "down", "its answers are none");
}

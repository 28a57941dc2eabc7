//! Sums, orders and lanes of the register.

use super::*;
use crate::life::Cause;

fn line(id: u64) -> Line {
    Line { id: format!("{id:016x}"), client: format!("10.0.0.{id}"), ..Line::default() }
}

fn flow(bytes: u64) -> Flow {
    Flow { frames: 1, messages: 1, bytes, ..Flow::default() }
}

#[test]
fn sums_keep_what_has_ended() {
    let sockets = Arc::new(Sockets::default());
    let lane = sockets.lane("a.test", "/", "game");
    let first = sockets.enter(&line(1), Arc::clone(&lane));
    let second = sockets.enter(&line(2), sockets.lane("a.test", "/", "game"));
    for it in [&first, &second] {
        it.live().publish(&it.live().up, &flow(10), Instant::now());
    }
    drop(first);
    let totals = sockets.totals();
    assert_eq!(totals.len(), 1, "one lane");
    let expected = Totals {
        live: 1,
        opened: 2,
        up: Flow { frames: 2, messages: 2, bytes: 20, ..Flow::default() },
        ..Totals::default()
    };
    assert_eq!(totals[0].1, expected);
    assert!(sockets.find(1).is_none());
    assert_eq!(sockets.find(2).map(|it| it.id), Some(2));
}

#[test]
fn an_order_reaches_those_that_are_meant_within_the_spread() {
    let sockets = Arc::new(Sockets::default());
    let (game, chat) = (sockets.lane("a", "/", "game"), sockets.lane("a", "/", "chat"));
    let meant: Vec<_> = (0..100).map(|id| sockets.enter(&line(id), Arc::clone(&game))).collect();
    let other = sockets.enter(&line(100), chat);
    let farewell = Farewell { cause: Cause::Ordered, code: 4000, reason: "moved".into() };
    let filter = Filter { backend: Some("game".to_owned()), ..Filter::default() };
    let begun = Instant::now();
    let spread = Duration::from_secs(10);
    assert_eq!(sockets.order(|it| filter.has(it), &farewell, spread), 100);
    let moments: Vec<Duration> = meant
        .iter()
        .map(|it| it.live().ordered().expect("an order").at.duration_since(begun))
        .collect();
    assert!(moments.iter().all(|it| *it <= spread + Duration::from_secs(1)));
    let early = moments.iter().filter(|it| **it < spread / 2).count();
    assert!((20..80).contains(&early), "{early} of 100 in the first half");
    assert_eq!(other.live().ordered(), None);
    assert_eq!(meant[0].live().ordered(), None, "an order is given once");
}

#[test]
fn of_two_orders_the_earlier_holds() {
    let sockets = Arc::new(Sockets::default());
    let socket = sockets.enter(&line(1), sockets.lane("a", "/", "game"));
    let now = Instant::now();
    let order = |code, seconds| Order {
        farewell: Farewell { cause: Cause::Ordered, code, reason: "".into() },
        at: now + Duration::from_secs(seconds),
    };
    socket.live().order(order(4001, 5));
    socket.live().order(order(4002, 2));
    socket.live().order(order(4003, 9));
    assert_eq!(socket.live().ordered().map(|it| it.farewell.code), Some(4002));
}

#[test]
fn lanes_of_removed_routes_are_forgotten_when_there_are_too_many() {
    let sockets = Arc::new(Sockets::default());
    let used = sockets.enter(&line(1), sockets.lane("a", "/kept", "game"));
    (0..3 * LANES_KEPT).for_each(|it| {
        drop(sockets.enter(&line(2), sockets.lane("a", &format!("/{it}"), "game")));
    });
    let totals = sockets.totals();
    assert!(totals.len() <= LANES_KEPT, "{}", totals.len());
    assert_eq!((&*totals[0].0.route, totals[0].1.live), ("/kept", 1));
    drop(used);
}

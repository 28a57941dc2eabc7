//! The register of live sockets: who is alive, what has flowed, and orders to close.

use std::time::{Duration, Instant};

use wsgate::life::{By, Cause, End, Stage};
use wsgate::observe::line::{Flow, Part};
use wsgate::observe::live::Farewell;
use wsgate::observe::sockets::Sockets;

use crate::house::frames::{BINARY, CLOSE, PING, PONG, TEXT, close_payload, masked};
use crate::house::{Backend, HOST, House, route, until};

fn farewell(code: u16, reason: &str) -> Farewell {
    Farewell { cause: Cause::Ordered, code, reason: reason.into() }
}

fn sockets(house: &House) -> &Sockets {
    &house.gateway.books().sockets
}

#[tokio::test]
async fn a_socket_is_seen_while_it_lives_with_what_has_flowed() {
    let backend = Backend::echo().await;
    let house = House::with_routes(&route("/live", &backend)).await;
    let mut client = house.socket("/live").await;
    client.send(masked(TEXT, "four")).await;
    client.send(masked(BINARY, [1, 2])).await;
    client.send(masked(PING, "p")).await;
    assert_eq!(client.frame().await.expect("the echo").text(), "four");
    assert_eq!(client.frame().await.expect("the echo").payload, [1, 2]);
    assert_eq!(client.frame().await.expect("the echo").opcode, PONG);
    until(|| sockets(&house).list(|it| it.down.flow().frames == 3, 9).1 == 1).await;
    let (mut live, _) = sockets(&house).list(|_| true, 9);
    let live = live.remove(0);
    assert_eq!((&*live.lane.site, &*live.lane.route, &*live.host), (HOST, "/live", HOST));
    assert_eq!(*live.server, backend.address().to_string());
    let up = Flow {
        frames: 3,
        messages: 2,
        bytes: 10 + 8 + 7,
        binary: Part { frames: 1, bytes: 8 },
        control: Part { frames: 1, bytes: 7 },
    };
    assert_eq!(live.up.flow(), up);
    assert_eq!(live.up.flow().text(), Part { frames: 1, bytes: 10 });
    assert_eq!(live.down.flow().bytes, 6 + 4 + 3, "the same without masks");
    drop(client);
    let line = house.line().await;
    assert_eq!(line.id, format!("{:016x}", live.id), "the id of its access line");
    until(|| sockets(&house).find(live.id).is_none()).await;
    let totals = sockets(&house).totals();
    assert_eq!((totals[0].1.live, totals[0].1.opened, totals[0].1.up), (0, 1, up));
    house.finish().await;
}

#[tokio::test]
async fn an_ordered_socket_closes_with_the_code_and_reason_of_the_order() {
    let backend = Backend::echo().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let (mut leaves, mut stays) = (house.socket("/").await, house.socket("/").await);
    stays.send(masked(TEXT, "mark")).await;
    stays.frame().await.expect("the echo");
    until(|| sockets(&house).list(|it| it.up.flow().frames == 0, 9).1 == 1).await;
    let count = sockets(&house).order(
        |it| it.up.flow().frames == 0,
        &farewell(4000, "moved"),
        Duration::ZERO,
    );
    assert_eq!(count, 1);
    assert_eq!(leaves.frame().await.expect("a close").close(), (4000, "moved".to_owned()));
    leaves.send(masked(CLOSE, close_payload(4000, ""))).await;
    assert_eq!(leaves.frame().await, None, "the stream ends");
    let end = End::new(By::Gateway, Stage::Relay, Cause::Ordered);
    assert_eq!(house.end().await, end);
    stays.send(masked(TEXT, "still here")).await;
    assert_eq!(stays.frame().await.expect("the echo").text(), "still here");
    drop(stays);
    house.finish().await;
}

#[tokio::test]
async fn an_order_with_a_spread_is_obeyed_at_a_moment_of_its_own() {
    let backend = Backend::echo().await;
    let house = House::with_routes(&route("/", &backend)).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(house.socket("/").await);
    }
    until(|| sockets(&house).list(|_| true, 0).1 == 20).await;
    let begun = Instant::now();
    sockets(&house).order(|_| true, &farewell(4001, "one by one"), Duration::from_millis(800));
    let mut readers = Vec::new();
    for mut client in clients {
        readers.push(tokio::spawn(async move {
            assert_eq!(client.frame().await.expect("a close").close().0, 4001);
            begun.elapsed()
        }));
    }
    let mut times = Vec::new();
    for reader in readers {
        times.push(reader.await.expect("a reader"));
    }
    let between = |from, to| times.iter().filter(|it| (from..to).contains(&it.as_millis())).count();
    assert!(between(0, 400) >= 2 && between(400, 5000) >= 2, "{times:?}");
    assert_eq!(
        house.lines(20).await.iter().filter(|it| it.end.cause == Cause::Ordered).count(),
        20
    );
    house.finish().await;
}

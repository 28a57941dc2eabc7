//! Whatever the split and the interleaving of frames: each side receives exactly the other side's
//! frames, in order, unchanged. Cases are drawn by lot, and a failing one is made as small as it
//! gets. `PROPTEST_CASES=1000` asks for more of them.

mod case;
mod peer;

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use wsgate::life::{By, Cause, End, Stage};

use self::case::{Case, Script, cases};
use self::peer::{Role, play};
use crate::house::backend::switching;
use crate::house::client::{Client, upgrade_fields};
use crate::house::frames::Frame;
use crate::house::{HOST, House, https_listener, site, soon};

/// Enough to meet every kind of split many times; about 20 s where nobody else works.
const CASES: u32 = 48;

/// How long a failing case may take to become small, in milliseconds.
const SHRINKING: u32 = 120_000;

/// Both sides are silent for longer than this now and then: the gateway's own pings come between.
const PING: &str = "[sites.routes.heartbeat]\nclient_ping = \"15ms\"\nclient_timeout = \"60s\"\n\
                    backend_ping = \"15ms\"\nbackend_timeout = \"60s\"\n";

#[test]
fn each_side_receives_exactly_the_frames_of_the_other_in_order() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut config =
        Config { max_shrink_time: SHRINKING, failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    let pings = AtomicU64::new(0);
    let verdict =
        TestRunner::new(config).run(&cases(), |case| runtime.block_on(hold(&case, &pings)));
    verdict.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(pings.into_inner() > 0, "the gateway's own pings came nowhere in between");
}

/// A gateway with TLS and without, before a backend whose kernel takes little at once.
async fn start() -> (House, TcpListener) {
    let socket = peer::stingy();
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("free");
    let backend = socket.listen(16).expect("it listens");
    let address = backend.local_addr().expect("an address");
    let plain = "[[listeners]]\naddress = \"127.0.0.1:0\"\nprotocol = \"http\"\n";
    let route = format!("[[sites.routes]]\npath = \"/\"\nbackend = \"{address}\"\n{PING}");
    let text = format!("{}{plain}{}{route}", https_listener(), site(HOST));
    (House::with(&text).await, backend)
}

/// Plays one case and compares what each side sent with what the other received. Each has a
/// gateway of its own, so that a failing one leaves nothing to the next.
async fn hold(case: &Case, pings: &AtomicU64) -> Result<(), TestCaseError> {
    let (house, backend) = start().await;
    let (at_client, at_backend) = tokio::join!(client(&house, case), server(&backend, case));
    same("the backend", &at_backend, &case.client)?;
    same("the client", &at_client, &case.backend)?;
    let line = house.line().await;
    let ended = End::new(By::Client, Stage::Relay, Cause::Close(1000));
    proptest::prop_assert_eq!(line.end, ended);
    pings.fetch_add(house.metrics().pings.value(), Ordering::Relaxed);
    house.finish().await;
    Ok(())
}

/// Compares without printing megabytes.
fn same(who: &str, received: &[Frame], script: &Script) -> Result<(), TestCaseError> {
    let sent = script.frames();
    let differs = received.iter().zip(&sent).position(|(a, b)| !a.is_as(b));
    if let Some(place) = differs {
        let (got, due) = (received[place].outline(), sent[place].outline());
        return Err(TestCaseError::fail(format!("{who}: frame {place} is {got}, sent was {due}")));
    }
    proptest::prop_assert_eq!(received.len(), sent.len(), "frames that {} received", who);
    Ok(())
}

/// The client's side: what it received.
async fn client(house: &House, case: &Case) -> Vec<Frame> {
    let stream = peer::connect(house.address_of(usize::from(!case.tls))).await;
    let client = match case.tls {
        true => Client::tls_on(stream, HOST).await,
        false => Client::on(stream),
    };
    let head = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{}\r\n", upgrade_fields());
    play(client, Role::Client, head, &case.client, &case.backend).await
}

/// The backend's side: what it received.
async fn server(listener: &TcpListener, case: &Case) -> Vec<Frame> {
    let (stream, _) = soon(listener.accept()).await.expect("a connection");
    let mut client = Client::on(stream);
    client.head().await;
    play(client, Role::Server, switching(""), &case.backend, &case.client).await
}

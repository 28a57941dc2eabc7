//! What a relayed message costs in the whole tunnel, between unix sockets: reading, scanning, counting,
//! writing. Knows no TLS and no HTTP.
//!
//! `cargo bench --bench relay` measures, `cargo test --bench relay` runs each once.

#![allow(missing_docs)] // criterion_group! makes a public function without one
#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a bench stands outside the gateway"
)]

use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};

use wsgate::config::{self, Config};
use wsgate::drain::Signal;
use wsgate::life::Stage;
use wsgate::observe::access::Access;
use wsgate::observe::books::Books;
use wsgate::observe::line::Kind;
use wsgate::observe::record::Record;
use wsgate::relay::{Rules, Running, Tunnel};
use wsgate::stream::{Side, Socket, Stream};

const CONFIG: &str = "[[listeners]]\naddress = \"[::]:443\"\nprotocol = \"https\"\n\
    [[sites]]\ndomains = [\"a.test\"]\ncertificate = \"a\"\nprivate_key = \"b\"\n\
    [[sites.routes]]\npath = \"/\"\nbackend = \"127.0.0.1:1\"\n";

/// Rates that are kept account of and never reached.
const RATES: &str = "[sites.routes.limits]\nmessages = \"1000000000/s\"\nbytes = \"1000GB/s\"\n";

/// How many messages a round carries, and how long each is.
const ROUNDS: [(usize, usize); 3] = [(1, 128), (700, 16), (100, 128)];

fn relay(c: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = c.benchmark_group("relay");
    let without = ROUNDS.map(|round| (round, "", ""));
    let with = ROUNDS.map(|round| (round, RATES, " with rates"));
    for ((count, payload), limits, rates) in without.into_iter().chain(with) {
        let bytes = frame(payload).repeat(count);
        let mut passed = vec![0; bytes.len()];
        let (mut client, mut backend) = tunnel(&runtime, limits);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("{count} messages of {payload} bytes{rates}"), |b| {
            b.iter(|| {
                runtime.block_on(async {
                    client.write_all(&bytes).await.expect("taken");
                    backend.read_exact(&mut passed).await.expect("passed on");
                });
            });
        });
        assert_eq!(passed, bytes, "as they came");
    }
    group.finish();
}

/// The far ends of a tunnel that runs.
fn tunnel(runtime: &Runtime, limits: &str) -> (UnixStream, UnixStream) {
    let _inside = runtime.enter();
    let (client, near) = UnixStream::pair().expect("a pair");
    let (far, backend) = UnixStream::pair().expect("a pair");
    let side = |it| Side { stream: Stream::Plain(Socket::Unix(it)), read_buf: Default::default() };
    let config = configuration(limits);
    let rules = Rules {
        route: Arc::new(config.sites[0].routes[0].clone()),
        gateway: Arc::new(config.gateway.clone()),
        compressed: false,
        engine_io: 3,
    };
    let books = Arc::new(Books::new(Access::off()));
    let mut record = Record::new(&books, Kind::Socket, Stage::Relay);
    let entered = books.sockets.enter(&record.line, books.sockets.lane("a.test", "/", "game"));
    let live = Arc::clone(entered.live());
    let (signal, drain) = Signal::new();
    let tunnel = Tunnel { client: side(near), backend: side(far), rules, live, drain };
    let mut running = Running::new(tunnel, Arc::clone(&books));
    runtime.spawn(async move {
        running.run(&mut record).await;
        drop((signal, entered));
    });
    (client, backend)
}

fn configuration(limits: &str) -> Config {
    let parsed = config::parse(Path::new("gateway.toml"), &format!("{CONFIG}{limits}"), &|_| None);
    parsed.map_err(|report| report.render()).expect("valid").0
}

/// A whole masked binary frame, at most 125 bytes or at most 64 KiB of payload.
fn frame(payload: usize) -> Vec<u8> {
    let mut out = vec![0x82];
    match payload {
        0..=125 => out.push(0x80 | payload as u8),
        _ => {
            out.push(0x80 | 126);
            out.extend((payload as u16).to_be_bytes());
        }
    }
    out.extend([1, 2, 3, 4]);
    out.resize(out.len() + payload, 0);
    out
}

criterion_group!(benches, relay);
criterion_main!(benches);

//! What a whole tunnel costs: the frames of a client on their way to the backend, over unix sockets
//! and without TLS.
//!
//! `cargo bench --bench relay` measures, `cargo test --bench relay` runs each once.

#![allow(missing_docs)] // criterion_group! makes a public function without one
#![allow(clippy::expect_used, clippy::disallowed_methods, reason = "it is no part of the gateway")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};

use wsgate::config::model::{Config, Route};
use wsgate::drain::Signal;
use wsgate::life::Stage;
use wsgate::observe::access::Access;
use wsgate::observe::books::Books;
use wsgate::observe::line::Kind;
use wsgate::observe::record::Record;
use wsgate::relay::{self, Rules, Tunnel};
use wsgate::stream::{Side, Socket, Stream};

/// About what one measurement carries.
const CARRIED: usize = 64 * 1024;

/// Rates that are kept account of and never reached.
const RATES: &str = "messages = \"1000000000/s\"\nbytes = \"1000GB/s\"\n";

fn through_a_tunnel(c: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = c.benchmark_group("relay 64 KiB");
    group.throughput(Throughput::Bytes(CARRIED as u64));
    for (rates, limits) in [("", ""), (" with rates", RATES)] {
        for (name, payload) in [("16 bytes", 16), ("128 bytes", 128), ("4 KiB", 4096)] {
            let frame = frame(payload);
            let stream = frame.repeat((CARRIED / frame.len()).max(1));
            let (client, backend, _signal) = tunnel(&runtime, limits);
            let mut ends = (client, backend, vec![0; stream.len()]);
            group.bench_function(format!("frames of {name}{rates}"), |b| {
                b.iter(|| runtime.block_on(carry(&mut ends, &stream)));
            });
        }
    }
    group.finish();
}

async fn carry((client, backend, got): &mut (UnixStream, UnixStream, Vec<u8>), stream: &[u8]) {
    let (sent, read) = tokio::join!(client.write_all(stream), backend.read_exact(got));
    sent.expect("the gateway reads");
    read.expect("the gateway writes");
}

/// A tunnel under way: the client's end, the backend's end, and what keeps it from being cut.
fn tunnel(runtime: &Runtime, limits: &str) -> (UnixStream, UnixStream, Signal) {
    let (config, route) = route(limits);
    let (signal, watch) = Signal::new();
    let books = Arc::new(Books::new(Access::off()));
    let mut record = Record::new(&books, Kind::Socket, Stage::Relay);
    let lane = books.sockets.lane("", "/", "");
    let rules = Rules {
        heartbeat: route.heartbeat,
        limits: route.limits,
        compressed: false,
        engine_io: 3,
        drain: config.gateway.drain,
        close: Duration::from_secs(5),
    };
    runtime.block_on(async move {
        let (client, near) = UnixStream::pair().expect("a pair");
        let (far, backend) = UnixStream::pair().expect("a pair");
        let side = |it| Side { stream: Stream::Plain(Socket::Unix(it)), read_buf: Bytes::new() };
        tokio::spawn(async move {
            let entered = books.sockets.enter(&record.line, lane);
            let live = Arc::clone(entered.live());
            let tunnel = Tunnel { client: side(near), backend: side(far), rules, live };
            relay::run(tunnel, watch, &mut record).await;
        });
        (client, backend, signal)
    })
}

fn route(limits: &str) -> (Config, Route) {
    let text = format!(
        "[[listeners]]\naddress = \"[::]:443\"\n[[sites]]\ndomains = [\"a.test\"]\n\
         certificate = \"a\"\nprivate_key = \"b\"\n[[sites.routes]]\npath = \"/\"\n\
         backend = \"127.0.0.1:1\"\n[sites.routes.limits]\n{limits}"
    );
    let parsed = wsgate::config::parse(Path::new("gateway.toml"), &text, &|_| None);
    let mut config = parsed.map_err(|report| report.render()).expect("a configuration").0;
    let route = config.sites.remove(0).routes.remove(0);
    (config, route)
}

/// A whole masked binary frame of a client.
fn frame(payload: usize) -> Vec<u8> {
    let mut out = vec![0x82];
    match payload {
        0..=125 => out.push(0x80 | payload as u8),
        _ => {
            out.push(0x80 | 126);
            out.extend((payload as u16).to_be_bytes());
        }
    }
    out.extend([0x11, 0x22, 0x33, 0x44]);
    out.resize(out.len() + payload, 7);
    out
}

criterion_group!(relayed, through_a_tunnel);
criterion_main!(relayed);

//! What a relayed frame costs in the scanner, payload untouched. Knows no sockets and no TLS.
//!
//! `cargo bench --bench frames` measures, `cargo test --bench frames` runs each once.

#![allow(missing_docs)] // criterion_group! makes a public function without one

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use wsgate::observe::histogram::SizeMeter;
use wsgate::ws::control;
use wsgate::ws::scan::{Scanner, Sender, Step};
use wsgate::ws::short::Lengths;

/// What a relay reads at once.
const BUFFER: usize = 16 * 1024;

fn scan(c: &mut Criterion) {
    let mut group = c.benchmark_group("scan 16 KiB");
    group.throughput(Throughput::Bytes(BUFFER as u64));
    for (name, payload) in
        [("of 16 bytes", 16), ("of 128 bytes", 128), ("of 4 KiB", 4096), ("of 1 MiB", 1 << 20)]
    {
        let stream = filled(&frame(0x82, payload));
        group.bench_function(format!("frames {name}"), |b| {
            b.iter(|| walk(black_box(&stream), Lengths::NONE, |_| {}));
        });
        // As the relay does: each message's length is added to the socket's histogram.
        let sizes = SizeMeter::default();
        group.bench_function(format!("measured frames {name}"), |b| {
            b.iter(|| walk(black_box(&stream), Lengths::NONE, |len| sizes.add(len)));
        });
    }
    let pings = filled(&frame(0x89, 4));
    group.bench_function("pings", |b| b.iter(|| walk(black_box(&pings), Lengths::NONE, |_| {})));
    // On a route with `heartbeat.application`: other messages, and those of the wanted length.
    let watched = Lengths::NONE.with(19).with(20);
    for (name, payload) in [("of 16 bytes", 16), ("of 4 KiB", 4096), ("that are wanted", 19)] {
        let stream = filled(&frame(0x81, payload));
        group.bench_function(format!("watched frames {name}"), |b| {
            b.iter(|| walk(black_box(&stream), watched, |_| {}));
        });
    }
    group.finish();
}

fn write(c: &mut Criterion) {
    let mut out = Vec::with_capacity(control::FRAME_MAX);
    c.bench_function("write a masked ping", |b| {
        b.iter(|| {
            out.clear();
            control::ping(black_box(b"wsgate 0001"), Some([1, 2, 3, 4]), &mut out);
        });
    });
}

/// Scans from the first byte to the last; the number of frames. `ended` is told how long each message was.
fn walk(mut buf: &[u8], wanted: Lengths, ended: impl Fn(u64)) -> usize {
    let mut scanner = Scanner::new(Sender::Client, None, false);
    scanner.want(wanted);
    let mut frames = 0;
    while !buf.is_empty() {
        let len = match scanner.step(buf) {
            Ok(Step::Data { len, ends_message, .. }) => {
                if ends_message {
                    ended(scanner.message_length());
                }
                len
            }
            Ok(Step::Control { len, .. }) => len,
            Ok(Step::Short { len, short }) => {
                black_box(short.payload());
                len
            }
            Ok(Step::Incomplete) | Err(_) => break,
        };
        frames += 1;
        buf = &buf[len..];
    }
    assert!(frames > 0, "a valid stream begins with a frame");
    frames
}

/// A whole masked frame of a client: `first` is its first byte, FIN and opcode.
fn frame(first: u8, payload: usize) -> Vec<u8> {
    let mut out = vec![first];
    match payload {
        0..=125 => out.push(0x80 | payload as u8),
        126..=0xffff => {
            out.push(0x80 | 126);
            out.extend((payload as u16).to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend((payload as u64).to_be_bytes());
        }
    }
    out.extend([0x11, 0x22, 0x33, 0x44]);
    out.resize(out.len() + payload, 7);
    out
}

/// The frame again and again, as a full buffer has it: the last one may be cut.
fn filled(frame: &[u8]) -> Vec<u8> {
    frame.iter().copied().cycle().take(BUFFER).collect()
}

criterion_group!(frames, scan, write);
criterion_main!(frames);

//! Tests of the whole gateway over real sockets, one module for each behaviour. Each starts a
//! gateway of its own on a free port and ends by asserting that nothing is left of it.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "how tests fail")]
#![allow(clippy::disallowed_methods, reason = "peers of the gateway run beside it")]
#![allow(missing_docs, reason = "tests are sentences")]

mod house;

mod acme;
mod activation;
mod admin;
mod admission;
mod answers;
mod application;
mod bounds;
mod check;
mod client_ca;
mod closing;
mod crowd;
mod diagnosis;
mod documents;
mod errors;
mod faults;
mod files;
mod handover;
mod handshake;
mod hardening;
mod health;
mod heartbeat;
mod http;
mod http2;
mod import;
mod listen;
mod live;
mod logs;
mod materials;
mod memory;
mod notify;
mod panics;
mod pools;
mod process;
mod property;
mod proxy;
mod rates;
mod reach;
mod relay;
mod reload;
mod renewal;
mod rooms;
mod strict;
mod suites;
mod tls;

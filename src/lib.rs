//! wsgate: a TLS-terminating WebSocket gateway. This file is the map of the house.

pub mod accept;
pub mod acme;
pub mod admin;
pub mod challenges;
pub mod cli;
pub mod config;
pub mod connection;
pub mod control;
pub mod drain;
pub mod files;
pub mod framing;
pub mod http;
pub mod import;
pub mod life;
pub mod observe;
pub mod probe;
pub mod relay;
pub mod snapshot;
pub mod stream;
pub mod tls;
pub mod upstream;
pub mod ws;

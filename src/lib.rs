//! wsgate: a TLS-terminating WebSocket gateway. This file is the map of the house.

pub mod cli;
pub mod config;
pub mod control;
pub mod http;
pub mod life;
pub mod tls;

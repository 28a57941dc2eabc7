//! HTTP/2 toward clients: plain requests, what a hostile client may not do, and WebSockets as streams.

mod abuse;
mod plain;
mod sockets;
pub mod stream;
mod strict;
mod waits;

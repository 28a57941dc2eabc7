//! The WebSocket protocol as values: frame headers, control frames, close codes, the key. No I/O,
//! and no knowledge of any other room; RFC 6455 is the source of every rule here.

pub mod close;
pub mod control;
pub mod key;
pub mod scan;
pub mod short;

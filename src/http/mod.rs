//! HTTP/1.1 from the client's first request to the last, or to the switch of protocols.

pub mod admission;
pub mod client_ip;
pub mod forwarded;
pub mod hop_by_hop;
pub mod host;
pub mod mini_program;
pub mod origin;
pub mod path;
pub mod router;

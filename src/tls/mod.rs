//! TLS toward clients: certificates, the choice by SNI, tickets, the handshake; and TLS toward
//! backends. Knows nothing of HTTP or of what is carried inside.

pub mod client;
mod clients;
pub mod inspect;
pub mod pem;
mod server;
mod shared_tickets;
mod staple;
mod suites;
mod tickets;

pub use server::{Handshake, HandshakeError, LoadError, Table, handshake};
pub use tickets::Tickets;

//! TLS toward clients: certificates, the choice by SNI, tickets, the handshake; and TLS toward
//! backends. Knows nothing of HTTP or of what is carried inside.

mod ciphers;
pub mod client;
mod clients;
mod handshake;
pub mod inspect;
pub mod pem;
mod proof;
mod server;
mod shared_tickets;
mod staple;
mod tickets;
mod words;

pub use handshake::{Handshake, HandshakeError, handshake};
pub use proof::{ProofError, proof};
pub use server::{LoadError, Table};
pub use tickets::Tickets;

//! Toward the backends: who they are, which of them is next, how they are reached, and the HTTP
//! connections kept open to them. Knows nothing of routes or clients.

mod attempt;
mod balance;
mod checked;
mod connect;
mod health;
mod keep;
mod member;
mod names;
mod pool;
mod pools;
mod resolver;
mod roster;
mod server;
mod upkeep;
mod wire;

pub use balance::hash;
pub use connect::{DialError, Parties};
pub use pool::{Errand, Pool, Reached};
pub use pools::Pools;
pub use server::Lease;
pub use wire::{Answer, AnswerBody, RequestBody, SendError, Wire, no_body};

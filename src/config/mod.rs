//! `gateway.toml`: raw (as written, with spans) -> model (valid by construction). Knows no other room.

pub mod model;
pub mod names;

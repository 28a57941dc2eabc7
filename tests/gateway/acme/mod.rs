//! Certificates that the gateway orders itself: before a strict little CA of the tests' own, which fails on request, and
//! (by tests/acme/run) before Pebble, a real ACME server.

mod ca;
mod faults;
mod jws;
mod pebble;
mod shown;
mod signing;

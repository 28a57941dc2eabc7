//! Start and stop, and what can be known before: the only room that sees all others.

pub mod check;

//! Tests of the whole gateway, one module for each behaviour.

mod check;

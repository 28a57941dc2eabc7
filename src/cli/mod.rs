//! The command line: what each subcommand means. Knows `config`, `control` and `observe` only.

pub mod demo;

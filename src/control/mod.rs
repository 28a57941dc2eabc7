//! Start and stop: the only room that spawns tasks, listens to signals and swaps snapshots. It
//! knows every other room, and none of them knows it.

pub mod check;
mod gateway;
mod limits;
mod run;
mod signals;
mod upkeep;

pub use gateway::{Gateway, ReloadError, StartError};
pub use run::{Exit, run};

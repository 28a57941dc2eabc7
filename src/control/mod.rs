//! Start and stop: the only room that spawns tasks, listens to signals and swaps snapshots. It
//! may know every room of the gateway, and none of them knows it.

mod certificates;
pub mod check;
mod chores;
mod contained;
mod doors;
mod faults;
mod fixed;
mod gateway;
mod handover;
mod issuing;
mod kept;
mod leaving;
mod limits;
mod lines;
mod loops;
mod memory;
mod places;
mod removed;
mod run;
mod signals;
mod upkeep;
mod window;

pub use faults::{ReloadError, StartError};
pub use gateway::Gateway;
pub use handover::{HandoverError, Program, Successor};
pub use run::{Exit, run};
pub use window::AdminError;

//! `wsgate probe` as a process against real servers on loopback: wsgate, nginx, and scripted ones
//! for what neither of them does. Each report must be exactly `goldens/NAME.out`, once times, dates
//! and ports are taken out. `UPDATE_GOLDEN=1` writes them anew; look at the difference before
//! committing.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "how tests fail")]
#![allow(missing_docs, reason = "tests are sentences")]

mod backend;
mod certificates;
mod golden;
mod nginx;
mod nginx_package;
mod servers;
mod wsgate;

mod answers;
mod sockets;
mod usage;
mod waits;
mod way;

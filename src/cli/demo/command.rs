//! `wsgate demo` as a command: sets the demo up and hands its file to the ordinary gateway.

use std::path::PathBuf;
use std::process::ExitCode;

use tokio::runtime::Builder;

use super::{Demo, PORT};
use crate::control::{self, Exit};

/// The options of `wsgate demo`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The port of https://localhost.
    #[arg(long, default_value_t = PORT, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// A folder to keep certificate, key and configuration in; otherwise a fresh one is removed
    /// at the end.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// Runs the demo until a signal stops it.
pub fn run(options: &Options) -> ExitCode {
    // The backends have an event loop of their own, as they would on another machine.
    let backends = match Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let demo = match backends.block_on(Demo::set_up(options.port, options.dir.as_deref())) {
        Ok(demo) => demo,
        Err(error) => return failed(&error),
    };
    let exit = control::run(&demo.config(), || println!("{}", demo.greeting()));
    let _inside = backends.enter();
    drop(demo);
    ExitCode::from(exit as u8)
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("wsgate demo: {error}");
    ExitCode::from(Exit::Failed as u8)
}

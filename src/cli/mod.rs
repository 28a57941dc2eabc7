//! The command line: what each subcommand means. Knows `admin`, `config`, `control`,
//! `import`, `probe` and what of `tls` reads certificates.

pub mod demo;
mod import_nginx;
mod probe;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::control;
use crate::control::check::{self, Machine};

/// A TLS-terminating WebSocket gateway that keeps seeing frames after the 101.
#[derive(Debug, Parser)]
#[command(name = "wsgate", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    file: File,
}

#[derive(Debug, clap::Args)]
struct File {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE", default_value = "/etc/wsgate/gateway.toml")]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway (the default command).
    Run(File),
    /// Report everything that is wrong with a configuration, and start nothing.
    Check(File),
    /// Print the gateway.toml that does what an nginx configuration does, and what it cannot carry.
    ImportNginx(import_nginx::Options),
    /// Show what a running gateway is doing: sockets, routes, backends, the last endings.
    Status(status::Options),
    /// Start a gateway on https://localhost:8443 with its own certificate and backends.
    Demo(demo::Options),
    /// Connect to a WebSocket as a mini program does, and report each stage.
    Probe(Box<probe::Options>),
}

/// Does what the command line says. Wrong usage ends the process with exit code 2.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.unwrap_or(Command::Run(cli.file)) {
        Command::Run(file) => ExitCode::from(control::run(&file.config, || ()) as u8),
        Command::Check(file) => report(&file),
        Command::ImportNginx(options) => import_nginx::run(&options),
        Command::Status(options) => status::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Probe(options) => probe::run(&options),
    }
}

/// Prints the report; 0 when nothing is wrong but warnings, 1 otherwise.
fn report(file: &File) -> ExitCode {
    let (report, sound) = check::check(&file.config, &Machine::this());
    print!("{report}");
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

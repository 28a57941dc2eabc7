//! `wsgate import-nginx` as a command: the result on standard output, the report on standard error.
//! Knows how the two are shown, and nothing of nginx.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::control::check::{Machine, check_text};
use crate::import::{self, Imported};

/// The options of `wsgate import-nginx`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// An nginx.conf, a file or folder of its parts, or the output of `nginx -T`; `-` is standard
    /// input.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Run `wsgate check` on the result, as if it stood in the current folder.
    #[arg(long)]
    check: bool,
}

/// Prints what came out; 0 when there is at least one site, and with `--check` nothing wrong.
pub fn run(options: &Options) -> ExitCode {
    let imported = match import::import(&options.paths) {
        Ok(imported) => imported,
        Err(errors) => {
            errors.iter().for_each(|it| eprintln!("wsgate import-nginx: {it}"));
            return ExitCode::FAILURE;
        }
    };
    // A reader that has seen enough, as `head`, is no failure.
    let _ = std::io::stdout().write_all(imported.toml.as_bytes());
    eprint!("{}", imported.report);
    let sound = !options.check || checked(&imported);
    if imported.sites == 0 {
        eprintln!("wsgate import-nginx: nothing could be carried: no server leads to a backend");
        return ExitCode::FAILURE;
    }
    if let Some(flaw) = &imported.flaw {
        eprintln!(
            "\n{flaw}\nwsgate import-nginx: the file has to be mended where this says. That is a mistake of the import: please report it"
        );
        return ExitCode::FAILURE;
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn checked(imported: &Imported) -> bool {
    let (report, sound) = check_text(Path::new("gateway.toml"), &imported.toml, &Machine::this());
    eprint!("\n{report}");
    sound
}

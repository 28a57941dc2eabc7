//! `wsgate status`: asks a running gateway how it is, and prints it for people or as JSON.

mod table;
mod text;
mod units;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio::runtime::Builder;

use crate::admin;
use crate::admin::status::Status;
use crate::config;
use crate::config::model::ListenAddress;

/// The options of `wsgate status`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The configuration file that says where the admin listener is.
    #[arg(long, short, value_name = "FILE", conflicts_with = "admin")]
    config: Option<PathBuf>,
    /// Where the admin listener is: ip:port, or unix:/path.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,
    /// Print the answer of /api/status as it is.
    #[arg(long)]
    json: bool,
}

/// Where `wsgate run` looks for its configuration.
const USUAL_FILE: &str = "/etc/wsgate/gateway.toml";

/// Prints the status; exit code 1 when there is none to be had.
pub fn run(options: &Options) -> ExitCode {
    match shown(options) {
        Ok(text) => {
            // Whoever reads may have seen enough, as `head` has.
            let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(words) => {
            eprintln!("wsgate status: {words}");
            ExitCode::FAILURE
        }
    }
}

fn shown(options: &Options) -> Result<String, String> {
    let address = address(options)?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let answer = runtime.block_on(admin::ask(&address, "/api/status"));
    let answer = answer.map_err(|error| match &error {
        admin::AskError::Nobody(..) => {
            format!("{error}; is the gateway running, and is this its [admin] listen?")
        }
        other => other.to_string(),
    })?;
    if options.json {
        return Ok(format!("{}\n", String::from_utf8_lossy(&answer)));
    }
    let status: Status = serde_json::from_slice(&answer)
        .map_err(|error| format!("the answer of {address} is not a status: {error}"))?;
    Ok(text::of(&status))
}

fn address(options: &Options) -> Result<ListenAddress, String> {
    let off = || "the admin listener is off: there is nobody to ask".to_owned();
    if let Some(text) = &options.admin {
        return config::admin_address(text).map_err(|it| format!("--admin: {it}"))?.ok_or_else(off);
    }
    let file = match &options.config {
        Some(file) => file.as_path(),
        None if Path::new(USUAL_FILE).exists() => Path::new(USUAL_FILE),
        None => return Ok(config::usual_admin_address()),
    };
    match config::load(file) {
        Ok((config, _)) => config.admin.listen.ok_or_else(off),
        Err(report) => Err(format!(
            "{} does not say where the gateway is; --admin can:\n{}",
            file.display(),
            report.render()
        )),
    }
}

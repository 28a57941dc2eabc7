//! Lines as the configuration has them: where those of the access log go, and how all look. Knows not
//! what is in them.

use std::path::PathBuf;

use super::faults::StartError;
use crate::config::Config;
use crate::config::model::{AccessLog, LogFormat};
use crate::observe::access::{Access, Target};
use crate::observe::line::Form;

/// Opens what access lines go to.
///
/// # Errors
/// [`StartError::AccessLog`] when the file cannot be opened.
pub(super) fn open_access(config: &Config) -> Result<Access, StartError> {
    let (target, path) = match &config.log.access {
        AccessLog::Off => return Ok(Access::off()),
        AccessLog::Stdout => (Target::Stdout, PathBuf::from("stdout")),
        AccessLog::File(path) => (Target::File(path.clone()), path.clone()),
    };
    Access::to(target, form(config.log.format))
        .map_err(|error| StartError::AccessLog { path, error })
}

/// How lines look.
pub(super) fn form(format: LogFormat) -> Form {
    match format {
        LogFormat::Text => Form::Text,
        LogFormat::Json => Form::Json,
    }
}

//! Lines as the configuration has them: where those of the access log go, and how all look. Knows not
//! what is in them.

use std::io;

use crate::config::Config;
use crate::config::model::{AccessLog, LogFormat};
use crate::observe::access::{Access, Target};
use crate::observe::line::Form;

/// Opens what access lines go to.
///
/// # Errors
/// When the file cannot be opened.
pub(super) fn open_access(config: &Config) -> io::Result<Access> {
    let target = match &config.log.access {
        AccessLog::Off => return Ok(Access::off()),
        AccessLog::Stdout => Target::Stdout,
        AccessLog::File(path) => Target::File(path.clone()),
    };
    Access::to(target, form(config.log.format))
}

/// How lines look.
pub(super) fn form(format: LogFormat) -> Form {
    match format {
        LogFormat::Text => Form::Text,
        LogFormat::Json => Form::Json,
    }
}

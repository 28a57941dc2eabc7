//! The log for people who run the gateway: tracing to standard error, as text or JSON.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::line::Form;

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter does not parse.
    #[error("the log level {0:?} is neither a level nor a tracing filter")]
    Filter(String),
    /// Another subscriber is already there.
    #[error("a log is already set up in this process")]
    Taken,
}

/// Sets up the log of the whole process. Only a program does this, never a library or a test.
///
/// # Errors
/// [`LogError`] when `level` does not parse or a log is already there.
pub fn init(level: &str, form: Form) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(level).map_err(|_| LogError::Filter(level.to_owned()))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let set = match form {
        Form::Text => builder.try_init(),
        Form::Json => builder.json().try_init(),
    };
    set.map_err(|_| LogError::Taken)
}

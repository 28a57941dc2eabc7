//! The log for people who run the gateway: tracing to standard error, as text or JSON. An event loop never
//! waits for whoever reads it.

use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;
use std::time::{Duration, SystemTime};

use tracing_subscriber::EnvFilter;

use super::line::Form;
use super::lossy::Lossy;

/// For the last lines to be written at the end of the process.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter does not parse.
    #[error("the log level {0:?} is neither a level nor a tracing filter")]
    Filter(String),
    /// The system has no thread left to write it from.
    #[error("the log cannot be written: {0}")]
    Thread(#[from] io::Error),
    /// Another subscriber is already there.
    #[error("a log is already set up in this process")]
    Taken,
}

/// What has been logged; dropping it waits until that is written, for a second at most.
#[derive(Debug)]
pub struct Log(Lossy);

impl Drop for Log {
    fn drop(&mut self) {
        // Who has not taken them by now takes nothing.
        self.0.settle(LAST_LINES);
    }
}

/// Sets up the log of the whole process, to which panics are told too. Only a program does this, never a library or a test.
/// To be kept until its end.
///
/// # Errors
/// [`LogError`] when `level` does not parse, a log is already there, or there is no thread for it.
pub fn init(level: &str, form: Form) -> Result<Log, LogError> {
    let filter = EnvFilter::try_new(level).map_err(|_| LogError::Filter(level.to_owned()))?;
    let lossy = Lossy::to(io::stderr(), "log", move |lost| gap(form, lost))?;
    let writer = lossy.clone();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || writer.clone())
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let set = match form {
        Form::Text => builder.try_init(),
        Form::Json => builder.json().try_init(),
    };
    set.map_err(|_| LogError::Taken)?;
    std::panic::set_hook(Box::new(tell));
    Ok(Log(lossy))
}

/// The line that stands for lines that were lost.
fn gap(form: Form, lost: u64) -> String {
    let time = humantime::format_rfc3339_micros(SystemTime::now());
    let words = "lines of the log were lost: they were not taken in time";
    match form {
        Form::Text => format!("{time}  WARN {words} lost={lost}\n"),
        Form::Json => {
            let fields = serde_json::json!({ "message": words, "lost": lost });
            let time = time.to_string();
            let line = serde_json::json!({ "timestamp": time, "level": "WARN", "fields": fields });
            format!("{line}\n")
        }
    }
}

/// One line for a panic. It ends the task that it happened in; whose that was, its access line says.
fn tell(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let words = panic.payload_as_str().unwrap_or("no words");
    // Empty unless RUST_BACKTRACE asks for it.
    let backtrace = std::backtrace::Backtrace::capture();
    tracing::error!(place, %backtrace, "panicked: {words}");
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_one_line_of_the_log_with_its_place_and_words() {
        let paper = Paper::default();
        let writer = paper.clone();
        let log = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            tell(panic);
            before(panic);
        }));
        tracing::subscriber::with_default(log, || {
            std::panic::catch_unwind(|| panic!("slipped on {}", 7)).expect_err("it panics");
        });
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).expect("UTF-8");
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(line["level"], "ERROR");
        assert_eq!(line["fields"]["message"], "panicked: slipped on 7");
        let place = line["fields"]["place"].as_str().expect("a place");
        assert!(place.starts_with("src/observe/logging.rs:"), "{place}");
    }
}

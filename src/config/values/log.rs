//! `[log]`: what is printed and where.

use std::path::PathBuf;

use tracing_subscriber::EnvFilter;

use crate::config::model::AccessLog;
use crate::config::values::{Wrong, choice, closest};

/// A level, or a filter of tracing's such as `"info,wsgate=debug"`.
pub fn level(text: &str) -> Result<String, Wrong> {
    // A lone word that is no level would be taken for the name of a module by tracing.
    if !text.contains(['=', ',']) {
        let levels = ["error", "warn", "info", "debug", "trace", "off"].map(|it| (it, it));
        return choice(text, &levels).map(str::to_owned);
    }
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(Wrong::new(format!("`{text}` is not a filter: {error}"))
            .hint("write a level, or e.g. \"info,wsgate=debug\"")),
    }
}

/// `"stdout"`, `"off"` or a file; the path as written.
pub fn access(text: &str) -> Result<AccessLog, Wrong> {
    match text {
        "" => {
            return Err(Wrong::new("the path of a file is missing").hint(
                "write \"stdout\", \"off\" or a path such as \"/var/log/wsgate/access.log\"",
            ));
        }
        "stdout" => return Ok(AccessLog::Stdout),
        "off" => return Ok(AccessLog::Off),
        _ if text.contains(['/', '.']) => return Ok(AccessLog::File(PathBuf::from(text))),
        _ => {}
    }
    let wrong = Wrong::new(format!("`{text}` is neither `stdout` nor `off` nor a file"));
    match closest(text, ["stdout", "off"].into_iter()) {
        Some(word) => Err(wrong.hint(format!("did you mean `{word}`?"))),
        None => Err(wrong.hint(format!("for a file write \"./{text}\""))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_word_or_a_filter() {
        assert_eq!(level("debug").as_deref(), Ok("debug"));
        assert_eq!(level("info,wsgate::relay=trace").as_deref(), Ok("info,wsgate::relay=trace"));
        assert!(level("inof").is_err_and(|it| it.hint.is_some_and(|it| it.contains("info"))));
        assert!(level("wsgate=loud").is_err());
    }

    #[test]
    fn access_lines_go_to_stdout_nowhere_or_a_file() {
        assert_eq!(access("stdout"), Ok(AccessLog::Stdout));
        assert_eq!(access("off"), Ok(AccessLog::Off));
        assert_eq!(access("access.log"), Ok(AccessLog::File("access.log".into())));
        assert!(access("stdot").is_err() && access("syslog").is_err());
        let hint = access("").expect_err("no path").hint.unwrap_or_default();
        assert!(hint.contains("stdout") && !hint.contains("./"), "{hint}");
    }
}

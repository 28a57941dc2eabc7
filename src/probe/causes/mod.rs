//! From what was seen to what a developer can use: what the phone shows, why, and what to do. Pure:
//! nothing here opens or waits.

pub mod answer;
pub mod chain;
pub mod closing;
mod gateway;
mod refusal;
pub mod switch;
pub mod tls;
pub mod way;

use super::report::Finding;

/// A reason for which phones, or some of them, do not connect.
pub(super) fn fatal(stage: &'static str, what: impl Into<String>) -> Draft {
    Draft { fatal: true, stage, what: what.into() }
}

/// A reason to look again, though phones connect.
pub(super) fn warning(stage: &'static str, what: impl Into<String>) -> Draft {
    Draft { fatal: false, stage, what: what.into() }
}

/// A finding that still lacks its words.
pub(super) struct Draft {
    fatal: bool,
    stage: &'static str,
    what: String,
}

impl Draft {
    /// Completes it.
    pub(super) fn told(
        self,
        phone_shows: impl Into<String>,
        cause: impl Into<String>,
        action: impl Into<String>,
    ) -> Finding {
        Finding {
            fatal: self.fatal,
            stage: self.stage,
            what: self.what,
            phone_shows: phone_shows.into(),
            cause: cause.into(),
            action: action.into(),
        }
    }
}

/// Any answer but 101.
pub(super) const INVALID_STATUS: &str = "onError `code:20, msg:Invalid HTTP status.` (newer: \
    errCode 1004, `open fail: _code:20,_msg:Invalid HTTP status.`)";

/// TCP or TLS failed.
pub(super) const TRANSPORT: &str = "onError `code:2, msg:Underlying Transport Error`";

/// The same where devtools sees nothing wrong.
pub(super) const CERTIFICATE: &str = "onError `code:2, msg:Underlying Transport Error`; devtools \
    and debug mode check no certificates and connect";

/// No answer in time.
pub(super) const TIMER: &str = "onError `code:9, msg:Timer Expired`, after 60 s unless \
    `timeout` says otherwise";

/// The whitelist of the console.
pub(super) const WHITELIST: &str =
    "`createSocketTask:fail url not in domain list`; nothing is sent";

/// A stream that ends without a Close frame.
pub(super) const ABNORMAL: &str = "onClose code 1006 `abnormal closure` (iOS: 1001 `Stream end \
    encountered`)";

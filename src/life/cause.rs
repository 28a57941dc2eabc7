//! Why something ended, and which counter that adds to.

use std::fmt;

use super::{Fault, Refusal, Rule, Timer, TlsFault};

/// Why something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An HTTP exchange or a keep-alive connection came to its ordinary end.
    Finished,
    /// A Close frame; the code is 1005 when the frame carried none.
    Close(u16),
    /// The stream ended without a Close frame.
    Fin,
    /// The stream broke: reset, or an error of the network.
    Reset,
    /// A wait ran out.
    Timer(Timer),
    /// The client was turned away.
    Refusal(Refusal),
    /// The TLS handshake failed.
    Tls(TlsFault),
    /// The backend failed.
    Backend(Fault),
    /// A frame broke a rule of RFC 6455.
    Protocol(Rule),
    /// A message was longer than `limits.message_size`.
    MessageTooBig,
    /// The gateway is being stopped, or the route went away.
    Drained,
    /// Somebody asked the gateway to close it.
    Ordered,
    /// A second signal, or the end of the drain: cut.
    Stopped,
    /// The gateway made a mistake: what was under way here was given up, and nothing else.
    Panicked,
}

impl Cause {
    /// How many different causes are counted: one counter for each [`Cause::index`].
    pub const COUNT: usize = TIMERS
        + Timer::ALL.len()
        + Refusal::ALL.len()
        + TlsFault::ALL.len()
        + Fault::ALL.len()
        + Rule::ALL.len();

    /// One of each that is counted, in the order of [`Cause::index`].
    pub fn every() -> impl Iterator<Item = Self> {
        let plain = [
            Self::Finished,
            Self::Close(CODE_OF_ALL),
            Self::Fin,
            Self::Reset,
            Self::MessageTooBig,
            Self::Drained,
            Self::Stopped,
            Self::Ordered,
            Self::Panicked,
        ];
        let named = Timer::ALL.iter().map(|it| Self::Timer(*it));
        let named = named.chain(Refusal::ALL.iter().map(|it| Self::Refusal(*it)));
        let named = named.chain(TlsFault::ALL.iter().map(|it| Self::Tls(*it)));
        let named = named.chain(Fault::ALL.iter().map(|it| Self::Backend(*it)));
        plain.into_iter().chain(named).chain(Rule::ALL.iter().map(|it| Self::Protocol(*it)))
    }

    /// The name of its counter: as it is displayed, but `close` without a code.
    pub fn label(self) -> String {
        match self {
            Self::Close(_) => "close".to_owned(),
            other => other.to_string(),
        }
    }

    /// The place of this cause among the counters; all close codes share one.
    pub const fn index(self) -> usize {
        const REFUSALS: usize = TIMERS + Timer::ALL.len();
        const TLS: usize = REFUSALS + Refusal::ALL.len();
        const FAULTS: usize = TLS + TlsFault::ALL.len();
        const RULES: usize = FAULTS + Fault::ALL.len();
        match self {
            Self::Finished => 0,
            Self::Close(_) => 1,
            Self::Fin => 2,
            Self::Reset => 3,
            Self::MessageTooBig => 4,
            Self::Drained => 5,
            Self::Stopped => 6,
            Self::Ordered => 7,
            Self::Panicked => 8,
            Self::Timer(it) => TIMERS + it as usize,
            Self::Refusal(it) => REFUSALS + it as usize,
            Self::Tls(it) => TLS + it as usize,
            Self::Backend(it) => FAULTS + it as usize,
            Self::Protocol(it) => RULES + it as usize,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("finished"),
            Self::Close(code) => write!(f, "close:{code}"),
            Self::Fin => f.write_str("fin"),
            Self::Reset => f.write_str("reset"),
            Self::Timer(it) => write!(f, "timer:{}", it.name()),
            Self::Refusal(it) => write!(f, "refused:{}", it.name()),
            Self::Tls(it) => write!(f, "tls:{}", it.name()),
            Self::Backend(it) => write!(f, "backend:{}", it.name()),
            Self::Protocol(it) => write!(f, "protocol:{}", it.name()),
            Self::MessageTooBig => f.write_str("message_too_big"),
            Self::Drained => f.write_str("drained"),
            Self::Ordered => f.write_str("ordered"),
            Self::Stopped => f.write_str("stopped"),
            Self::Panicked => f.write_str("panicked"),
        }
    }
}

/// Stands for every close code where they are counted as one.
const CODE_OF_ALL: u16 = 1000;

/// The first counter of the timers; the plain causes stand before it.
const TIMERS: usize = 9;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_cause_has_a_counter_and_a_label_of_its_own() {
        let places: Vec<usize> = Cause::every().map(Cause::index).collect();
        assert_eq!(places, (0..Cause::COUNT).collect::<Vec<_>>());
        let labels: BTreeSet<String> = Cause::every().map(Cause::label).collect();
        assert_eq!(labels.len(), Cause::COUNT);
        assert!(!labels.iter().any(|it| it.contains("1000")), "{labels:?}");
    }
}

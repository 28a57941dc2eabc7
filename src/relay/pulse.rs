//! When silence is death. Pure: the time is an argument, the bytes are somebody else's.

use std::time::Duration;

use tokio::time::Instant;

/// The heartbeat rule of one side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulse {
    ping: Option<Duration>,
    timeout: Option<Duration>,
}

/// What was sent to a side to make it speak.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pinged {
    /// A ping is queued, behind a frame or a full socket.
    pub waiting: bool,
    /// When the first ping since the side was last heard left for the socket.
    pub first: Option<Instant>,
    /// When the latest one did.
    pub last: Option<Instant>,
}

/// What is to be done about a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing yet.
    Alive,
    /// Ask it for a sign of life.
    Ping,
    /// It is gone.
    Dead,
}

impl Pulse {
    /// `None` is off. With both, the timeout is the longer one.
    pub(super) fn new(ping: Option<Duration>, timeout: Option<Duration>) -> Self {
        Self { ping, timeout }
    }

    /// Judges a side that was last heard at `heard`.
    pub(super) fn look(&self, now: Instant, heard: &Instant, pinged: Pinged) -> Verdict {
        if self.dead_at(heard, pinged).is_some_and(|at| now >= at) {
            return Verdict::Dead;
        }
        match self.ping_at(heard, pinged) {
            Some(at) if now >= at && !pinged.waiting => Verdict::Ping,
            _ => Verdict::Alive,
        }
    }

    /// When to look again.
    pub(super) fn due(&self, now: Instant, heard: &Instant, pinged: Pinged) -> Option<Instant> {
        // While a ping waits to be sent there is no verdict: look again a period later.
        let ping = match pinged.waiting {
            true => self.ping.map(|every| now + every),
            false => self.ping_at(heard, pinged),
        };
        [ping, self.dead_at(heard, pinged)].into_iter().flatten().min()
    }

    /// With pings, only one that was really sent and has had its time can prove a death: after a
    /// pause of the whole machine everybody looks silent, and nobody has been asked.
    fn dead_at(&self, heard: &Instant, pinged: Pinged) -> Option<Instant> {
        let timeout = self.timeout?;
        match self.ping {
            None => Some(*heard + timeout),
            Some(ping) => {
                let asked = pinged.first.filter(|at| at >= heard)?;
                Some((*heard + timeout).max(asked + timeout.saturating_sub(ping)))
            }
        }
    }

    fn ping_at(&self, heard: &Instant, pinged: Pinged) -> Option<Instant> {
        let latest = pinged.last.map_or(*heard, |last| last.max(*heard));
        Some(latest + self.ping?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn sent(at: Instant) -> Pinged {
        Pinged { waiting: false, first: Some(at), last: Some(at) }
    }

    #[test]
    fn a_silent_side_is_asked_and_then_dead_at_its_timeout() {
        let pulse = Pulse::new(Some(25 * S), Some(60 * S));
        let heard = Instant::now();
        let never = Pinged::default();
        assert_eq!(pulse.look(heard + 24 * S, &heard, never), Verdict::Alive);
        assert_eq!(pulse.due(heard, &heard, never), Some(heard + 25 * S));
        assert_eq!(pulse.look(heard + 25 * S, &heard, never), Verdict::Ping);
        let asked = sent(heard + 25 * S);
        assert_eq!(pulse.look(heard + 49 * S, &heard, asked), Verdict::Alive);
        assert_eq!(pulse.look(heard + 50 * S, &heard, asked), Verdict::Ping, "once more");
        let twice = Pinged { last: Some(heard + 50 * S), ..asked };
        assert_eq!(pulse.look(heard + 59 * S, &heard, twice), Verdict::Alive);
        assert_eq!(pulse.due(heard + 50 * S, &heard, twice), Some(heard + 60 * S));
        assert_eq!(pulse.look(heard + 60 * S, &heard, twice), Verdict::Dead);
    }

    #[test]
    fn nobody_is_dead_who_was_not_asked() {
        let pulse = Pulse::new(Some(25 * S), Some(60 * S));
        let heard = Instant::now();
        let woken = heard + 3600 * S; // the machine slept an hour
        assert_eq!(pulse.look(woken, &heard, Pinged::default()), Verdict::Ping);
        assert_eq!(pulse.look(woken + 34 * S, &heard, sent(woken)), Verdict::Ping);
        assert_eq!(pulse.look(woken + 35 * S, &heard, sent(woken)), Verdict::Dead);
        let queued = Pinged { waiting: true, ..Pinged::default() };
        assert_eq!(pulse.look(woken + 99 * S, &heard, queued), Verdict::Alive, "not sent yet");
        let later = woken + 99 * S;
        assert_eq!(pulse.due(later, &heard, queued), Some(later + 25 * S), "however long it waits");
    }

    #[test]
    fn an_answer_starts_everything_anew() {
        let pulse = Pulse::new(Some(25 * S), Some(60 * S));
        let begun = Instant::now();
        let asked = sent(begun + 25 * S);
        let heard = begun + 26 * S;
        assert_eq!(pulse.look(begun + 50 * S, &heard, asked), Verdict::Alive);
        assert_eq!(pulse.look(begun + 51 * S, &heard, asked), Verdict::Ping);
        assert_eq!(pulse.look(begun + 90 * S, &heard, asked), Verdict::Ping, "not dead");
    }

    #[test]
    fn without_pings_the_timeout_alone_decides() {
        let pulse = Pulse::new(None, Some(60 * S));
        let heard = Instant::now();
        assert_eq!(pulse.look(heard + 59 * S, &heard, Pinged::default()), Verdict::Alive);
        assert_eq!(pulse.look(heard + 60 * S, &heard, Pinged::default()), Verdict::Dead);
        let off = Pulse::new(None, None);
        assert_eq!(off.look(heard + 9999 * S, &heard, Pinged::default()), Verdict::Alive);
        assert_eq!(off.due(heard, &heard, Pinged::default()), None);
    }
}

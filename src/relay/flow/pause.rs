//! A source that is too fast: whether the next piece may go, and what is kept while it may not.

use tokio::time::Instant;

use super::{Broken, Flow};
use crate::relay::tempo::Verdict;

impl Flow {
    /// Keeps what cannot be passed yet.
    pub(super) fn put_back(&mut self, rest: &[u8]) {
        let mut tail = rest.to_vec();
        // There may be a piece behind this one that has not been looked at either.
        tail.extend_from_slice(self.carry.left());
        self.carry.replace(&tail);
    }

    /// Whether the source is not to be read now, for it was too fast.
    pub(super) fn is_paused(&mut self, now: Instant) -> bool {
        self.paused = self.paused.filter(|until| now < *until);
        self.paused.is_some()
    }

    /// Whether the source's rate lets the piece at the front of `buf` go on now.
    pub(super) fn may_go(
        &mut self,
        buf: &[u8],
        border: bool,
        now: Instant,
    ) -> Result<bool, Broken> {
        let Some(tempo) = &self.tempo else { return Ok(true) };
        match tempo.judge(buf, border, now) {
            Verdict::Goes => Ok(true),
            Verdict::Waits(until) => {
                self.paused = Some(until);
                Ok(false)
            }
            Verdict::TooFast(refusal) => Err(Broken::TooFast(refusal)),
        }
    }
}

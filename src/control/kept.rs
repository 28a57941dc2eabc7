//! How much memory the allocator keeps that nobody uses: freed, still resident, and taken first by whoever
//! allocates next. Knows nothing of budgets.

use tokio::time::Instant;

/// glibc walks through all that is free, 0.2 s for half a million pieces, and meanwhile nobody allocates where
/// it walks. So it is asked again only when this many times what the last walk took has passed.
const RESTS: u32 = 100;

/// What the allocator said last.
#[derive(Debug, Default)]
pub(super) struct Kept {
    bytes: u64,
    /// Until when that is good enough.
    good: Option<Instant>,
}

impl Kept {
    /// Bytes that it keeps, as it says now or said a moment ago. 0 where it does not say: musl's gives
    /// back most of what is freed.
    pub(super) fn bytes(&mut self) -> u64 {
        let now = Instant::now();
        if self.good.is_none_or(|good| now >= good) {
            self.bytes = free_bytes().unwrap_or_default();
            let done = Instant::now();
            self.good = Some(done + (done - now) * RESTS);
        }
        self.bytes
    }
}

#[cfg(target_env = "gnu")]
fn free_bytes() -> Option<u64> {
    use malloc_info::info::TotalType::{Fast, Rest};
    let told = malloc_info::malloc_info()
        .inspect_err(|error| tracing::debug!(%error, "the allocator does not say what is free"))
        .ok()?;
    let free = told.total.iter().filter(|it| matches!(it.r#type, Fast | Rest));
    u64::try_from(free.map(|it| it.size).sum::<usize>()).ok()
}

#[cfg(not(target_env = "gnu"))]
fn free_bytes() -> Option<u64> {
    None
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;

    const PIECE: usize = 16 * 1024;
    const PIECES: usize = 2048;

    #[test]
    fn what_is_freed_between_what_is_used_is_kept() {
        let mut pieces: Vec<Option<Vec<u8>>> = (0..PIECES).map(|_| Some(vec![1; PIECE])).collect();
        let before = free_bytes().expect("glibc says it");
        for piece in pieces.iter_mut().step_by(2) {
            *piece = None;
        }
        let freed = (PIECES / 2 * PIECE) as u64;
        let after = free_bytes().expect("glibc says it");
        // Other tests allocate and free meanwhile.
        assert!(after > before + freed / 2, "{before} {after}");
        drop(pieces);
    }
}

//! The one read buffer of a thread. Sockets borrow it while they are polled, so that a sleeping
//! one owns none.

use std::cell::RefCell;

/// Bytes read at once: four full TLS records.
pub(super) const SCRATCH: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lends the thread's buffer to `work`. A second loan inside the first gets a buffer of its own.
pub(super) fn lend<T>(work: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut buffer = BUFFER.take();
    buffer.resize(SCRATCH, 0);
    let result = work(&mut buffer);
    BUFFER.set(buffer);
    result
}

//! The buffers of a thread that TLS works in. Streams borrow them while they are polled, so that a
//! sleeping one owns none.

use std::cell::RefCell;

/// For records that come in: four full ones, and the longest handshake message before them.
pub(super) const INCOMING: usize = 160 * 1024;

/// For records that go out.
pub(super) const OUTGOING: usize = 68 * 1024;

thread_local! {
    static IN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static OUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lends the buffer for what comes in.
pub(super) fn lend_incoming<T>(work: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut buffer = IN.take();
    buffer.resize(INCOMING, 0);
    let result = work(&mut buffer);
    IN.set(buffer);
    result
}

/// Lends the buffer for what goes out.
pub(super) fn lend_outgoing<T>(work: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut buffer = OUT.take();
    buffer.resize(OUTGOING, 0);
    let result = work(&mut buffer);
    OUT.set(buffer);
    result
}

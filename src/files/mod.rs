//! A folder on disk as answers to GET and HEAD: which file a path means, what the conditions, ranges
//! and encodings of a request make of it, and its body piece by piece. Knows nothing of routes, of
//! who asks, or of how an answer leaves.
//!
//! A request walks: `path` (no dotfile) -> `disk` (opened below the root or not at all) ->
//! `conditions` -> `ranges` or `compress` -> `body`. Whatever touches the disk does so outside the
//! event loop.

mod body;
mod compress;
mod conditions;
mod disk;
mod encoding;
mod find;
mod folder;
mod kind;
mod ranges;
mod respond;

pub use body::{BodyFault, FileBody};
pub use find::{Absent, look_at};
pub use folder::{Answer, Ask, Denied, Folder};

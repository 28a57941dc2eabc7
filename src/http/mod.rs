//! HTTP/1.1 and HTTP/2 from the client's first request to the last, or to the switch of protocols. Knows the
//! backends through `upstream` only, and nothing of frames or of who accepted the connection.
//!
//! A request walks: `head` (one meaning or refused) -> `site` and `router` (which route) ->
//! `admission` (who may come) -> `upgrade` or `forward` or `here` -> `reply`.

mod accept;
pub mod admission;
mod admitted;
pub mod affinity;
mod answer;
pub mod client_ip;
mod clock;
mod diagnosis;
mod dress;
mod errors;
mod files;
mod forward;
pub mod forwarded;
mod found;
mod guard;
pub mod handshake;
mod head;
mod here;
pub mod hop_by_hop;
pub mod host;
mod http2;
mod leg;
pub mod mini_program;
mod notes;
pub mod origin;
mod outbound;
mod pages;
mod passing;
pub mod path;
mod places;
mod plain;
mod recorded;
mod reply;
pub mod router;
mod serve;
mod site;
mod spelling;
#[cfg(test)]
mod testing;
mod turn;
mod upgrade;
mod upload;
mod words;

pub use http2::{Host, serve_http2};
pub use pages::{PageError, inspect_pages};
pub use places::Place;
pub use plain::PlainDoor;
pub use reply::curt_denial;
pub use serve::{Door, Served, Switched, Terms, Visit, client_name, serve};
pub use site::{Leads, Route, Sites};
pub use spelling::{Spelling, SpellingError};

//! The admin listener over real sockets: what it answers, whom it refuses, what it lets go.

mod asking;
mod figures;
mod lifetime;
mod metrics;
mod orders;
mod page;
mod promtool;
mod terminal;

use serde_json::Value;
use wsgate::config::model::ListenAddress;

use crate::house::{HOST, House, https_listener, site};

/// A gateway with an admin listener on a free port; `routes` and `settings` are the test's.
pub async fn house(settings: &str, routes: &str) -> House {
    House::with(&text("127.0.0.1:0", settings, routes)).await
}

pub fn text(listen: &str, settings: &str, routes: &str) -> String {
    let site = site(HOST);
    format!("{settings}[admin]\nlisten = \"{listen}\"\n{}{site}{routes}", https_listener())
}

/// Where its admin listener is.
pub fn window(house: &House) -> ListenAddress {
    house.gateway.admin_address().expect("it has one").clone()
}

/// The status as JSON.
pub async fn status(house: &House) -> Value {
    asking::json(&window(house), "GET", "/api/status").await.1
}

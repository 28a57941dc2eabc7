//! Backends on fixed addresses that can be killed and come back.

use std::net::SocketAddr;
use std::time::Duration;

use crate::house::backend::{Backend, say, switching};
use crate::house::client::Client;
use crate::house::frames::{self, BINARY};
use crate::house::program::free_address;
use crate::house::route;

/// Bytes of a message of the flood.
const MESSAGE: usize = 16 * 1024;

pub struct Backends {
    echo: Option<Backend>,
    address: SocketAddr,
    flood: Backend,
}

impl Backends {
    pub async fn start() -> Self {
        let address = free_address();
        let echo = Some(Backend::at(address, |client| say(client, "")).await);
        Self { echo, address, flood: Backend::new(flood).await }
    }

    /// The routes to them.
    pub fn routes(&self) -> String {
        let echo = self.echo.as_ref().expect("not killed yet");
        format!("{}{}{}", route("/echo", echo), route("/plain", echo), route("/flood", &self.flood))
    }

    /// Ends the echo with all its connections, and starts it again.
    pub async fn kill(&mut self) {
        drop(self.echo.take());
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.echo = Some(Backend::at(self.address, |client| say(client, "")).await);
    }
}

/// Sends as fast as it is taken, until nobody takes it.
async fn flood(mut client: Client) {
    client.head().await;
    client.send(switching("")).await;
    let message = frames::bare(BINARY, vec![7; MESSAGE]);
    while client.push(&message).await.is_ok() {}
}

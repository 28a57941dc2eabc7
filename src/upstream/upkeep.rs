//! What is done for a pool whether anybody comes or not: names are looked up again, and servers
//! are asked how they are.

use std::future::pending;
use std::time::Duration;

use futures_util::future::join_all;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::connect::Parties;
use super::pool::Pool;
use super::server::{Server, Target};
use super::wire::{Wire, no_body};
use crate::config::model::Health;
use crate::life::{Timer, within};

impl Pool {
    /// Whether there is anything to do: a name to look up, or servers to check.
    pub fn needs_upkeep(&self) -> bool {
        self.roster.has_names() || self.health.is_some()
    }

    /// Looks after the pool; ends only by being dropped.
    pub async fn upkeep(&self) {
        let mut resolve = every(self.roster.has_names().then_some(self.resolve_every));
        let mut check = every(self.health.as_ref().map(|it| it.every));
        loop {
            tokio::select! {
                () = tick(&mut resolve) => self.roster.resolve(self.way.limit).await,
                () = tick(&mut check) => self.check_all().await,
            }
        }
    }

    /// Asks every server at once.
    async fn check_all(&self) {
        let Some(rule) = &self.health else { return };
        let members = self.roster.members();
        join_all(members.iter().map(|it| self.check(&it.server, rule))).await;
    }

    async fn check(&self, server: &Server, rule: &Health) {
        let asked = within(Some(rule.timeout), Timer::Health, self.ask_server(server, rule)).await;
        let found = match asked {
            Ok(Ok(status)) if status.is_success() || status.is_redirection() => Ok(()),
            Ok(Ok(status)) => Err(format!("it answered {status}")),
            Ok(Err(why)) => Err(why),
            Err(elapsed) => Err(elapsed.to_string()),
        };
        server.checked(&self.name, &found, rule);
    }

    /// One GET over a connection of its own.
    async fn ask_server(&self, server: &Server, rule: &Health) -> Result<StatusCode, String> {
        let stream =
            self.way.dial(server, Parties::default()).await.map_err(|error| error.to_string())?;
        let host = match (&server.tls, &server.target) {
            (Some(name), _) => name.clone(),
            (None, Target::Tcp(address)) => address.to_string(),
            (None, Target::Unix(_)) => "localhost".to_owned(),
        };
        let request = Request::get(rule.path.as_str())
            .header(HOST, host)
            .header(USER_AGENT, "wsgate health check")
            .header(CONNECTION, "close")
            .body(no_body())
            .map_err(|error| error.to_string())?;
        let wire = Wire::open(stream).await.map_err(|error| error.to_string())?;
        let answer = wire.send(request).await.map_err(|error| error.to_string())?;
        Ok(answer.head.status)
    }
}

fn every(period: Option<Duration>) -> Option<Interval> {
    let mut ticks = interval(period?);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Some(ticks)
}

async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => {
            ticks.tick().await;
        }
        None => pending().await,
    }
}

//! What is done for a pool whether anybody comes or not: names are looked up again, and servers
//! are asked how they are. It ends with the pool.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::connect::{Parties, Way};
use super::member::Member;
use super::pool::Pool;
use super::roster::Roster;
use super::wire::{Wire, no_body};
use crate::config::model::Health;
use crate::life::{Timer, within};

/// What of a pool is looked after. Whoever does so has no part in the pool, which can end.
#[derive(Debug)]
pub(super) struct Charge {
    pub(super) name: String,
    pub(super) roster: Roster,
    pub(super) way: Way,
    pub(super) health: Option<Health>,
    pub(super) resolve_every: Duration,
    /// Rings when the names are wanted sooner.
    pub(super) sooner: Notify,
}

impl Pool {
    /// Whether there is anything to do: a name to look up, or servers to check.
    pub fn needs_upkeep(&self) -> bool {
        self.charge.roster.has_names() || self.charge.health.is_some()
    }

    /// Looks after the pool until nobody has it any more: a connection that began before a reload has
    /// its old pool until it ends.
    pub fn upkeep(&self) -> impl Future<Output = ()> + Send + 'static {
        let (charge, mut in_use) = (Arc::clone(&self.charge), self.in_use.subscribe());
        async move {
            tokio::select! {
                _ = join(charge.follow_names(), charge.check_on()) => {}
                // Fails when the other end is dropped, and nothing is ever sent.
                _ = in_use.changed() => {}
            }
        }
    }

    /// Has whoever looks after it look its names up now.
    pub fn look_up_soon(&self) {
        self.charge.sooner.notify_one();
    }
}

impl Charge {
    async fn follow_names(&self) {
        let mut ticks = every(self.roster.has_names().then_some(self.resolve_every));
        loop {
            tokio::select! {
                () = tick(&mut ticks) => {}
                () = self.sooner.notified() => {}
            }
            self.roster.resolve(self.way.limit).await;
        }
    }

    async fn check_on(&self) {
        let Some(rule) = &self.health else { return pending().await };
        let mut ticks = every(Some(rule.every));
        loop {
            tick(&mut ticks).await;
            let members = self.roster.members();
            // Every server at once.
            join_all(members.iter().map(|it| self.check(it, rule))).await;
        }
    }

    async fn check(&self, member: &Member, rule: &Health) {
        let asked = within(Some(rule.timeout), Timer::Health, self.ask(member, rule)).await;
        let found = match asked {
            Ok(Ok(status)) if status.is_success() || status.is_redirection() => Ok(()),
            Ok(Ok(status)) => Err(format!("it answered {status}")),
            Ok(Err(why)) => Err(why),
            Err(elapsed) => Err(elapsed.to_string()),
        };
        member.checked(&self.name, &found, rule);
    }

    /// One GET over a connection of its own.
    async fn ask(&self, member: &Member, rule: &Health) -> Result<StatusCode, String> {
        let stream = self
            .way
            .dial(&member.server, Parties::default())
            .await
            .map_err(|error| error.to_string())?;
        let request = Request::get(rule.path.as_str())
            .header(HOST, member.host.as_str())
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

#[cfg(test)]
#[path = "upkeep_tests.rs"]
mod tests;

//! Who is in a pool just now: the servers of the configuration, every name with each of its
//! addresses. Knows nothing of how one of them is chosen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::member::Member;
use super::names::Names;
use super::resolver::Resolver;
use super::server::{Server, Target};
use crate::config::model::{self, Backend, ServerAddress};
use crate::life::{Timer, within};

/// The members of one pool.
#[derive(Debug)]
pub(super) struct Roster {
    pool: String,
    configured: Vec<model::Server>,
    /// The name that certificates must have, where it is not the server's own.
    server_name: Option<String>,
    members: ArcSwap<Vec<Member>>,
    names: Names,
    /// Held while names are looked up: who comes meanwhile waits for the answer.
    looking: tokio::sync::Mutex<()>,
    /// How often they were, so that whoever has waited knows that there was an answer.
    looked: AtomicU64,
}

impl Roster {
    /// The members of `backend`; servers that `previous` has at the same address stay the same. What
    /// checks have found of them holds on where there are checks.
    pub(super) fn new(backend: &Backend, previous: Option<&Self>, resolver: &Resolver) -> Self {
        let roster = Self {
            pool: backend.name.clone(),
            configured: backend.servers.clone(),
            server_name: backend.tls.server_name.clone(),
            members: ArcSwap::default(),
            names: Names::new(backend, previous.map(|it| &it.names), resolver),
            looking: tokio::sync::Mutex::default(),
            looked: AtomicU64::new(0),
        };
        let before = previous.map(Self::members).unwrap_or_default();
        let checked = backend.health.is_some();
        let members = roster.gather(&before).into_iter().map(|it| it.own_checks(checked));
        roster.members.store(Arc::new(members.collect()));
        roster
    }

    /// Everybody who is in it now.
    pub(super) fn members(&self) -> Arc<Vec<Member>> {
        self.members.load_full()
    }

    /// Whether a server is written as a name.
    pub(super) fn has_names(&self) -> bool {
        self.names.any()
    }

    /// Everybody who is in it now. When nobody is, because no name was looked up yet or none had
    /// an address, the names are looked up first; of all who come meanwhile one does it for all.
    /// Waits twice `limit` at most.
    pub(super) async fn some_members(&self, limit: Duration) -> Arc<Vec<Member>> {
        if !self.members().is_empty() || !self.has_names() {
            return self.members();
        }
        let looked = self.looked.load(Ordering::Acquire);
        if let Ok(_first) = within(Some(limit), Timer::Connect, self.looking.lock()).await
            && looked == self.looked.load(Ordering::Acquire)
            && self.members().is_empty()
        {
            self.look_up(limit).await;
        }
        self.members()
    }

    /// Looks every name up again. What a name no longer stands for gets nothing new; a name that
    /// cannot be looked up keeps what it stood for.
    pub(super) async fn resolve(&self, limit: Duration) {
        let _first = self.looking.lock().await;
        self.look_up(limit).await;
    }

    async fn look_up(&self, limit: Duration) {
        self.names.look_up(limit).await;
        let before = self.members();
        let after = self.gather(&before);
        let names = |it: &[Member]| it.iter().map(|it| it.server.name.clone()).collect::<Vec<_>>();
        if names(&before) != names(&after) {
            tracing::info!(
                backend = self.pool,
                servers = names(&after).join(", "),
                "the servers changed"
            );
            self.members.store(Arc::new(after));
        }
        self.looked.fetch_add(1, Ordering::Release);
    }

    fn gather(&self, before: &[Member]) -> Vec<Member> {
        let mut members: Vec<Member> = Vec::new();
        for written in &self.configured {
            let tls = written.tls.then(|| self.tls_name(&written.address.value));
            for target in self.targets(&written.address.value) {
                if members.iter().any(|it| it.server.target == target) {
                    continue;
                }
                let same = |it: &&Member| it.server.target == target && it.server.tls == tls;
                members.push(match before.iter().find(same) {
                    Some(old) => Member::new(Arc::clone(&old.server), written).sharing_checks(old),
                    None => Member::new(Arc::new(Server::new(target, tls.clone())), written),
                });
            }
        }
        members
    }

    fn targets(&self, address: &ServerAddress) -> Vec<Target> {
        match address {
            ServerAddress::Unix(path) => vec![Target::Unix(path.clone())],
            tcp => self.names.addresses(tcp).into_iter().map(Target::Tcp).collect(),
        }
    }

    fn tls_name(&self, address: &ServerAddress) -> String {
        match (&self.server_name, address) {
            (Some(name), _) => name.clone(),
            (None, ServerAddress::Tcp { host, .. }) => host.trim_end_matches('.').to_owned(),
            (None, ServerAddress::Unix(_)) => String::new(),
        }
    }
}

#[cfg(test)]
#[path = "roster_tests.rs"]
pub(super) mod tests;

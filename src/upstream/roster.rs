//! Who is in a pool just now: the servers of the configuration, every name with each of its
//! addresses. Knows nothing of how one of them is chosen.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::server::{Member, Server, Target};
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
    /// What each name stood for when it was last looked up.
    known: Mutex<Known>,
    /// Held while names are looked up: who comes meanwhile waits for the answer.
    looking: tokio::sync::Mutex<()>,
}

type Known = HashMap<ServerAddress, Vec<SocketAddr>>;

impl Roster {
    /// The members of `backend`; servers that `previous` has at the same address stay the same.
    pub(super) fn new(backend: &Backend, previous: Option<&Self>) -> Self {
        let known = previous.map(|it| it.known().clone()).unwrap_or_default();
        let roster = Self {
            pool: backend.name.clone(),
            configured: backend.servers.clone(),
            server_name: backend.tls.server_name.clone(),
            members: ArcSwap::default(),
            known: Mutex::new(known),
            looking: tokio::sync::Mutex::default(),
        };
        let before = previous.map(Self::members).unwrap_or_default();
        roster.members.store(Arc::new(roster.gather(&before)));
        roster
    }

    /// Everybody who is in it now.
    pub(super) fn members(&self) -> Arc<Vec<Member>> {
        self.members.load_full()
    }

    /// Whether a server is written as a name.
    pub(super) fn has_names(&self) -> bool {
        self.names_written().next().is_some()
    }

    /// Everybody who is in it now. When nobody is, because no name was looked up yet or none had
    /// an address, the names are looked up first.
    pub(super) async fn some_members(&self, limit: Duration) -> Arc<Vec<Member>> {
        if !self.members().is_empty() || !self.has_names() {
            return self.members();
        }
        let _first = self.looking.lock().await;
        if self.members().is_empty() {
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
        for (address, host, port) in self.names_written() {
            match look_up(host, port, limit).await {
                Ok(found) => {
                    self.known().insert(address.clone(), found);
                }
                Err(error) => {
                    tracing::warn!(backend = self.pool, host, %error, "the name cannot be looked up");
                }
            }
        }
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
    }

    fn names_written(&self) -> impl Iterator<Item = (&ServerAddress, &str, u16)> {
        self.configured.iter().filter_map(|it| match &it.address.value {
            ServerAddress::Tcp { host, port } if host.parse::<IpAddr>().is_err() => {
                Some((&it.address.value, host.as_str(), *port))
            }
            _ => None,
        })
    }

    fn gather(&self, before: &[Member]) -> Vec<Member> {
        let known = self.known();
        let mut members: Vec<Member> = Vec::new();
        for written in &self.configured {
            let tls = written.tls.then(|| self.tls_name(&written.address.value));
            for target in targets(&written.address.value, &known) {
                if members.iter().any(|it| it.server.target == target) {
                    continue;
                }
                let same = |it: &&Member| it.server.target == target && it.server.tls == tls;
                let server = match before.iter().find(same) {
                    Some(old) => Arc::clone(&old.server),
                    None => Arc::new(Server::new(target, tls.clone())),
                };
                members.push(Member { server, weight: written.weight, backup: written.backup });
            }
        }
        members
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tls_name(&self, address: &ServerAddress) -> String {
        match (&self.server_name, address) {
            (Some(name), _) => name.clone(),
            (None, ServerAddress::Tcp { host, .. }) => host.trim_end_matches('.').to_owned(),
            (None, ServerAddress::Unix(_)) => String::new(),
        }
    }
}

fn targets(address: &ServerAddress, known: &Known) -> Vec<Target> {
    match address {
        ServerAddress::Unix(path) => vec![Target::Unix(path.clone())],
        ServerAddress::Tcp { host, port } => match host.parse::<IpAddr>() {
            Ok(ip) => vec![Target::Tcp(SocketAddr::new(ip, *port))],
            Err(_) => known.get(address).into_iter().flatten().map(|it| Target::Tcp(*it)).collect(),
        },
    }
}

/// Every address of a name, always in the same order.
async fn look_up(host: &str, port: u16, limit: Duration) -> io::Result<Vec<SocketAddr>> {
    let looking = within(Some(limit), Timer::Connect, tokio::net::lookup_host((host, port))).await;
    let found = looking.map_err(|elapsed| io::Error::new(io::ErrorKind::TimedOut, elapsed))??;
    let mut found: Vec<SocketAddr> = found.take(ADDRESSES_MOST).collect();
    found.sort_unstable();
    found.dedup();
    if found.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(found) }
}

/// Addresses of one name that become servers.
const ADDRESSES_MOST: usize = 64;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn roster(servers: &str, previous: Option<&Roster>) -> Roster {
        let text = format!(
            "[[listeners]]\naddress = \"[::]:443\"\n[backends.a]\nservers = [{servers}]\n[[sites]]\n\
             domains = [\"a.test\"]\ncertificate = \"a\"\nprivate_key = \"b\"\n\
             [[sites.routes]]\npath = \"/\"\nbackend = \"a\"\n"
        );
        let (config, _) = crate::config::parse(Path::new("a.toml"), &text, &|_| None)
            .unwrap_or_else(|report| panic!("{}", report.render()));
        Roster::new(&config.backends[0], previous)
    }

    fn names(roster: &Roster) -> Vec<String> {
        roster.members().iter().map(|it| it.server.name.clone()).collect()
    }

    /// As if the name had been looked up.
    fn stands_for(roster: &Roster, host: &str, addresses: &[&str]) {
        let address = ServerAddress::Tcp { host: host.to_owned(), port: 80 };
        let found = addresses.iter().map(|it| it.parse().expect("an address")).collect();
        roster.known().insert(address, found);
        let next = roster.gather(&roster.members());
        roster.members.store(Arc::new(next));
    }

    #[test]
    fn a_name_is_as_many_servers_as_it_has_addresses() {
        let roster = roster("\"game.internal:80\", \"10.0.0.9:80\"", None);
        assert_eq!(names(&roster), ["10.0.0.9:80"], "not looked up yet");
        stands_for(&roster, "game.internal", &["10.0.0.1:80", "[2001:db8::1]:80", "10.0.0.9:80"]);
        let expected = ["10.0.0.1:80", "[2001:db8::1]:80", "10.0.0.9:80"];
        assert_eq!(names(&roster), expected, "each once");
    }

    #[test]
    fn an_address_that_stays_keeps_its_server() {
        let roster = roster("\"game.internal:80\"", None);
        stands_for(&roster, "game.internal", &["10.0.0.1:80", "10.0.0.2:80"]);
        let lease = roster.members()[1].server.lease(true);
        stands_for(&roster, "game.internal", &["10.0.0.2:80", "10.0.0.3:80"]);
        assert_eq!(names(&roster), ["10.0.0.2:80", "10.0.0.3:80"]);
        assert_eq!(roster.members()[0].server.live(), 1, "its socket still counts");
        drop(lease);
    }

    #[test]
    fn a_reload_keeps_servers_and_what_names_stand_for() {
        let before = roster("\"game.internal:80\", \"10.0.0.9:80\"", None);
        stands_for(&before, "game.internal", &["10.0.0.1:80"]);
        let lease = before.members()[1].server.lease(true);
        let after = roster(
            "{ address = \"10.0.0.9:80\", weight = 5 }, \"game.internal:80\"",
            Some(&before),
        );
        assert_eq!(names(&after), ["10.0.0.9:80", "10.0.0.1:80"]);
        assert_eq!((after.members()[0].weight, after.members()[0].server.live()), (5, 1));
        drop(lease);
        let secure = roster("\"https://10.0.0.9:80\"", Some(&before));
        let same = Arc::ptr_eq(&secure.members()[0].server, &before.members()[1].server);
        assert!(!same, "its connections are of another kind");
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_looked_up_keeps_what_it_stood_for() {
        let roster = roster("\"nobody.invalid:80\"", None);
        stands_for(&roster, "nobody.invalid", &["10.0.0.1:80"]);
        roster.resolve(Duration::from_secs(5)).await;
        assert_eq!(names(&roster), ["10.0.0.1:80"]);
    }
}

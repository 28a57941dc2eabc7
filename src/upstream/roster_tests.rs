//! Who is in a pool: names that are looked up, reloads, and many who wait.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use super::*;
use crate::config::model::Config;

/// A configuration whose one pool has these keys.
pub(in crate::upstream) fn config(keys: &str) -> Config {
    let text = format!(
        "[[listeners]]\naddress = \"[::]:443\"\n[backends.a]\n{keys}\n[[sites]]\n\
         domains = [\"a.test\"]\ncertificate = \"a\"\nprivate_key = \"b\"\n\
         [[sites.routes]]\npath = \"/\"\nbackend = \"a\"\n"
    );
    let parsed = crate::config::parse(Path::new("a.toml"), &text, &|_| None);
    parsed.unwrap_or_else(|report| panic!("{}", report.render())).0
}

/// What names stand for, as the test says.
#[derive(Clone, Default)]
pub(in crate::upstream) struct Book(Arc<Mutex<HashMap<String, Vec<SocketAddr>>>>);

impl Book {
    pub(in crate::upstream) fn says(&self, host: &str, addresses: &[&str]) {
        let found = addresses.iter().map(|it| it.parse().expect("an address")).collect();
        self.0.lock().expect("whole").insert(host.to_owned(), found);
    }

    pub(in crate::upstream) fn resolver(&self) -> Resolver {
        let book = self.clone();
        Resolver::new(move |host, _| {
            let found = book.0.lock().expect("whole").get(&host).cloned();
            Box::pin(async { found.ok_or(io::ErrorKind::NotFound.into()) })
        })
    }
}

const LONG: Duration = Duration::from_secs(5);

fn roster(servers: &str, previous: Option<&Roster>, resolver: &Resolver) -> Roster {
    Roster::new(&config(&format!("servers = [{servers}]")).backends[0], previous, resolver)
}

fn names(roster: &Roster) -> Vec<String> {
    roster.members().iter().map(|it| it.server.name.clone()).collect()
}

/// Whose name was looked up and stands for `addresses`.
async fn standing_for(servers: &str, host: &str, addresses: &[&str]) -> (Roster, Book) {
    let book = Book::default();
    let roster = roster(servers, None, &book.resolver());
    book.says(host, addresses);
    roster.resolve(LONG).await;
    (roster, book)
}

#[tokio::test]
async fn a_name_is_as_many_servers_as_it_has_addresses() {
    let book = Book::default();
    let roster = roster("\"game.internal:80\", \"10.0.0.9:80\"", None, &book.resolver());
    assert_eq!(names(&roster), ["10.0.0.9:80"], "not looked up yet");
    book.says("game.internal", &["10.0.0.1:80", "[2001:db8::1]:80", "10.0.0.9:80"]);
    roster.resolve(LONG).await;
    let expected = ["10.0.0.1:80", "10.0.0.9:80", "[2001:db8::1]:80"];
    assert_eq!(names(&roster), expected, "each once");
}

#[tokio::test]
async fn an_address_that_stays_keeps_its_server() {
    let (roster, book) =
        standing_for("\"game.internal:80\"", "game.internal", &["10.0.0.1:80", "10.0.0.2:80"])
            .await;
    let lease = roster.members()[1].server.lease(true);
    book.says("game.internal", &["10.0.0.2:80", "10.0.0.3:80"]);
    roster.resolve(LONG).await;
    assert_eq!(names(&roster), ["10.0.0.2:80", "10.0.0.3:80"]);
    assert_eq!(roster.members()[0].server.live(), 1, "its socket still counts");
    drop(lease);
}

#[tokio::test]
async fn a_reload_keeps_servers_and_what_names_stand_for() {
    let servers = "\"game.internal:80\", \"10.0.0.9:80\"";
    let (before, book) = standing_for(servers, "game.internal", &["10.0.0.1:80"]).await;
    let lease = before.members()[1].server.lease(true);
    let servers = "{ address = \"10.0.0.9:80\", weight = 5 }, \"game.internal:80\"";
    let after = roster(servers, Some(&before), &book.resolver());
    assert_eq!(names(&after), ["10.0.0.9:80", "10.0.0.1:80"]);
    assert_eq!((after.members()[0].weight, after.members()[0].server.live()), (5, 1));
    drop(lease);
    let secure = roster("\"https://10.0.0.9:80\"", Some(&before), &book.resolver());
    let same = Arc::ptr_eq(&secure.members()[0].server, &before.members()[1].server);
    assert!(!same, "its connections are of another kind");
}

#[tokio::test]
async fn a_name_that_cannot_be_looked_up_keeps_what_it_stood_for() {
    let (roster, book) =
        standing_for("\"game.internal:80\"", "game.internal", &["10.0.0.1:80"]).await;
    book.0.lock().expect("whole").clear();
    roster.resolve(LONG).await;
    assert_eq!(names(&roster), ["10.0.0.1:80"]);
}

#[tokio::test]
async fn names_are_looked_up_side_by_side() {
    let (meeting, servers) =
        (Arc::new(tokio::sync::Barrier::new(3)), "\"a.test:80\", \"b.test:80\", \"c.test:80\"");
    let resolver = Resolver::new(move |_, _| {
        let meeting = Arc::clone(&meeting);
        Box::pin(async move {
            meeting.wait().await;
            Ok(vec!["10.0.0.1:80".parse().expect("an address")])
        })
    });
    let roster = roster(servers, None, &resolver);
    roster.resolve(LONG).await;
    assert_eq!(names(&roster), ["10.0.0.1:80"], "one behind another they would never have met");
}

#[tokio::test]
async fn who_waits_for_a_look_up_takes_its_answer_even_when_there_is_none() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let resolver = Resolver::new(move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::pending())
    });
    let roster = roster("\"game.internal:80\"", None, &resolver);
    let limit = Duration::from_millis(200);
    let begun = Instant::now();
    let all = futures_util::future::join_all((0..20).map(|_| roster.some_members(limit))).await;
    assert!(all.iter().all(|it| it.is_empty()));
    assert!(asked.load(Ordering::SeqCst) <= 2, "{asked:?}");
    assert!(begun.elapsed() < 10 * limit, "twenty in a row would take {:?}", 20 * limit);
    assert!(roster.some_members(limit).await.is_empty());
    assert!(asked.load(Ordering::SeqCst) >= 2, "who comes later asks again");
}

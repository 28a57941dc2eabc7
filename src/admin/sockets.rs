//! The live sockets that somebody asks for, in an order, and not too many of them.

use std::cmp::Reverse;
use std::sync::Arc;

use tokio::time::Instant;

use super::Office;
use super::gather::{flow, milliseconds, time};
use super::query::Query;
use super::status::{Connection, Listing, Side};
use crate::observe::live::{Live, Meter};
use crate::observe::sockets::Filter;

/// How many are told of when nobody says how many.
pub const USUAL: usize = 100;

/// Most that are told of at once.
pub const MOST: usize = 1000;

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The youngest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
    /// Most bytes both ways first.
    Busiest,
    /// The client longest unheard first.
    Silent,
}

impl Order {
    /// The one that `sort` calls so.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "newest" => Self::Newest,
            "oldest" => Self::Oldest,
            "busiest" => Self::Busiest,
            "silent" => Self::Silent,
            _ => return None,
        })
    }
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Which.
    pub filter: Filter,
    /// Text that must be in some field, in any letter case.
    pub text: Option<String>,
    /// In which order.
    pub order: Order,
    /// How many at most.
    pub limit: usize,
}

impl Wanted {
    /// Reads the parameters of `/api/connections`.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn of(query: &Query) -> Result<Self, String> {
        let known = ["id", "site", "route", "backend", "client", "q", "sort", "limit"];
        if let Some(words) = query.wrong(&known) {
            return Err(words);
        }
        let order = Order::named(query.value("sort").unwrap_or("newest"))
            .ok_or("`sort` is newest, oldest, busiest or silent")?;
        let limit = match query.value("limit").map(str::parse) {
            None => USUAL,
            Some(Ok(limit @ 1..=MOST)) => limit,
            Some(_) => return Err(format!("`limit` is a number from 1 to {MOST}")),
        };
        let text = query.value("q").map(str::to_lowercase);
        Ok(Self { filter: filter(query)?, text, order, limit })
    }

    fn has(&self, live: &Live) -> bool {
        self.filter.has(live) && self.text.as_ref().is_none_or(|it| mentions(live, it))
    }
}

/// The parameters that say which sockets are meant.
///
/// # Errors
/// When the id cannot be one.
pub fn filter(query: &Query) -> Result<Filter, String> {
    let text = |name| query.value(name).map(str::to_owned);
    let id =
        query.value("id").map(|it| id(it).ok_or("`id` is 16 hexadecimal digits")).transpose()?;
    Ok(Filter {
        id,
        site: text("site"),
        route: text("route"),
        backend: text("backend"),
        client: text("client"),
    })
}

/// An id as access lines have it.
pub fn id(text: &str) -> Option<u64> {
    let is_one = text.len() == 16 && text.bytes().all(|it| it.is_ascii_hexdigit());
    u64::from_str_radix(text, 16).ok().filter(|_| is_one)
}

/// The sockets that are wanted.
pub fn list(office: &Office, wanted: &Wanted) -> Listing {
    let (mut found, matching) = office.books.sockets.list(|it| wanted.has(it), usize::MAX);
    let now = Instant::now();
    match wanted.order {
        Order::Newest => found.sort_by_key(|it| it.age()),
        Order::Oldest => found.sort_by_key(|it| Reverse(it.age())),
        Order::Busiest => {
            found.sort_by_key(|it| Reverse(it.up.flow().bytes + it.down.flow().bytes));
        }
        Order::Silent => found.sort_by_key(|it| Reverse(it.silent_for(&it.up, now))),
    }
    let total = usize::try_from(office.books.metrics.sockets.value()).unwrap_or(usize::MAX);
    let shown = found.iter().take(wanted.limit).map(|it| connection(it, now)).collect();
    // Both are counted for themselves: a socket may come in between.
    Listing { total: total.max(matching), matching, connections: shown }
}

fn connection(live: &Arc<Live>, now: Instant) -> Connection {
    Connection {
        id: format!("{:016x}", live.id),
        site: live.lane.site.to_string(),
        route: live.lane.route.to_string(),
        backend: live.lane.backend.to_string(),
        server: live.server.to_string(),
        host: live.host.to_string(),
        client: live.client.to_string(),
        app: live.app.to_string(),
        origin: live.origin.to_string(),
        since: time(live.since),
        age_s: live.age().as_secs_f64(),
        up: side(live, &live.up, now),
        down: side(live, &live.down, now),
    }
}

fn side(live: &Live, meter: &Meter, now: Instant) -> Side {
    let seen = flow(&meter.flow());
    Side {
        frames: seen.frames,
        messages: seen.messages,
        bytes: seen.bytes,
        silent_s: live.silent_for(meter, now).as_secs_f64(),
        round_trip_ms: meter.round_trip().map(milliseconds),
    }
}

fn mentions(live: &Live, text: &str) -> bool {
    let has = |it: &str| it.to_lowercase().contains(text);
    let lane = &live.lane;
    let fields = [&lane.site, &lane.route, &lane.backend, &live.server, &live.host];
    let more = [&live.client, &live.app, &live.origin];
    fields.into_iter().chain(more).any(|it| has(it)) || format!("{:016x}", live.id).contains(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(query: &str) -> Result<Wanted, String> {
        Wanted::of(&Query::of(Some(query)))
    }

    #[test]
    fn parameters_are_read_and_mistakes_are_named() {
        let it = wanted("backend=game&q=WX01&sort=silent&limit=1000").expect("fine");
        assert_eq!(it.filter.backend.as_deref(), Some("game"));
        assert_eq!((it.text.as_deref(), it.order, it.limit), (Some("wx01"), Order::Silent, 1000));
        assert_eq!(wanted("").expect("nothing is needed").limit, USUAL);
        for (query, word) in [
            ("sort=best", "`sort`"),
            ("limit=0", "`limit`"),
            ("limit=1001", "`limit`"),
            ("limit=many", "`limit`"),
            ("id=7", "`id`"),
            ("backends=a", "`backends`"),
        ] {
            let words = wanted(query).expect_err(query);
            assert!(words.contains(word), "{words}");
        }
    }
}

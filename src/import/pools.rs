//! `upstream` as `[backends.NAME]`. Knows servers and how one of them is chosen, not who asks.

use super::draft::{Pool, Server};
use super::parser::Directive;
use super::scope::Work;
use crate::config::accepts;

/// What a route adds to the pool that it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The servers speak TLS.
    pub tls: bool,
    /// `connect_timeout`
    pub connect_timeout: Option<String>,
    /// `tls`, keys and values.
    pub tls_keys: Vec<(&'static str, String)>,
}

/// The name of the backend for `host`, an upstream or a server (with its port), reached like that.
///
/// # Errors
/// Why there is none, in one line.
pub fn backend(
    host: &str,
    reach: &Reach,
    place: &str,
    work: &mut Work<'_>,
) -> Result<String, String> {
    if let Some(upstream) = work.upstreams.get(host).copied() {
        let pool = pool(upstream, reach, work)?;
        return Ok(shared(pool, work));
    }
    let address = with_scheme(&with_port(host, reach.tls), reach.tls);
    if !accepts::server(&address) || address.contains('$') {
        return Err(format!("`{host}` is not a server that can be named"));
    }
    if reach.connect_timeout.is_none() && reach.tls_keys.is_empty() {
        return Ok(address);
    }
    let mut pool = Pool { name: plain_name(host), remark: place.to_owned(), ..Pool::default() };
    pool.servers.push(Server { address, weight: 1, backup: false });
    extend(&mut pool, reach);
    Ok(shared(pool, work))
}

/// The pool of an upstream.
fn pool(upstream: &Directive, reach: &Reach, work: &mut Work<'_>) -> Result<Pool, String> {
    work.ledger.carried(upstream);
    let mut pool = Pool {
        name: plain_name(upstream.arg(0)),
        remark: upstream.place.to_string(),
        balance: Some("round_robin"),
        ..Pool::default()
    };
    for directive in upstream.children() {
        match directive.name.as_str() {
            "server" => server(directive, reach, &mut pool, work),
            _ => balance(directive, &mut pool, work),
        }
    }
    if pool.servers.is_empty() {
        return Err(format!("upstream `{}` has no server that can be used", upstream.arg(0)));
    }
    if pool.servers.iter().all(|it| it.backup) {
        pool.servers.iter_mut().for_each(|it| it.backup = false);
        work.ledger
            .differs(upstream, "there is nobody whom its backups could stand in for: they serve");
    }
    if pool.servers.len() == 1 {
        (pool.balance, pool.hash_on) = (None, None);
    }
    extend(&mut pool, reach);
    Ok(pool)
}

fn extend(pool: &mut Pool, reach: &Reach) {
    pool.connect_timeout.clone_from(&reach.connect_timeout);
    pool.tls.clone_from(&reach.tls_keys);
}

/// Adds the pool unless it is there; another of its name gets a number.
fn shared(mut pool: Pool, work: &mut Work<'_>) -> String {
    let base = pool.name.clone();
    for number in 2.. {
        match work.draft.pools.iter().find(|it| it.name == pool.name) {
            Some(other) if *other == pool => return pool.name,
            Some(_) => pool.name = format!("{base}-{number}"),
            None => break,
        }
    }
    let name = pool.name.clone();
    work.draft.pools.push(pool);
    name
}

fn server(directive: &Directive, reach: &Reach, pool: &mut Pool, work: &mut Work<'_>) {
    let address = with_scheme(&with_port(directive.arg(0), reach.tls), reach.tls);
    // The scheme stands in proxy_pass: nginx takes none here.
    let has_scheme = ["http://", "https://"].iter().any(|it| directive.arg(0).starts_with(it));
    let named = accepts::server(&address) && !has_scheme;
    if !named || address.contains('$') {
        return work.ledger.not(directive, "not a server that can be named");
    }
    let mut server = Server { address, weight: 1, backup: false };
    let mut differences = Vec::new();
    for option in directive.args.get(1..).unwrap_or_default() {
        match option.split_once('=').unwrap_or((option, "")) {
            ("down", _) => {
                return work.ledger.carried_as(directive, "it is down, so it is left out");
            }
            ("backup", _) => server.backup = true,
            ("weight", weight) => server.weight = weight.parse().unwrap_or(1).clamp(1, 1000),
            ("max_fails" | "fail_timeout", _) => differences.push(
                "a server whose connection failed is tried again after 1 s to 10 s; see `health`",
            ),
            ("max_conns", _) => differences.push("connections to one server are not limited"),
            ("resolve", _) => {}
            _ => differences.push("one of its parameters has no counterpart"),
        }
    }
    match pool.servers.iter_mut().find(|it| it.address == server.address) {
        Some(twin) => {
            twin.weight = (twin.weight + server.weight).min(1000);
            twin.backup &= server.backup;
        }
        None => pool.servers.push(server),
    }
    work.ledger.carried(directive);
    differences.iter().for_each(|it| work.ledger.differs(directive, it));
}

fn balance(directive: &Directive, pool: &mut Pool, work: &mut Work<'_>) {
    let ledger = &mut *work.ledger;
    match directive.name.as_str() {
        "least_conn" => pool.balance = Some("least_connections"),
        "random" => pool.balance = Some("random_two"),
        "ip_hash" => {
            hash_on("client_ip", pool);
            return ledger
                .differs(directive, "the whole address is hashed, not its first three bytes");
        }
        "hash" => return hash(directive, pool, work),
        "sticky" if directive.arg(0) == "cookie" => {
            let on = format!("cookie:{}", directive.arg(1));
            if !accepts::hash_on(&on) {
                return ledger.not(directive, "not a key that can be hashed; see `hash_on`");
            }
            hash_on(&on, pool);
            return ledger.differs(directive, "the cookie is hashed, instead of naming a server");
        }
        "keepalive" | "keepalive_timeout" | "keepalive_requests" | "keepalive_time" => {
            let reason = "connections are kept by themselves: at most 64 a server, 60 s each";
            return ledger.carried_as(directive, reason);
        }
        "zone" => return ledger.carried_as(directive, "all workers share what they know"),
        "resolver" | "resolver_timeout" => return,
        "include" => return,
        "check" | "health_check" => {
            return ledger.not(directive, "for active checks write `health` of the backend");
        }
        _ => return ledger.not(directive, "servers are chosen in other ways; see `balance`"),
    }
    ledger.carried(directive);
}

fn hash(directive: &Directive, pool: &mut Pool, work: &mut Work<'_>) {
    let key = directive.arg(0).trim_start_matches('$').trim_matches(['{', '}']);
    let (on, difference) = match key {
        "remote_addr" | "binary_remote_addr" => ("client_ip".to_owned(), None),
        "uri" => ("path".to_owned(), None),
        "request_uri" => ("path".to_owned(), Some("the path is hashed without its query")),
        _ => {
            if let Some(name) = key.strip_prefix("arg_") {
                (format!("query:{name}"), None)
            } else if let Some(name) = key.strip_prefix("cookie_") {
                (format!("cookie:{name}"), Some("a client without the cookie is given one"))
            } else if let Some(name) = key.strip_prefix("http_") {
                (format!("header:{}", name.replace('_', "-")), None)
            } else {
                (String::new(), None)
            }
        }
    };
    if !accepts::hash_on(&on) {
        return work.ledger.not(directive, "not a key that can be hashed; see `hash_on`");
    }
    hash_on(&on, pool);
    work.ledger.carried(directive);
    if let Some(difference) = difference {
        work.ledger.differs(directive, difference);
    }
    if directive.arg(1) != "consistent" {
        work.ledger.differs(
            directive,
            "the hash is a consistent one: a client may get another server than before",
        );
    }
}

fn hash_on(on: &str, pool: &mut Pool) {
    pool.balance = Some("hash");
    pool.hash_on = Some(on.to_owned());
}

/// A name without what would make it a server.
fn plain_name(text: &str) -> String {
    text.trim_start_matches("unix:").replace([':', '/', '[', ']'], "-").trim_matches('-').to_owned()
}

fn with_scheme(address: &str, tls: bool) -> String {
    if tls { format!("https://{address}") } else { address.to_owned() }
}

/// With the port that nginx takes when there is none.
fn with_port(host: &str, tls: bool) -> String {
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit()));
    if host.starts_with("unix:") || (has_port && !host.ends_with(']')) {
        return host.to_owned();
    }
    format!("{host}:{}", if tls { 443 } else { 80 })
}

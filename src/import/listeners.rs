//! `listen` as `[[listeners]]`. Knows addresses and which server is where; nothing of locations.

use std::collections::BTreeMap;

use super::draft::Listener;
use super::parser::Directive;
use super::process::everywhere;
use super::scope::{Scope, Work};
use crate::config::accepts;
use crate::config::model::ListenAddress;

/// One address of a server.
#[derive(Clone, Debug)]
pub struct Listen<'a> {
    /// `None`: nginx listens on port 80 by itself.
    pub directive: Option<&'a Directive>,
    /// As wsgate writes it.
    pub address: String,
    /// TLS is spoken there.
    pub tls: bool,
    /// HTTP/2 is spoken there.
    pub http2: bool,
    /// Every connection begins with a PROXY header.
    pub proxied: bool,
}

/// The addresses of a server.
pub fn listens<'a>(server: &Scope<'a>, work: &mut Work<'a>) -> Vec<Listen<'a>> {
    let ssl = server.last("ssl", work.ledger);
    if let Some(ssl) = ssl {
        work.ledger.carried(ssl);
    }
    let all_tls = ssl.is_some_and(|it| it.arg(0) == "on");
    let http2 = server.last("http2", work.ledger);
    if let Some(http2) = http2 {
        work.ledger.carried(http2);
    }
    let of_all = OfAll { tls: all_tls, http2: http2.is_some_and(|it| it.arg(0) == "on") };
    let directives = server.own("listen");
    if directives.is_empty() {
        return vec![Listen {
            directive: None,
            address: "0.0.0.0:80".to_owned(),
            tls: all_tls,
            http2: of_all.http2,
            proxied: false,
        }];
    }
    directives.into_iter().filter_map(|it| listen(it, of_all, work)).collect()
}

/// What a server says of all its addresses.
#[derive(Clone, Copy)]
struct OfAll {
    tls: bool,
    http2: bool,
}

fn listen<'a>(directive: &'a Directive, of_all: OfAll, work: &mut Work<'_>) -> Option<Listen<'a>> {
    let options = directive.args.get(1..).unwrap_or_default();
    let has = |name: &str| options.iter().any(|it| it == name);
    if has("quic") {
        work.ledger.not(directive, "HTTP/3 is not spoken");
        return None;
    }
    let Some(address) = address(directive.arg(0)) else {
        work.ledger.not(directive, "not an address to listen on");
        return None;
    };
    work.ledger.carried(directive);
    let (tls, http2) = (of_all.tls || has("ssl"), of_all.http2 || has("http2"));
    if http2 && !tls {
        work.ledger.differs(directive, "HTTP/2 is spoken over TLS only, as browsers do");
    }
    if has("spdy") {
        work.ledger.differs(directive, "SPDY is not spoken");
    }
    if has("proxy_protocol") {
        work.ledger.differs(
            directive,
            "who may speak the PROXY protocol has to, and nobody else may connect",
        );
    }
    if has("default_server") || has("default") {
        work.ledger
            .differs(directive, "a name that no site has is refused, it has no default site");
    }
    let own = [
        "ssl",
        "http2",
        "spdy",
        "default_server",
        "default",
        "proxy_protocol",
        "ipv6only=on",
        "ipv6only=off",
        "bind",
    ];
    if options.iter().any(|it| !own.contains(&it.as_str())) {
        work.ledger.differs(directive, "options of the socket are the gateway's own");
    }
    Some(Listen { directive: Some(directive), address, tls, http2, proxied: has("proxy_protocol") })
}

fn address(text: &str) -> Option<String> {
    let text = text.strip_prefix("*:").unwrap_or(text);
    // A socket of systemd's is ours alone: nginx would look for a host of that name.
    if text.starts_with("systemd:") {
        return None;
    }
    let text = match text.strip_prefix("localhost") {
        Some(port) if port.is_empty() || port.starts_with(':') => format!("127.0.0.1{port}"),
        _ => text.to_owned(),
    };
    let address = if text.parse::<u16>().is_ok() {
        format!("0.0.0.0:{text}")
    } else if accepts::listen(&text).is_some() || is_unix(&text) {
        text
    } else {
        format!("{text}:80")
    };
    // nginx knows no port 0 either.
    let is_real = match accepts::listen(&address)? {
        ListenAddress::Tcp(at) => at.port() != 0,
        ListenAddress::Unix(_) | ListenAddress::Systemd(_) => true,
    };
    (is_real && !address.contains('$')).then_some(address)
}

fn is_unix(address: &str) -> bool {
    address.starts_with("unix:")
}

/// Makes the listeners of all servers: one for each address, and one for all addresses of a port.
pub fn listeners(listens: &[Listen<'_>], work: &mut Work<'_>) {
    let mut by_address: BTreeMap<String, Listener> = BTreeMap::new();
    for it in listens {
        let address = joined(&it.address, listens);
        let remark = it.directive.map_or("nginx' default".to_owned(), |it| it.place.to_string());
        let listener = by_address.entry(address.clone()).or_insert_with(|| Listener {
            remark,
            address: address.clone(),
            ..Listener::default()
        });
        listener.tls |= it.tls;
        listener.http2 |= it.http2;
        if it.proxied {
            listener.proxy_protocol = balancers(work);
        }
        if let (Some(directive), true) =
            (it.directive, address.starts_with("[::]") && it.address == address)
            && !listens.iter().any(|other| other.address == address.replace("[::]", "0.0.0.0"))
            && !directive.args.iter().any(|it| it == "ipv6only=off")
        {
            work.ledger.differs(directive, "`[::]` takes IPv4, too");
        }
    }
    let kept = widest(by_address.into_values(), listens, work);
    for it in listens {
        let here = kept.iter().find(|other| other.address == joined(&it.address, listens));
        if let (Some(directive), Some(listener)) = (it.directive, here)
            && listener.tls != it.tls
        {
            let reason =
                "another server speaks TLS on this address: then it is all that is spoken there";
            work.ledger.differs(directive, reason);
        }
    }
    work.draft.listeners = kept;
}

/// Who stands in front, as `set_real_ip_from` says anywhere; nginx itself takes the header of anybody.
fn balancers(work: &Work<'_>) -> Vec<String> {
    let mut networks: Vec<String> = everywhere(&work.http, "set_real_ip_from")
        .iter()
        .filter_map(|it| accepts::network(it.arg(0)))
        .map(|it| it.to_string())
        .collect();
    networks.sort();
    networks.dedup();
    if networks.is_empty() {
        networks = ["0.0.0.0/0", "::/0"].map(str::to_owned).to_vec();
    }
    networks
}

/// What is taken whole swallows a single address of the same port.
fn widest(
    all: impl Iterator<Item = Listener>,
    listens: &[Listen<'_>],
    work: &mut Work<'_>,
) -> Vec<Listener> {
    let is_wide =
        |it: &Listener| it.address.starts_with("[::]") || it.address.starts_with("0.0.0.0");
    let (wide, narrow): (Vec<_>, Vec<_>) = all.partition(is_wide);
    let mut kept: Vec<Listener> = Vec::new();
    for listener in wide.into_iter().chain(narrow) {
        match kept.iter().find(|it| overlap(&it.address, &listener.address)) {
            None => kept.push(listener),
            Some(other) => swallowed(&listener, &other.address, listens, work),
        }
    }
    kept
}

/// Whether two listeners would be in each other's way.
pub fn overlap(one: &str, other: &str) -> bool {
    match (accepts::listen(one), accepts::listen(other)) {
        (Some(one), Some(other)) => accepts::overlap(&one, &other),
        _ => false,
    }
}

fn swallowed(listener: &Listener, by: &str, listens: &[Listen<'_>], work: &mut Work<'_>) {
    for directive in
        listens.iter().filter(|it| it.address == listener.address).filter_map(|it| it.directive)
    {
        work.ledger.differs(
            directive,
            &format!("`{by}` listens on this address, too: sites are told apart by name alone"),
        );
    }
}

/// IPv4 and IPv6 of one port are one listener.
fn joined(address: &str, listens: &[Listen<'_>]) -> String {
    match address.strip_prefix("0.0.0.0:") {
        Some(port) if listens.iter().any(|it| it.address == format!("[::]:{port}")) => {
            format!("[::]:{port}")
        }
        _ => address.to_owned(),
    }
}

/// Sites answer on every listener; says so where nginx keeps them apart.
pub fn apart(servers: &[Vec<Listen<'_>>], work: &mut Work<'_>) {
    let ports = |listens: &[Listen<'_>]| {
        let mut ports: Vec<String> = listens
            .iter()
            .filter(|it| it.tls)
            .map(|it| it.address.rsplit(':').next().unwrap_or_default().to_owned())
            .collect();
        ports.sort();
        ports.dedup();
        ports
    };
    let mut all: Vec<Vec<String>> =
        servers.iter().map(|it| ports(it)).filter(|it| !it.is_empty()).collect();
    all.sort();
    all.dedup();
    if all.len() < 2 {
        return;
    }
    for directive in servers.iter().flatten().filter(|it| it.tls).filter_map(|it| it.directive) {
        work.ledger.differs(directive, "every site answers on every https listener");
    }
}

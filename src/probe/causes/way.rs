//! What is wrong with the URL, the name, or the way to the server.

use std::net::IpAddr;

use super::{INVALID_STATUS, TIMER, TRANSPORT, WHITELIST, fatal, warning};
use crate::probe::plan::Target;
use crate::probe::reach::NO_ROUTE;
use crate::probe::report::{Attempt, Dns, Finding};

/// What phones hold against the URL before anything is sent.
pub fn of_url(target: &Target) -> Vec<Finding> {
    let mut findings = Vec::new();
    let host = &target.host;
    if !target.secure {
        findings.push(fatal("URL", "ws:// is for development only").told(
            WHITELIST,
            "mini programs connect to wss:// only; devtools and debug mode take ws:// too",
            "serve TLS on this host (wsgate, nginx) and use wss://",
        ));
    }
    if let Some(address) = target.address() {
        let lan = matches!(address, IpAddr::V4(it) if it.is_private() || it.is_link_local());
        let what = format!("{address} is an address, not a domain");
        let draft = if lan { warning("URL", what) } else { fatal("URL", what) };
        findings.push(draft.told(
            WHITELIST,
            "the console takes domains only; addresses of the local network work in debug mode",
            "use a domain with an ICP filing and put it into the console's socket domains",
        ));
    } else if host == "localhost" || !host.contains('.') {
        findings.push(fatal("URL", format!("`{host}` is no public domain")).told(
            WHITELIST,
            "the console takes public domains only",
            "use a domain with an ICP filing and put it into the console's socket domains",
        ));
    }
    findings.extend(of_spelling(target));
    findings
}

fn of_spelling(target: &Target) -> Vec<Finding> {
    let mut findings = Vec::new();
    let behind_scheme = target.written.split_once("://").map_or("", |(_, it)| it);
    let authority = behind_scheme.split(['/', '?']).next().unwrap_or_default();
    if authority.ends_with(':') {
        findings.push(fatal("URL", "a colon without a port").told(
            WHITELIST,
            "the check against the console's domains takes `host:` for another host",
            "leave the colon away, or write the port",
        ));
    }
    if !target.written.is_ascii() {
        findings.push(fatal("URL", "characters that are not ASCII").told(
            INVALID_STATUS,
            "phones send them as they are, and servers refuse the request line; devtools encodes \
             them (so did this probe)",
            "encodeURI(url), or encodeURIComponent for each value in the query",
        ));
    }
    findings
}

/// A name that leads nowhere.
pub fn of_dns(dns: &Dns) -> Option<Finding> {
    let error = dns.error.as_ref()?;
    let name = &dns.name;
    Some(fatal("DNS", format!("`{name}` cannot be looked up")).told(
        TRANSPORT,
        format!("the resolver says: {error}"),
        "look for a typing mistake in the host; add an A record (and AAAA if the server has IPv6) \
         at the domain's registrar; a new record takes up to its TTL to be seen everywhere",
    ))
}

/// Connections that failed: none stands, or not all do.
pub fn of_tcp(attempts: &[Attempt], port: u16) -> Option<Finding> {
    let failed: Vec<&Attempt> = attempts.iter().filter(|it| it.error.is_some()).collect();
    let told: Vec<String> = failed.iter().map(|it| words(it)).collect();
    let told = told.join("; ");
    if failed.len() == attempts.len() {
        return Some(nobody(&failed, &told, port));
    }
    let here = |it: &&Attempt| it.error.as_deref() == Some(NO_ROUTE);
    if failed.iter().all(here) {
        // That is about this machine's network.
        return None;
    }
    Some(warning("TCP", "some of the name's addresses take no connection").told(
        "a slow connect, or none in networks that have only such an address (mobile networks \
         prefer IPv6)",
        told,
        "let the server listen there too (`[::]:443`), or remove the DNS record",
    ))
}

fn nobody(failed: &[&Attempt], told: &str, port: u16) -> Finding {
    let all = |word: &str| {
        failed.iter().all(|it| it.error.as_ref().is_some_and(|error| error.contains(word)))
    };
    let draft = fatal("TCP", format!("nothing takes a connection on port {port}"));
    if all("refused") {
        return draft.told(
            TRANSPORT,
            format!("the machine is there, but nothing listens on this port ({told})"),
            "start the server (wsgate, nginx); look whether it listens on this port and not on \
             127.0.0.1 only: `ss -ltn`",
        );
    }
    if all("no answer") {
        return draft.told(
            TIMER,
            format!("packets vanish on the way ({told})"),
            "open the port in the cloud's security group and in the machine's firewall; look \
             whether the DNS record names the right machine",
        );
    }
    draft.told(
        TRANSPORT,
        told,
        "look whether the DNS record names the right machine, and at this machine's own network",
    )
}

fn words(attempt: &Attempt) -> String {
    format!("{}: {}", attempt.address, attempt.error.as_deref().unwrap_or("connected"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn attempt(address: &str, error: Option<&str>) -> Attempt {
        let error = error.map(str::to_owned);
        Attempt { address: address.to_owned(), took: Duration::ZERO, error }
    }

    #[test]
    fn what_the_console_refuses_is_said_before_anything_is_sent() {
        let fatal_of = |url: &str| {
            let target = Target::parse(url).expect(url);
            of_url(&target).iter().filter(|it| it.fatal).count()
        };
        assert_eq!(fatal_of("wss://a.example/ws"), 0);
        assert_eq!(fatal_of("wss://192.168.1.2/ws"), 0, "local networks are for debug mode");
        for url in [
            "ws://a.example/ws",
            "wss://203.0.113.9/ws",
            "wss://localhost/ws",
            "wss://a.example:/ws",
            "wss://a.example/聊天",
        ] {
            assert_eq!(fatal_of(url), 1, "{url}");
        }
    }

    #[test]
    fn an_address_that_only_this_machine_cannot_reach_is_nobodys_fault() {
        let v4 = || attempt("192.0.2.1:443", None);
        assert!(of_tcp(&[v4(), attempt("[2001:db8::1]:443", Some(NO_ROUTE))], 443).is_none());
        let broken = of_tcp(&[v4(), attempt("[2001:db8::1]:443", Some("refused"))], 443);
        assert!(broken.is_some_and(|it| !it.fatal && it.cause.contains("2001:db8::1")));
        let silent = of_tcp(&[attempt("192.0.2.1:443", Some("no answer within 5s"))], 443);
        assert!(silent.is_some_and(|it| it.fatal && it.action.contains("security group")));
    }
}

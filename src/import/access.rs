//! Who may come, by address: `allow`, `deny`, the real address behind proxies, and guards that
//! wsgate does not have. Whatever would open what nginx keeps shut closes the route instead.

use ipnet::IpNet;

use super::draft::Route;
use super::parser::Directive;
use super::scope::{Scope, Work};
use super::table::{self, Meaning};
use crate::config::accepts;

/// Pieces that one `deny` is cut into at most, around what was allowed before it.
const MOST_PIECES: usize = 256;

const UNTIL_DECIDED: &str = "the routes under it are closed (403) until you decide";

/// Fills in `clients.addresses` and `trusted_proxies`, and closes the route where it has to.
pub fn access<'a>(scope: &Scope<'a>, route: &mut Route, work: &mut Work<'a>) {
    addresses(scope, route, work);
    real_ip(scope, route, work);
    guards(scope, route, work);
}

/// Whether these rules keep everybody out.
pub fn denies_everybody(scope: &Scope<'_>) -> bool {
    let rules: Vec<_> = scope.innermost().iter().filter(|it| is_rule(it)).collect();
    rules.first().is_some_and(|it| it.name == "deny" && it.arg(0) == "all")
}

fn is_rule(directive: &Directive) -> bool {
    matches!(directive.name.as_str(), "allow" | "deny")
}

/// nginx takes the first rule that fits; here whatever is denied is denied. So what was allowed
/// before a `deny` is cut out of it.
fn addresses<'a>(scope: &Scope<'a>, route: &mut Route, work: &mut Work<'a>) {
    let (mut allow, mut deny): (Vec<IpNet>, Vec<IpNet>) = (Vec::new(), Vec::new());
    let mut closed = false;
    let mut settled = false;
    for rule in rules(scope, work) {
        if settled {
            work.ledger.carried_as(rule, "the rule before it settles everything");
            continue;
        }
        match (rule.name.as_str(), rule.arg(0)) {
            ("allow", "all") => settled = true,
            ("deny", "all") => (settled, closed) = (true, true),
            (_, "unix:") => {
                work.ledger.carried_as(rule, "who comes over a unix socket has no address");
                continue;
            }
            (name, text) => match accepts::network(text) {
                Some(network) if name == "allow" => allow.push(network),
                Some(network) => deny.extend(without(network, &allow)),
                None => {
                    work.ledger
                        .not(rule, "not an address; the route is closed (403) until you decide");
                    shut(route, rule);
                    return;
                }
            },
        }
        work.ledger.carried(rule);
    }
    if closed && allow.is_empty() {
        route.closed = true;
        return;
    }
    let text = |list: Vec<IpNet>| list.iter().map(ToString::to_string).collect();
    route.allow = if closed { text(allow) } else { Vec::new() };
    route.deny = text(deny);
}

/// The `allow` and `deny` of the nearest level that has any, in their order.
fn rules<'a>(scope: &Scope<'a>, work: &mut Work<'a>) -> Vec<&'a Directive> {
    let mut found: Vec<&Directive> = Vec::new();
    let mut level = 0;
    for directive in scope.levels_inward_out() {
        let here: Vec<&Directive> = directive.iter().copied().filter(|it| is_rule(it)).collect();
        if level == 0 && !here.is_empty() {
            found = here;
            level = 1;
        } else {
            here.iter().for_each(|it| work.ledger.override_by_nearer(it));
        }
    }
    found
}

/// The parts of a network that are in none of the others.
fn without(network: IpNet, others: &[IpNet]) -> Vec<IpNet> {
    let mut left = vec![network];
    for other in others {
        let mut next = Vec::new();
        while let Some(piece) = left.pop() {
            if other.contains(&piece) {
                continue;
            }
            let halves = piece.contains(other).then(|| piece.subnets(piece.prefix_len() + 1));
            match halves {
                Some(Ok(halves)) if next.len() < MOST_PIECES => left.extend(halves),
                _ => next.push(piece),
            }
        }
        left = next;
    }
    left.sort();
    left
}

/// Whether something keeps anybody out of what stands there; says of guards that they do so still. For
/// locations that are not carried, and closed then.
pub fn guarded<'a>(scope: &Scope<'a>, work: &mut Work<'a>) -> bool {
    let mut levels = scope.levels_inward_out();
    let nearest = levels.find(|level| level.iter().any(|it| is_rule(it)));
    let denied = nearest.is_some_and(|level| level.iter().any(|it| it.name == "deny"));
    let with_certificate = client_ca(scope, work).is_some();
    let mut guards = effective_guards(scope);
    guards.retain(|it| it.name != "ssl_verify_client" || !with_certificate);
    for guard in &guards {
        if matches!(table::meaning(&guard.name), Meaning::Guards(_)) {
            work.ledger.not(guard, UNTIL_DECIDED);
        }
    }
    denied || !guards.is_empty()
}

/// What keeps people out besides addresses: the nearest of each name, unless it is off.
fn effective_guards<'a>(scope: &Scope<'a>) -> Vec<&'a Directive> {
    let mut nearest: Vec<&Directive> = Vec::new();
    for directive in scope.everything() {
        let name = directive.name.as_str();
        let guards = matches!(table::meaning(name), Meaning::Guards(_));
        let special = matches!(name, "internal" | "ssl_verify_client");
        if (guards || special) && !nearest.iter().any(|it| it.name == name) {
            nearest.push(directive);
        }
    }
    nearest.retain(|it| !table::is_off(&it.args));
    nearest
}

fn real_ip<'a>(scope: &Scope<'a>, route: &mut Route, work: &mut Work<'a>) {
    let header = scope.last("real_ip_header", work.ledger);
    let from = scope.all("set_real_ip_from", work.ledger);
    let recursive = scope.last("real_ip_recursive", work.ledger);
    let name = header.map_or("x-real-ip", |it| it.arg(0)).to_ascii_lowercase();
    let known = matches!(name.as_str(), "x-forwarded-for" | "x-real-ip");
    if let Some(header) = header {
        match name.as_str() {
            "x-forwarded-for" => work.ledger.carried(header),
            "x-real-ip" => work.ledger.differs(header, "X-Forwarded-For is looked at first"),
            "proxy_protocol" => work.ledger.carried(header),
            _ => work
                .ledger
                .not(header, "the client's address is read from X-Forwarded-For or X-Real-IP only"),
        }
    }
    for directive in &from {
        match accepts::network(directive.arg(0)) {
            Some(network) if known => {
                route.trusted_proxies.push(network.to_string());
                work.ledger.carried(directive);
            }
            // Of these the listener takes the PROXY header.
            Some(_) if name == "proxy_protocol" => work.ledger.carried(directive),
            Some(_) => work.ledger.not(directive, "goes with a header that is not looked at"),
            None => work.ledger.not(directive, "proxies are trusted by address"),
        }
    }
    if let Some(said) = header.or(from.first().copied())
        && !from.is_empty()
        && !matches!(name.as_str(), "x-forwarded-for" | "proxy_protocol")
    {
        doubtful_addresses(said, known, route, work);
    }
    match recursive {
        Some(it) if it.arg(0) == "on" => work.ledger.carried(it),
        Some(it) => work.ledger.differs(it, "it is the last address that is no trusted proxy's"),
        None => {}
    }
}

/// Lists of addresses are no guard where clients choose theirs, or where all have the proxy's.
fn doubtful_addresses(said: &Directive, known: bool, route: &mut Route, work: &mut Work<'_>) {
    if route.closed || (route.allow.is_empty() && route.deny.is_empty()) {
        return;
    }
    let why = match known {
        true => "X-Forwarded-For is looked at first, and clients could write an address there",
        false => "clients would have the address of the proxy",
    };
    let routes = "routes with `allow` or `deny` are closed (403) until you decide";
    work.ledger.not(said, &format!("{why}; {routes}"));
    shut(route, said);
    route.remarks.push(format!("Addresses are in doubt here: {why}."));
}

/// What keeps people out in nginx and cannot here.
fn guards<'a>(scope: &Scope<'a>, route: &mut Route, work: &mut Work<'a>) {
    let any = scope.last("satisfy", work.ledger).is_some_and(|it| it.arg(0) == "any");
    for directive in effective_guards(scope) {
        let name = directive.name.as_str();
        if name == "ssl_verify_client" {
            verified(directive, scope, route, work);
            continue;
        }
        if name == "internal" {
            work.ledger.differs(directive, "the path is answered with 403, not 404");
            route.closed = true;
        } else if any && !route.allow.is_empty() {
            route.remarks.push(format!(
                "only the addresses of `satisfy any`: {} is not known ({})",
                directive.name, directive.place
            ));
            work.ledger.not(directive, "only the addresses beside it are let in");
        } else {
            work.ledger.not(directive, UNTIL_DECIDED);
            shut(route, directive);
        }
    }
}

/// The authorities whose certificates a client has to present, where nginx insists on one.
pub fn client_ca<'a>(scope: &Scope<'a>, work: &mut Work<'a>) -> Option<&'a Directive> {
    let verify = scope.last("ssl_verify_client", work.ledger)?;
    let authorities = scope.last("ssl_client_certificate", work.ledger)?;
    (verify.arg(0) == "on" && !authorities.arg(0).is_empty() && !authorities.arg(0).contains('$'))
        .then_some(authorities)
}

fn verified<'a>(
    directive: &'a Directive,
    scope: &Scope<'a>,
    route: &mut Route,
    work: &mut Work<'a>,
) {
    if let Some(authorities) = client_ca(scope, work) {
        work.ledger.carried(directive);
        return work.ledger.carried(authorities);
    }
    let reason = "a certificate is asked of all clients of a site or of none; its routes are closed (403) until you decide";
    work.ledger.not(directive, reason);
    shut(route, directive);
}

/// Closes a route because of a guard that is not carried, and says so where it will be read.
pub fn shut(route: &mut Route, guard: &Directive) {
    route.remarks.push(format!(
        "CLOSED: nginx asks for `{}` here ({}). Decide, then remove the two `deny`.",
        guard.text(),
        guard.place
    ));
    route.closed = true;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_allowed_before_is_cut_out_of_a_deny() {
        let net = |it: &str| it.parse::<IpNet>().expect(it);
        let text =
            |it: Vec<IpNet>| it.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(
            text(without(net("10.0.0.0/30"), &[net("10.0.0.1/32")])),
            "10.0.0.0/32 10.0.0.2/31"
        );
        assert_eq!(text(without(net("10.0.0.0/8"), &[net("192.168.0.0/16")])), "10.0.0.0/8");
        assert_eq!(text(without(net("10.0.0.0/8"), &[net("10.0.0.0/8")])), "");
        assert_eq!(without(net("::/0"), &[net("2001:db8::1/128")]).len(), 128);
    }
}

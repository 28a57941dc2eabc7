//! Servers that serve nothing: those that send people from http to https, with the files of an ACME
//! client, and those that refuse whoever has no name. Knows such servers as a whole.

use super::answers::rewrites_away;
use super::draft::Listener;
use super::files;
use super::ledger::Fate;
use super::locations::{Location, Matcher, literal_start, locations};
use super::parser::Directive;
use super::redirection::{self, Names};
use super::scope::{Scope, Work};
use crate::config::accepts;

/// What a server is for.
#[derive(Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It has locations of its own.
    Serves,
    /// Everything goes to https but the files of an ACME client.
    ToHttps,
    /// Nobody is let in.
    Refuses,
    /// It answers everything itself: it sends people elsewhere, or refuses them by its own name.
    Answers,
}

const ACME: &str = "/.well-known/acme-challenge";

/// What this server is for.
pub fn purpose(server: &Scope<'_>, tls: bool) -> Purpose {
    let all = locations(server);
    let serves = all.iter().any(|it| passes(&it.scope));
    let rejects = server.own("ssl_reject_handshake").iter().any(|it| it.arg(0) == "on");
    let returned = server.own("return").first().copied();
    let status = returned.map_or(0, |it| it.arg(0).parse().unwrap_or(302));
    let certbot = conditional(server, &BY_NAME).next().is_some();
    if !tls && !serves && redirections(server, &all).next().is_some() {
        return Purpose::ToHttps;
    }
    if rejects {
        return Purpose::Refuses;
    }
    if (400..=599).contains(&status) && !(certbot && tls) {
        let named = status != 444 && tls && has_name(server);
        return if named { Purpose::Answers } else { Purpose::Refuses };
    }
    if (300..=399).contains(&status) || rewrites_away(server) {
        return if !tls && returned.is_some_and(is_to_https) {
            Purpose::ToHttps
        } else {
            Purpose::Answers
        };
    }
    Purpose::Serves
}

/// Whether it is asked for by a name, and not only by whoever has none.
fn has_name(server: &Scope<'_>) -> bool {
    let default = |it: &&Directive| it.args.iter().any(|it| it.starts_with("default"));
    let name = |it: &String| accepts::domain(it);
    !server.own("listen").iter().any(default)
        && server.own("server_name").iter().any(|it| it.args.iter().any(name))
}

/// Whether some location of the server has a backend.
pub fn leads_somewhere(server: &Scope<'_>) -> bool {
    let leads = |it: &Scope<'_>| !it.own("proxy_pass").is_empty() || files::names_a_folder(it);
    files::names_a_folder(server) || locations(server).iter().any(|it| leads(&it.scope))
}

fn passes(scope: &Scope<'_>) -> bool {
    scope.innermost().iter().any(|it| it.name.ends_with("_pass"))
}

/// Whatever in a server for plain http sends everybody to https: by itself, asked for the scheme, or by
/// its name, unless it has files for other names.
fn redirections<'a, 'l>(
    server: &'l Scope<'a>,
    all: &'l [Location<'a>],
) -> impl Iterator<Item = &'a Directive> + 'l {
    let own = server.innermost().iter().copied();
    let has_files = |it: &Location<'_>| files::names_a_folder(&it.scope) && !is_for_acme(it);
    let serves_files = all.iter().any(has_files);
    let by_name = conditional(server, &BY_NAME).filter(move |_| !serves_files);
    let of_root = all
        .iter()
        .filter(|it| takes_everything(it))
        .flat_map(|it| it.scope.innermost().iter().copied());
    own.chain(conditional(server, &PLAIN))
        .chain(by_name)
        .chain(of_root)
        .filter(|it| is_to_https(it))
}

/// `/`, or a regular expression for what begins with it: all but the files of an ACME client.
fn takes_everything(location: &Location<'_>) -> bool {
    match &location.matcher {
        Matcher::Regex(pattern) => literal_start(pattern).as_deref() == Some("/"),
        _ => location.literal() == Some("/"),
    }
}

/// Whether plain requests alone are sent to https.
pub fn conditionally_to_https(server: &Scope<'_>) -> bool {
    conditional(server, &PLAIN).next().is_some()
}

/// What sends people to https if one of these variables says so.
fn conditional<'a>(
    server: &Scope<'a>,
    variables: &'static [&'static str],
) -> impl Iterator<Item = &'a Directive> {
    let asks = |it: &&Directive| {
        let first = it.args.iter().map(|it| it.trim_start_matches('(')).find(|it| !it.is_empty());
        first.is_some_and(|it| variables.contains(&it.trim_end_matches(')')))
    };
    let ifs: Vec<&Directive> = server.own("if").into_iter().filter(asks).collect();
    ifs.into_iter().flat_map(Directive::children).filter(|it| is_to_https(it))
}

/// What tells http from https. `$http_x_forwarded_proto` does not: what comes from a balancer is plain.
const PLAIN: [&str; 3] = ["$scheme", "$https", "$server_port"];

/// What certbot asks for.
const BY_NAME: [&str; 3] = ["$host", "$http_host", "$server_name"];

/// `return 301 https://…` or a `rewrite` to the same.
fn is_to_https(directive: &Directive) -> bool {
    match directive.name.as_str() {
        "return" => directive.args.last().is_some_and(|it| it.starts_with("https://")),
        "rewrite" => directive.arg(1).starts_with("https://"),
        _ => false,
    }
}

/// Carries a server that sends everybody to https, if its listener may.
pub fn to_https(
    server: &Scope<'_>,
    directive: &Directive,
    names: &Names<'_>,
    listener: Option<&mut Listener>,
    work: &mut Work<'_>,
) {
    let Some(listener) = listener else {
        let reason = "another server on this address serves plain http: a listener redirects everybody or nobody";
        return work.ledger.not(directive, reason);
    };
    listener.redirect = true;
    work.ledger.carried(directive);
    let all = locations(server);
    for it in redirections(server, &all) {
        work.ledger.differs(it, "the redirect is 308, which keeps the method");
        redirection::differences(it, names, work);
    }
    for it in server.own("if") {
        work.ledger.differs(it, "every name is sent to https");
    }
    for it in server.own("return").into_iter().filter(|it| !is_to_https(it)) {
        work.ledger.differs(it, "every name is sent to https");
    }
    for it in server.own("server_name") {
        work.ledger.differs(it, "every name is sent to https");
    }
    for location in &all {
        door_location(location, listener, work);
    }
}

fn is_for_acme(location: &Location<'_>) -> bool {
    location.directive.args.last().is_some_and(|it| it.contains(".well-known"))
}

fn door_location(location: &Location<'_>, listener: &mut Listener, work: &mut Work<'_>) {
    if location.scope.innermost().iter().any(|it| is_to_https(it)) {
        return work.ledger.carried(location.directive);
    }
    let root = location.scope.everything().find(|it| matches!(it.name.as_str(), "root" | "alias"));
    let Some(root) = root.filter(|it| is_for_acme(location) && !it.arg(0).contains('$')) else {
        let reason = "its requests are sent to https like all others";
        return work.ledger.not(location.directive, reason);
    };
    let Some(folder) = acme_folder(location, root) else {
        let reason = format!(
            "its folder is not that of {ACME}/: let one with the challenges be `acme_challenge_root`"
        );
        return work.ledger.not(location.directive, &reason);
    };
    let path = work.path(&folder);
    if listener.acme_root.as_ref().is_some_and(|it| *it != path) {
        return work.ledger.not(location.directive, "a listener has one folder for ACME");
    }
    listener.acme_root = Some(path);
    work.ledger.carried(location.directive);
    let reason = format!("files below {ACME}/ only");
    work.ledger.differs(root, &reason);
    for it in location.scope.own("try_files").into_iter().chain(location.scope.own("allow")) {
        work.ledger.carried_as(it, "a file or 404");
    }
    for it in location.scope.own("default_type") {
        work.ledger.carried_as(it, "challenges are text/plain");
    }
}

/// The folder in which challenges lie, or that in which the well-known path begins: wsgate looks in both.
fn acme_folder(location: &Location<'_>, said: &Directive) -> Option<String> {
    let path = said.arg(0).trim_end_matches('/');
    if said.name == "root" {
        return Some(path.strip_suffix(ACME).unwrap_or(said.arg(0)).to_owned());
    }
    // What the location takes is gone from an alias, so that the rest of the well-known path follows.
    let rest = ACME.strip_prefix(location.literal()?.trim_end_matches('/'))?;
    Some(format!("{path}{rest}"))
}

/// A server that lets nobody in is what wsgate does with every name that no site has.
pub fn refuses(server: &Scope<'_>, directive: &Directive, work: &mut Work<'_>) {
    let reason = "a name that no site has is refused: in the TLS handshake, or with 421";
    for it in server.innermost() {
        match it.name.as_str() {
            "ssl_certificate" | "ssl_certificate_key" | "ssl_protocols" => {
                work.ledger.carried_as(it, "who has no name gets no certificate");
            }
            "return" | "server_name" => work.ledger.differs(it, reason),
            "location" => work.ledger.whole(it, Fate::Not, reason),
            _ => {}
        }
    }
    work.ledger.differs(directive, reason);
}

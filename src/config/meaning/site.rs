//! `[[sites]]`: the domain whitelist, and how the routes of a site stand beside each other.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::Spanned;

use super::acme;
use super::answer;
use super::backends::Backends;
use super::route;
use crate::config::defaults;
use crate::config::model::{Acme, Located, PathRule, Route, Site, Spot, TlsVersion};
use crate::config::raw;
use crate::config::reader::{Reader, Table};
use crate::config::report::Problem;
use crate::config::values::{Wrong, address, choice, http, path, quantity};

/// Every site that could be understood.
pub fn sites(
    raw: Option<Spanned<Vec<Spanned<raw::Site>>>>,
    acme: Option<&Acme>,
    backends: &mut Backends,
    reader: &mut Reader<'_>,
) -> Vec<Site> {
    let raw = raw.map(Spanned::into_inner).unwrap_or_default();
    if raw.is_empty() && !reader.is_faulty(&(0..0), "sites") {
        let problem = Problem::error(None, "there is no [[sites]]: every name would be refused");
        let keys = "`domains`, `certificate`, `private_key` and [[sites.routes]]";
        reader.push(problem.hint(format!("add [[sites]] with {keys}")));
    }
    let mut taken = BTreeMap::new();
    let mut sites = Vec::new();
    for item in raw {
        let (spot, raw) = (item.span(), item.into_inner());
        sites.extend(site(raw, (spot, acme), &mut taken, backends, reader));
    }
    sites
}

/// The domains seen so far, and the site each is in.
type Taken = BTreeMap<String, Spot>;

fn site(
    raw: raw::Site,
    (spot, acme): (Spot, Option<&Acme>),
    taken: &mut Taken,
    backends: &mut Backends,
    reader: &mut Reader<'_>,
) -> Option<Site> {
    let table = Table { name: "[[sites]]", spot: &spot };
    let domains = domains(raw.domains.as_ref(), table, taken, reader);
    let automatic = acme::is_automatic(&raw);
    let pair = match automatic {
        true => acme::pair(&raw, acme, &domains, reader),
        false => pair(&raw, table, reader),
    };
    let versions = [("1.2", TlsVersion::V12), ("1.3", TlsVersion::V13)];
    let tls_min =
        reader.value_or(raw.tls_min.as_ref(), TlsVersion::V12, |it| choice(it, &versions));
    let client_ca = optional_file(raw.client_ca.as_ref(), reader);
    let ocsp_staple = optional_file(raw.ocsp_staple.as_ref(), reader);
    let strict_transport_security = reader.value_or(
        raw.strict_transport_security.as_ref(),
        defaults::STRICT_TRANSPORT_SECURITY,
        |it| quantity::or_off(it, http::strict_transport_security),
    );
    let error_pages = answer::error_pages(&raw, reader);
    let response_headers = answer::response_headers(
        raw.response_headers,
        raw.remove_response_headers.as_ref(),
        reader,
    );
    let mut routes = routes(raw.routes, table, backends, reader);
    for route in &mut routes {
        answer::inherit(&mut route.response_headers, &response_headers);
    }
    let (certificate, private_key) = pair?;
    Some(Site {
        domains,
        certificate,
        private_key,
        automatic,
        tls_min,
        client_ca,
        ocsp_staple,
        strict_transport_security,
        response_headers,
        error_pages,
        spot,
        routes,
    })
}

/// The files of a certificate that somebody else keeps.
fn pair(
    raw: &raw::Site,
    table: Table<'_>,
    reader: &mut Reader<'_>,
) -> Option<(Located<PathBuf>, Located<PathBuf>)> {
    let file = |reader: &mut Reader<'_>, raw, key, hint| {
        let file = reader.required(raw, table, (key, hint), file_path)?;
        Some(Located { value: reader.path(&file.value), spot: file.spot })
    };
    let hint = "the chain as PEM, leaf first, or \"acme\" for one that the gateway orders itself";
    let certificate = file(reader, raw.certificate.as_ref(), "certificate", hint);
    let hint = "the key of the certificate as PEM";
    let private_key = file(reader, raw.private_key.as_ref(), "private_key", hint);
    Some((certificate?, private_key?))
}

/// The path of a file that may be absent.
pub fn optional_file(raw: Option<&raw::Text>, reader: &mut Reader<'_>) -> Option<Located<PathBuf>> {
    let file = reader.value(raw, file_path)?;
    Some(Located { value: reader.path(&file.value), spot: file.spot })
}

fn domains(
    raw: Option<&raw::Texts>,
    table: Table<'_>,
    taken: &mut Taken,
    reader: &mut Reader<'_>,
) -> Vec<Located<String>> {
    match raw {
        None => reader.missing(table, "domains", "write e.g. domains = [\"game.example.com\"]"),
        Some(raw) if raw.get_ref().is_empty() && !reader.is_faulty(table.spot, "domains") => {
            reader.error(raw.span(), "`domains` is empty: the site would never be asked for");
        }
        Some(_) => {}
    }
    let domains = reader.list(raw, address::domain);
    for domain in &domains {
        match taken.insert(domain.value.clone(), table.spot.clone()) {
            Some(other) if other == *table.spot => {
                let wrong = Wrong::new(format!("`{}` is written twice", domain.value));
                reader.error(domain.spot.clone(), wrong);
            }
            Some(_) => {
                let wrong = Wrong::new(format!("`{}` is already in another site", domain.value));
                let hint = "a domain belongs to one site: put the routes together";
                reader.error(domain.spot.clone(), wrong.hint(hint));
            }
            None => {}
        }
    }
    domains
}

fn file_path(text: &str) -> Result<PathBuf, Wrong> {
    if text.is_empty() {
        return Err(Wrong::new("the path of a file is missing"));
    }
    if text.trim_start().starts_with("-----BEGIN ") {
        return Err(Wrong::new("this is the PEM itself; the path of its file belongs here"));
    }
    Ok(PathBuf::from(text))
}

fn routes(
    raw: Option<Spanned<Vec<Spanned<raw::Route>>>>,
    table: Table<'_>,
    backends: &mut Backends,
    reader: &mut Reader<'_>,
) -> Vec<Route> {
    let raw = raw.map(Spanned::into_inner).unwrap_or_default();
    if raw.is_empty() && !reader.is_faulty(table.spot, "routes") {
        let wrong = Wrong::new("this site has no [[sites.routes]]: every path would be 404");
        let hint = "add [[sites.routes]] with `path` and `backend`";
        reader.error(table.spot.clone(), wrong.hint(hint));
    }
    let mut seen = Vec::new();
    let mut routes = Vec::new();
    for item in raw {
        let spot = item.span();
        let (path, route) = route::route(item.into_inner(), &spot, backends, reader);
        if let Some(path) = path {
            compare(&path, &seen, reader);
            seen.push(path);
        }
        routes.extend(route);
    }
    routes
}

/// What the routes before this one make of it.
fn compare(path: &Located<PathRule>, before: &[Located<PathRule>], reader: &mut Reader<'_>) {
    if before.iter().any(|it| same(&it.value, &path.value)) {
        let wrong = Wrong::new("this site has another route with the same path");
        reader.error(path.spot.clone(), wrong.hint("put the two together"));
        return;
    }
    let shadow = before.iter().find(|it| path::matches_everything(&it.value));
    // An exact path is tried before every regex.
    if shadow.is_some() && !matches!(path.value, PathRule::Exact(_)) {
        let wrong = Wrong::new("no request reaches this route: a regex before it takes every path");
        reader.warning(
            path.spot.clone(),
            wrong.hint("for the rest of the paths use the prefix \"/\""),
        );
    }
}

fn same(one: &PathRule, other: &PathRule) -> bool {
    match (one, other) {
        (PathRule::Exact(a), PathRule::Exact(b)) => a == b,
        (PathRule::Prefix(a), PathRule::Prefix(b)) => a == b,
        (PathRule::Regex(a), PathRule::Regex(b)) => a.as_str() == b.as_str(),
        _ => false,
    }
}

//! Servers as `[[sites]]`: names, certificate, routes in their order. Knows how servers stand beside
//! each other; what is in a location is understood elsewhere.

use super::access;
use super::answers;
use super::conditions::conditions;
use super::cover::covered;
use super::doors::{self, Purpose};
use super::draft::{Listener, Own, Route, Site};
use super::fields;
use super::inner;
use super::listeners::{self, Listen};
use super::locations::{Location, Matcher, locations};
use super::names;
use super::order::{fence, ordered};
use super::pages;
use super::parser::Directive;
use super::redirection::Names;
use super::routes;
use super::scope::{Scope, Work};

/// A server with what has been found out about it.
struct Server<'a> {
    directive: &'a Directive,
    scope: Scope<'a>,
    listens: Vec<Listen<'a>>,
    names: Vec<String>,
    tls: bool,
    purpose: Purpose,
    /// Some location of it has a backend.
    leads_somewhere: bool,
}

impl Server<'_> {
    /// Whether it becomes a site.
    fn is_site(&self) -> bool {
        matches!(self.purpose, Purpose::Serves | Purpose::Answers)
    }
}

/// Fills in `[[listeners]]` and `[[sites]]`.
pub fn sites(work: &mut Work<'_>) {
    let servers: Vec<Server<'_>> =
        work.http.own("server").into_iter().map(|it| server(it, work)).collect();
    let open: Vec<&Server<'_>> =
        servers.iter().filter(|it| it.is_site() || it.purpose == Purpose::ToHttps).collect();
    let listens: Vec<Listen<'_>> = open.iter().flat_map(|it| it.listens.clone()).collect();
    listeners::listeners(&listens, work);
    let apart: Vec<_> =
        servers.iter().filter(|it| it.is_site()).map(|it| it.listens.clone()).collect();
    listeners::apart(&apart, work);
    for it in servers.iter().filter(|it| it.purpose == Purpose::ToHttps) {
        to_https(it, &servers, work);
    }
    for it in servers.iter().filter(|it| leaves_http(it)) {
        for listen in it.listens.iter().filter(|it| !it.tls) {
            redirect_all(listen, &servers, work);
        }
    }
    // A name belongs to the server that speaks TLS.
    let (tls, plain): (Vec<_>, Vec<_>) =
        servers.iter().filter(|it| it.is_site()).partition(|it| it.tls);
    for it in tls.into_iter().chain(plain) {
        site(it, work);
    }
    prune(&servers, work);
    for it in &servers {
        if it.purpose == Purpose::Refuses {
            doors::refuses(&it.scope, it.directive, work);
        }
    }
}

/// An address on which nothing is carried needs no listener.
fn prune(servers: &[Server<'_>], work: &mut Work<'_>) {
    let carried = servers.iter().filter(|it| {
        (it.is_site() || it.purpose == Purpose::ToHttps) && !work.ledger.is_lost(it.directive)
    });
    let used: Vec<&Listen<'_>> = carried.flat_map(|it| &it.listens).collect();
    let is_used =
        |it: &Listener| used.iter().any(|listen| listeners::overlap(&it.address, &listen.address));
    work.draft.listeners.retain(|it| it.redirect || is_used(it));
}

fn server<'a>(directive: &'a Directive, work: &mut Work<'a>) -> Server<'a> {
    let scope = work.http.inside(directive);
    let listens = listeners::listens(&scope, work);
    let tls = listens.iter().any(|it| it.tls);
    let names = scope
        .own("server_name")
        .iter()
        .flat_map(|it| &it.args)
        .map(|it| it.to_ascii_lowercase())
        .collect();
    let purpose = doors::purpose(&scope, tls);
    let leads_somewhere = doors::leads_somewhere(&scope);
    Server { directive, scope, listens, names, tls, purpose, leads_somewhere }
}

fn to_https(server: &Server<'_>, all: &[Server<'_>], work: &mut Work<'_>) {
    let Some(first) = server.listens.first() else {
        return work.ledger.not(server.directive, "it listens nowhere");
    };
    let shared = serves_plain(first, all);
    let mut listeners = std::mem::take(&mut work.draft.listeners);
    let listener = listeners
        .iter_mut()
        .find(|it| !shared && !it.tls && port(&it.address) == port(&first.address));
    let served = all.iter().filter(|it| it.is_site()).flat_map(|it| &it.names);
    let names = Names { own: &server.names, served: served.map(String::as_str).collect() };
    doors::to_https(&server.scope, server.directive, &names, listener, work);
    work.draft.listeners = listeners;
}

fn port(address: &str) -> &str {
    address.rsplit(':').next().unwrap_or_default()
}

/// Whether some server serves plain http on the port of this address.
fn serves_plain(listen: &Listen<'_>, all: &[Server<'_>]) -> bool {
    let same = |it: &Listen<'_>| !it.tls && port(&it.address) == port(&listen.address);
    let plain =
        |it: &&Server<'_>| it.purpose == Purpose::Serves && it.leads_somewhere && !leaves_http(it);
    all.iter().filter(plain).any(|it| it.listens.iter().any(same))
}

/// A server for both schemes that sends everybody from one to the other.
fn leaves_http(server: &Server<'_>) -> bool {
    server.purpose == Purpose::Serves && server.tls && doors::conditionally_to_https(&server.scope)
}

fn redirect_all(listen: &Listen<'_>, all: &[Server<'_>], work: &mut Work<'_>) {
    if serves_plain(listen, all) {
        return;
    }
    for it in work
        .draft
        .listeners
        .iter_mut()
        .filter(|it| !it.tls && port(&it.address) == port(&listen.address))
    {
        it.redirect = true;
    }
}

fn site<'a>(server: &Server<'a>, work: &mut Work<'a>) {
    if server.listens.is_empty() {
        return work.ledger.not(server.directive, "it listens nowhere that wsgate can");
    }
    let Some(domains) = names::domains(&server.names, &server.scope, server.directive, work) else {
        let reason =
            "another server has its names, and a name has one set of routes on all listeners";
        return work.ledger.not(server.directive, reason);
    };
    let mut site = Site { domains, ..Site::default() };
    site.remarks.push(format!("{}: server", server.directive.place));
    let routes = match server.purpose {
        Purpose::Answers => only_route(server, work),
        _ => site_routes(server, &site.domains, work),
    };
    let refuses = |it: &Route| it.own.as_ref().is_some_and(Own::refuses);
    let nothing = server.purpose != Purpose::Answers && routes.iter().all(refuses);
    if nothing || routes.is_empty() {
        return work
            .ledger
            .not(server.directive, "nothing in it leads to a backend that wsgate could reach");
    }
    site.routes = routes;
    work.ledger.carried(server.directive);
    certificate(server, &mut site, work);
    let client_ca = access::client_ca(&server.scope, work);
    site.client_ca = client_ca.map(|it| work.path(it.arg(0)));
    protocols(server, &mut site, work);
    fields::hoist(&mut site);
    pages::pages(&server.scope, &locations(&server.scope), &mut site, work);
    first_of_its_address(server, work);
    work.draft.sites.push(site);
}

fn certificate<'a>(server: &Server<'a>, site: &mut Site, work: &mut Work<'a>) {
    let name = site.domains.first().map_or("site", |it| it.trim_start_matches("*.")).to_owned();
    let mut missing = false;
    for (key, end) in [("ssl_certificate", "crt"), ("ssl_certificate_key", "key")] {
        let all = server.scope.all(key, work.ledger);
        let named = |it: &Directive| !it.arg(0).is_empty() && !it.arg(0).contains(['$', ':']);
        let file = all.first().filter(|it| named(it)).map(|it| work.path(it.arg(0)));
        missing |= file.is_none();
        let file = file.unwrap_or_else(|| format!("certs/{name}.{end}"));
        for (index, directive) in all.iter().enumerate() {
            match index {
                0 if !named(directive) => {
                    work.ledger.not(directive, "a certificate is a file with a fixed name")
                }
                0 => work.ledger.carried(directive),
                _ => work.ledger.not(directive, "a site has one certificate"),
            }
        }
        if end == "crt" { site.certificate = file } else { site.private_key = file }
    }
    if missing {
        site.remarks
            .push("Every site has a certificate: put it there, or write its path.".to_owned());
        let reason = "nginx serves it without a certificate of its own: a site has one";
        work.ledger.differs(server.directive, reason);
    }
}

fn protocols<'a>(server: &Server<'a>, site: &mut Site, work: &mut Work<'a>) {
    let Some(directive) = server.scope.last("ssl_protocols", work.ledger) else { return };
    let has = |name: &str| directive.args.iter().any(|it| it == name);
    site.only_tls13 = has("TLSv1.3") && !has("TLSv1.2");
    work.ledger.carried(directive);
    if has("TLSv1") || has("TLSv1.1") || has("SSLv3") {
        work.ledger.differs(directive, "TLS 1.2 is the oldest that is spoken");
    }
    if !has("TLSv1.3") {
        work.ledger.differs(directive, "TLS 1.3 is spoken, too");
    }
}

/// The first server of an address answers names that nobody has, unless another says that it does.
fn first_of_its_address(server: &Server<'_>, work: &mut Work<'_>) {
    let first = server.listens.iter().any(|mine| {
        let all = work.http.own("server");
        let place = all.iter().position(|it| it.id == server.directive.id).unwrap_or_default();
        let earlier = all.iter().take(place).any(|it| text_listens(it, mine));
        let default = all.iter().flat_map(|it| it.children()).any(|it| {
            it.name == "listen"
                && it.args.iter().any(|it| it == "default_server" || it == "default")
        });
        !earlier && !default
    });
    if first && !server.names.iter().all(|it| it == "_") {
        let reason =
            "the first server of an address answers names that nobody has; here they are refused";
        work.ledger.differs(server.directive, reason);
    }
}

fn text_listens(server: &Directive, mine: &Listen<'_>) -> bool {
    let Some(mine) = mine.directive else { return false };
    server.children().iter().any(|it| it.name == "listen" && it.arg(0) == mine.arg(0))
}

/// The route of a server that answers everything itself.
fn only_route<'a>(server: &Server<'a>, work: &mut Work<'a>) -> Vec<Route> {
    match answers::whole_server(&server.scope, work) {
        Ok(route) => {
            let mut routes: Vec<Route> = route.into_iter().collect();
            for route in &mut routes {
                fields::fields(&server.scope, route, work);
            }
            routes
        }
        Err(reason) => {
            work.ledger.not(server.directive, &format!("{reason}; its names are refused"));
            Vec::new()
        }
    }
}

/// Every route of a server, in an order that matches as nginx does.
fn site_routes<'a>(server: &Server<'a>, domains: &[String], work: &mut Work<'a>) -> Vec<Route> {
    let all = locations(&server.scope);
    // What the server's own conditions say holds for each of its routes.
    let mut shared = Route::default();
    conditions(&server.scope, domains, &mut shared, work);
    for rewrite in server.scope.own("rewrite") {
        work.ledger.not(rewrite, "paths are only changed by replacing a prefix");
    }
    let rest = rest_of(server, &all);
    let mut results: Vec<(&Location<'a>, Result<Route, String>)> = Vec::new();
    for location in all.iter().chain(&rest) {
        let route = routes::route(location, &all, domains, work);
        results.push((location, route.map(|it| with_shared(it, &shared))));
    }
    let (mut carried, lost) = covered(results, server.directive, work);
    inner::differences(&mut carried, &all, work);
    let fences: Vec<Route> =
        carried.iter().filter_map(|(it, route)| fence(it, route, &all)).collect();
    let mut routes = ordered(carried, &all, work);
    for fence in fences {
        if !routes.iter().any(|it| it.path == fence.path) {
            routes.push(fence);
        }
    }
    for (location, lost) in lost {
        routes::lost(location, &lost, &routes, work);
    }
    routes
}

/// What no location takes is looked for in the folder of the server.
fn rest_of<'a>(server: &Server<'a>, all: &[Location<'a>]) -> Option<Location<'a>> {
    let scope = server.scope.clone();
    let is_taken = all.iter().any(|it| it.literal() == Some("/"));
    let has_own = !server.scope.own("root").is_empty();
    let matcher = Matcher::Prefix("/".to_owned());
    let rest = Location { directive: server.directive, scope, matcher, depth: 0 };
    (has_own && !is_taken).then_some(rest)
}

fn with_shared(mut route: Route, shared: &Route) -> Route {
    route.remarks.extend(shared.remarks.iter().cloned());
    if route.files.is_none() {
        route.upgrade = route.upgrade.or(shared.upgrade);
    }
    if route.origins.is_empty() && route.mini_programs.is_empty() {
        route.origins.clone_from(&shared.origins);
        route.mini_programs.clone_from(&shared.mini_programs);
        route.missing_origin_allowed = shared.missing_origin_allowed;
    }
    route.closed |= shared.closed;
    route
}

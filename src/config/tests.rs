//! The configuration room as a whole: small files in, model or report out.

mod example;

use std::path::Path;
use std::time::Duration;

use super::model::*;
use super::{Level, Report, defaults, parse};

/// The keys of the contract that must be there, and no others.
const SMALLEST: &str = r#"
[[listeners]]
address = "[::]:443"

[[sites]]
domains = ["game.example.com"]
certificate = "certs/game.crt"
private_key = "/etc/game.key"

[[sites.routes]]
path = "/applet/websocket"
backend = "127.0.0.1:9595"
"#;

fn env(name: &str) -> Option<String> {
    (name == "ROOM").then(|| "blue".to_owned())
}

fn valid(text: &str) -> Config {
    let parsed = parse(Path::new("/srv/gateway.toml"), text, &env);
    parsed.unwrap_or_else(|report| panic!("{}", report.render())).0
}

fn route(more: &str) -> Route {
    valid(&format!("{SMALLEST}{more}")).sites.remove(0).routes.remove(0)
}

fn report(text: &str) -> Report {
    match parse(Path::new("/srv/gateway.toml"), text, &env) {
        Ok((_, report)) | Err(report) => report,
    }
}

/// Every finding as the text under its caret and its message.
fn findings(text: &str) -> Vec<(String, String)> {
    let report = report(text);
    let under = |spot: &Option<Spot>| spot.clone().map_or("", |it| &text[it]).to_owned();
    report.problems.iter().map(|it| (under(&it.spot), it.message.clone())).collect()
}

/// Asserts that the smallest file with these lines behind it has one finding: at this text, with
/// these words.
fn one_finding(more: &str, under: &str, words: &str) {
    let found = findings(&format!("{SMALLEST}{more}"));
    let [(spot, message)] = found.as_slice() else { panic!("{more}: {found:#?}") };
    assert_eq!(spot, under, "{message}");
    assert!(message.contains(words), "{message}");
}

#[test]
fn a_file_with_only_the_required_keys_has_every_default() {
    let config = valid(SMALLEST);
    assert_eq!(config.gateway.max_connections, 100_000);
    assert_eq!(config.gateway.drain.close_code, 1012);
    assert_eq!(config.gateway.header_size, 32 * 1024);
    assert_eq!(config.listeners[0].protocol, Protocol::Https { http2: true });
    assert_eq!(config.log.access, AccessLog::Stdout);
    let site = &config.sites[0];
    assert_eq!(site.certificate.value, Path::new("/srv/certs/game.crt"));
    assert_eq!(site.private_key.value, Path::new("/etc/game.key"));
    assert_eq!(site.tls_min, TlsVersion::V12);
    let route = &site.routes[0];
    assert_eq!(route.name, "/applet/websocket");
    assert_eq!(route.upgrade, Upgrade::Allow);
    assert_eq!(route.heartbeat.client_ping, Some(Duration::from_secs(25)));
    assert_eq!(route.heartbeat.client_timeout, Some(Duration::from_secs(60)));
    assert_eq!(route.heartbeat.backend_ping, None);
    assert_eq!(route.limits.message_size, Some(1 << 20));
    assert!(!route.clients.missing_origin_allowed);
    let backend = &config.backends[route.backend().expect("it has one")];
    assert_eq!(backend.name, "127.0.0.1:9595");
    assert_eq!(backend.connect_timeout, defaults::CONNECT_TIMEOUT);
    assert!(report(SMALLEST).problems.is_empty());
}

#[test]
fn off_switches_a_wait_and_a_limit_off() {
    let route = route(
        "heartbeat = { client_ping = \"off\", client_timeout = \"off\", idle_timeout = \"5m\" }\nlimits = { message_size = \"off\" }\ntimeouts = { response = \"off\" }\n",
    );
    assert_eq!(route.heartbeat.client_timeout, None);
    assert_eq!(route.heartbeat.idle_timeout, Some(Duration::from_secs(300)));
    assert_eq!(route.limits.message_size, None);
    assert_eq!(route.timeouts.response, None);
}

#[test]
fn headers_take_the_environment_now_and_the_request_later() {
    let route = route("set_headers = { X-Room = \"${ROOM} ${client_ip}\", Host = \"a\" }\n");
    let room = Template(vec![TemplatePart::Text("blue ".to_owned()), TemplatePart::ClientIp]);
    let host = Template(vec![TemplatePart::Text("a".to_owned())]);
    assert_eq!(route.set_headers, [("X-Room".to_owned(), room), ("Host".to_owned(), host)]);
}

#[test]
fn a_site_gives_its_routes_the_headers_of_which_they_say_nothing() {
    let site = "response_headers = { X-A = \"site\", X-B = \"site\", X-C = \"site\" }\n\
                remove_response_headers = [\"Server\", \"X-D\"]\n\n[[sites.routes]]";
    let route = "response_headers = { x-a = \"route\", X-D = \"${request_id}\" }\n\
                 remove_response_headers = [\"X-B\"]\n";
    let text = SMALLEST.replace("\n[[sites.routes]]", site) + route;
    let headers = valid(&text).sites.remove(0).routes.remove(0).response_headers;
    let names: Vec<_> = headers.set.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-a", "X-D", "X-C"]);
    assert_eq!(headers.remove, ["x-b", "server"]);
}

#[test]
fn a_route_does_one_thing() {
    let with = |action: &str| SMALLEST.replace("backend = \"127.0.0.1:9595\"", action);
    let action = |text: &str| valid(&with(text)).sites.remove(0).routes.remove(0).action;
    let Action::Redirect(found) = action("redirect = \"https://${ROOM}.example${uri}\"") else {
        panic!("no redirect")
    };
    assert_eq!(found.status, 301);
    let host = LocationPart::Text("https://blue.example".to_owned());
    assert_eq!(found.location, Location(vec![host, LocationPart::Uri]));
    let Action::Reply(found) = action("reply = { body = \"ok\" }") else { panic!("no reply") };
    assert_eq!((found.status, found.body.as_deref()), (200, Some("ok")));
    let Action::Reply(found) = action("reply = { status = 403 }") else { panic!("no reply") };
    assert_eq!((found.status, found.body), (403, None));
    one_finding("reply = { body = \"ok\" }\n", "{ body = \"ok\" }", "has `backend` already");
    let found = findings(&with("upgrade = \"only\""));
    assert!(found.iter().any(|(_, message)| message.contains("`backend` is missing")), "{found:?}");
}

#[test]
fn a_missing_variable_is_found_at_its_place_in_the_string() {
    one_finding("forwarded = \"${MODE}\"\n", "${MODE}", "`MODE` is not set");
    one_finding("set_headers = { X-A = \"a ${clientip} b\" }\n", "${clientip}", "`clientip`");
}

#[test]
fn required_keys_are_missed_together_and_with_their_table() {
    let found = findings("[[listeners]]\n[[sites]]\n[[sites.routes]]\n[backends.a]\n");
    let expected = [
        "`address` is missing in [[listeners]]",
        "`domains` is missing in [[sites]]",
        "`certificate` is missing in [[sites]]",
        "`private_key` is missing in [[sites]]",
        "`path` is missing in [[sites.routes]]",
        "`backend` is missing in [[sites.routes]]",
        "`servers` is missing in [backends.a]",
        "no route uses `a`",
    ];
    let messages: Vec<_> = found.iter().map(|it| it.1.as_str()).collect();
    assert_eq!(messages, expected);
}

#[test]
fn an_empty_file_is_missing_listeners_and_sites() {
    let messages: Vec<_> = findings("").into_iter().map(|it| it.1).collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[0].contains("[[listeners]]") && messages[1].contains("[[sites]]"));
}

#[test]
fn a_value_of_the_wrong_type_is_one_finding_and_not_missing_too() {
    let text = SMALLEST.replace("\"/applet/websocket\"", "5");
    let found = findings(&text);
    assert_eq!(found, [("5".to_owned(), "expected a string, found integer `5`".to_owned())]);
}

#[test]
fn a_domain_belongs_to_one_site() {
    let other = "[[sites]]\ndomains = [\"Game.example.com\"]\ncertificate = \"a\"\nprivate_key = \"b\"\n[[sites.routes]]\npath = \"/\"\nbackend = \"unix:a\"\n";
    one_finding(other, "\"Game.example.com\"", "already in another site");
}

#[test]
fn an_unknown_backend_is_answered_with_the_one_that_was_meant() {
    let text = SMALLEST.replace("\"127.0.0.1:9595\"", "\"gmae\"");
    let report = report(&format!("{text}[backends.game]\nservers = [\"127.0.0.1:1\"]\n"));
    let problem = &report.problems[0];
    assert_eq!(problem.message, "there is no backend `gmae`");
    assert_eq!(problem.hint.as_deref(), Some("did you mean `game`?"));
}

#[test]
fn a_backend_that_no_route_uses_is_a_warning() {
    let text = format!("{SMALLEST}[backends.game]\nservers = [{{ address = \"a:1\" }}]\n");
    let report = report(&text);
    assert_eq!(report.problems.len(), 1);
    assert_eq!(report.problems[0].level, Level::Warning);
    assert_eq!(valid(&text).backends.len(), 2);
}

#[test]
fn two_routes_with_one_inline_server_share_it() {
    let second = "[[sites.routes]]\npath = \"/b\"\nbackend = \"127.0.0.1:9595\"\n";
    let config = valid(&format!("{SMALLEST}{second}"));
    assert_eq!(config.backends.len(), 1);
}

#[test]
fn a_ping_that_could_never_be_answered_is_an_error() {
    let beat = "[sites.routes.heartbeat]\nclient_ping = \"60s\"\n";
    one_finding(beat, "\"60s\"", "not shorter than `client_timeout` (60s, the default)");
    let beat = "[sites.routes.heartbeat]\nbackend_ping = \"2m\"\nbackend_timeout = \"90s\"\n";
    one_finding(beat, "\"2m\"", "`backend_ping` (2m)");
}

#[test]
fn a_route_that_never_notices_dead_clients_is_a_warning() {
    let beat = "heartbeat = { client_ping = \"off\", client_timeout = \"off\" }\n";
    one_finding(beat, "\"off\"", "never noticed");
}

#[test]
fn rules_of_one_key_are_kept() {
    one_finding("upgrade = \"onyl\"\n", "\"onyl\"", "not one of `allow`, `only`, `never`");
    one_finding("subprotocol = \"a b\"\n", "\"a b\"", "not a token");
    one_finding("subprotocol = \"echo-first\"\n", "\"echo-first\"", "forces a subprotocol");
    one_finding("heartbeat = { close_code = 1006 }\n", "1006", "must never be sent");
    one_finding("remove_headers = [\"Upgrade\"]\n", "\"Upgrade\"", "cannot be removed");
    one_finding("set_headers = { TE = \"a\" }\n", "TE", "cannot be set");
    one_finding("trusted_proxies = [\"10.0.0.0/40\"]\n", "\"10.0.0.0/40\"", "not a network");
    one_finding("strip_prefix = \"game\"\n", "\"game\"", "begins with `/`");
    one_finding("timeouts = { response = \"0s\" }\n", "\"0s\"", "cannot be zero");
    one_finding("[gateway]\nmax_connections = 0\n", "0", "from 1 to");
    one_finding("[gateway.drain]\nspread = \"31s\"\n", "\"31s\"", "longer than the drain");
    one_finding("[log]\nlevel = \"inof\"\n", "\"inof\"", "not one of");
    one_finding("[clients]\n", "clients", "unknown key `clients`");
}

#[test]
fn listeners_have_their_own_addresses_and_http_its_own_keys() {
    one_finding("[[listeners]]\naddress = \"0.0.0.0:443\"\n", "\"0.0.0.0:443\"", "already taken");
    let http = "[[listeners]]\naddress = \"[::]:80\"\nprotocol = \"http\"\nredirect_to_https = true\nacme_challenge_root = \"acme\"\n";
    let protocol = valid(&format!("{SMALLEST}{http}")).listeners[1].protocol.clone();
    let Protocol::Http { redirect_to_https: true, acme_challenge_root: Some(root) } = protocol
    else {
        panic!("{protocol:?}")
    };
    assert_eq!(root.value, Path::new("/srv/acme"));
    let https = http.replace("protocol = \"http\"\n", "");
    let found = findings(&format!("{SMALLEST}{https}"));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|it| it.1.contains("http listeners only")), "{found:?}");
}

#[test]
fn routes_of_one_site_are_told_apart() {
    let second = "[[sites.routes]]\npath = \"/applet/websocket\"\nbackend = \"a:1\"\n";
    one_finding(second, "\"/applet/websocket\"", "another route with the same path");
    let shadowed = "[[sites.routes]]\npath = \"~ ^/\"\nbackend = \"a:1\"\n[[sites.routes]]\npath = \"/b\"\nbackend = \"a:1\"\n";
    one_finding(shadowed, "\"/b\"", "no request reaches this route");
    let stripped = "[[sites.routes]]\npath = \"~ ^/x\"\nbackend = \"a:1\"\nstrip_prefix = true\n";
    one_finding(stripped, "true", "no prefix to strip");
}

#[test]
fn a_pool_has_everything_that_is_written_and_defaults_for_the_rest() {
    let text = SMALLEST.replace("\"127.0.0.1:9595\"", "\"game\"");
    let pool = "[backends.game]\nservers = [{ address = \"a:1\", weight = 3 }, \
                { address = \"https://b:1\", backup = true }]\nbalance = \"hash\"\nhold = \"2s\"\n\
                proxy_protocol = \"v2\"\nhealth = { path = \"/up\", every = \"1s\" }\n";
    let game = valid(&format!("{text}{pool}")).backends.remove(0);
    let servers: Vec<_> = game.servers.iter().map(|it| (it.weight, it.backup, it.tls)).collect();
    assert_eq!(servers, [(3, false, false), (1, true, true)]);
    assert_eq!(game.balance, Balance::Hash(HashOn::ClientIp));
    assert_eq!(game.hold, Some(Duration::from_secs(2)));
    assert_eq!(game.proxy_protocol, Some(ProxyVersion::V2));
    let health = game.health.expect("checks");
    assert_eq!((health.timeout, health.fall, health.rise), (Duration::from_secs(1), 3, 2));
}

#[test]
fn mini_programs_and_origins_are_read() {
    let route = route(
        "[sites.routes.clients]\norigins = [\"https://*.example.com\"]\nmini_programs = [\"wx01\", \"qq:7\"]\nmissing_origin = \"allow\"\naddresses = { deny = [\"10.0.0.1\"] }\n",
    );
    assert!(route.clients.origins[0].wildcard && route.clients.missing_origin_allowed);
    assert_eq!(route.clients.mini_programs[1].family, AppFamily::Qq);
    assert_eq!(route.clients.deny.len(), 1);
}

#[test]
fn clients_that_are_chosen_from_empty_lists_are_a_warning() {
    for (keys, under) in [
        ("origins = []", "[]"),
        ("mini_programs = []\nmissing_origin = \"deny\"", "[]"),
        ("missing_origin = \"allow\"", "\"allow\""),
    ] {
        let more = format!("[sites.routes.clients]\n{keys}\n");
        one_finding(&more, under, "every Origin is refused");
        assert!(route(&more).clients.selective, "{keys}");
    }
    for keys in ["addresses = { deny = [] }", ""] {
        let more = format!("[sites.routes.clients]\n{keys}\n");
        assert!(!route(&more).clients.selective, "{keys}");
    }
}

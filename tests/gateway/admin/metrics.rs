//! `/metrics`: what docs/metrics.md says is what is there, and the numbers are those of the traffic.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use wsgate::observe::issuances::Standing;

use super::asking::{HERE, ask, code};
use super::figures::traffic;
use super::{house, window};
use crate::house::frames::{PONG, masked};
use crate::house::{Backend, HOST, House, client::field, route, until};

/// A metric's type and label names.
type Shape = (String, BTreeSet<String>);

pub async fn scrape(house: &House) -> String {
    let (head, body) = ask(&window(house), "GET", "/metrics", HERE).await;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!((code(&head), field(&head, "content-type")), (200, Some(kind)));
    body
}

pub fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The metrics of docs/metrics.md.
pub fn documented() -> BTreeMap<String, Shape> {
    let text = document("metrics.md");
    let rows = text.lines().filter(|it| it.starts_with("| `"));
    let metrics: BTreeMap<_, _> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let [_, name, kind, labels, meaning, ..] = cells[..] else { panic!("{row}") };
            assert!(!meaning.is_empty(), "{row}");
            let bare = |it: &str| it.trim().trim_matches('`').to_owned();
            let labels = labels.split(',').map(bare).filter(|it| !it.is_empty()).collect();
            (bare(name), (kind.to_owned(), labels))
        })
        .collect();
    assert!(metrics.len() > 30, "only {} were found", metrics.len());
    metrics
}

/// The metrics of a scrape, with the labels of their samples; `None` for those without a sample.
fn scraped(text: &str) -> BTreeMap<String, (String, Option<BTreeSet<String>>)> {
    let mut found = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            current = name.to_owned();
            assert!(
                found.insert(current.clone(), (kind.to_owned(), None)).is_none(),
                "twice: {name}"
            );
        } else if !line.starts_with('#') {
            assert!(line.starts_with(&current), "{line} is not of {current}");
            let labels = line.split_once('{').map_or("", |(_, rest)| rest);
            let names = labels.split("\",").filter_map(|it| it.split_once("=\"").map(|it| it.0));
            let names = names.filter(|it| *it != "le").map(str::to_owned).collect();
            found.get_mut(&current).expect("a family").1 = Some(names);
        }
    }
    found
}

/// The value of the sample that begins so.
pub fn value(text: &str, sample: &str) -> Option<f64> {
    let line = text.lines().find_map(|it| it.strip_prefix(sample)?.strip_prefix(' '))?;
    line.parse().ok()
}

#[tokio::test]
async fn every_metric_is_documented_with_its_type_and_labels_and_there() {
    let backend = Backend::echo().await;
    let house = house("", &route("/ws", &backend)).await;
    let stays = traffic(&house).await;
    let next = Some(std::time::SystemTime::now());
    let ordered = Standing { next, ..Standing::default() };
    house.gateway.books().issuances.note("ordered.example.test", ordered);
    let (found, known) = (scraped(&scrape(&house).await), documented());
    let names = |it: &BTreeSet<_>| it.clone();
    let there: BTreeSet<_> = found.keys().cloned().collect();
    assert_eq!(
        names(&there),
        known.keys().cloned().collect(),
        "what is there is what is documented"
    );
    for (name, (kind, labels)) in &found {
        assert_eq!(*kind, known[name].0, "{name}");
        let labels = labels.as_ref().unwrap_or_else(|| panic!("{name} has no sample"));
        assert_eq!(*labels, known[name].1, "{name}");
    }
    drop(stays);
    house.finish().await;
}

#[tokio::test]
async fn the_numbers_are_those_of_the_traffic() {
    let backend = Backend::echo().await;
    let house = house("", &route("/ws", &backend)).await;
    let stays = traffic(&house).await;
    let text = scrape(&house).await;
    let lane = format!("site=\"{HOST}\",route=\"/ws\",backend=\"{}\"", backend.address());
    let server = format!("backend=\"{0}\",server=\"{0}\"", backend.address());
    for (sample, expected) in [
        ("wsgate_connections".to_owned(), 1.0),
        ("wsgate_connections_accepted_total".to_owned(), 4.0),
        ("wsgate_tls_handshakes_total{outcome=\"full\"}".to_owned(), 4.0),
        ("wsgate_tls_versions_total{version=\"1.3\"}".to_owned(), 4.0),
        ("wsgate_handshakes_total{outcome=\"switched\"}".to_owned(), 2.0),
        ("wsgate_handshakes_total{outcome=\"refused:no_route\"}".to_owned(), 1.0),
        ("wsgate_refusals_total{reason=\"no_route\"}".to_owned(), 2.0),
        (format!("wsgate_sockets{{{lane}}}"), 1.0),
        (format!("wsgate_sockets_opened_total{{{lane}}}"), 2.0),
        (format!("wsgate_messages_total{{{lane},direction=\"up\"}}"), 2.0),
        (format!("wsgate_frames_total{{{lane},direction=\"up\",kind=\"control\"}}"), 2.0),
        (format!("wsgate_bytes_total{{{lane},direction=\"up\",kind=\"binary\"}}"), 308.0),
        (format!("wsgate_bytes_total{{{lane},direction=\"down\",kind=\"text\"}}"), 7.0),
        ("wsgate_message_size_bytes_bucket{direction=\"up\",le=\"64\"}".to_owned(), 1.0),
        ("wsgate_message_size_bytes_bucket{direction=\"up\",le=\"256\"}".to_owned(), 1.0),
        ("wsgate_message_size_bytes_bucket{direction=\"up\",le=\"1024\"}".to_owned(), 2.0),
        ("wsgate_message_size_bytes_sum{direction=\"up\"}".to_owned(), 305.0),
        ("wsgate_message_size_bytes_count{direction=\"down\"}".to_owned(), 2.0),
        ("wsgate_close_codes_total{by=\"client\",code=\"4xxx\"}".to_owned(), 1.0),
        ("wsgate_ends_total{kind=\"socket\",by=\"client\",end=\"close\"}".to_owned(), 1.0),
        (format!("wsgate_backend_server_standing{{{server},standing=\"up\"}}"), 1.0),
        (format!("wsgate_backend_server_live{{{server}}}"), 1.0),
        (format!("wsgate_backend_connect_seconds_count{{{server}}}"), 2.0),
        ("wsgate_reload_last_successful".to_owned(), 1.0),
        ("wsgate_draining".to_owned(), 0.0),
    ] {
        assert_eq!(value(&text, &sample), Some(expected), "{sample} in\n{text}");
    }
    drop(stays);
    house.finish().await;
}

#[tokio::test]
async fn pings_have_a_round_trip_and_deaths_have_a_timer_and_a_code() {
    let backend = Backend::echo().await;
    let rules = "[sites.routes.heartbeat]\nclient_ping = \"300ms\"\nclient_timeout = \"900ms\"\n";
    let house = house("", &(route("/", &backend) + rules)).await;
    let mut client = house.socket("/").await;
    let ping = client.frame().await.expect("a ping");
    tokio::time::sleep(Duration::from_millis(60)).await;
    client.send(masked(PONG, &ping.payload)).await;
    let live = || house.gateway.books().sockets.list(|it| it.up.round_trip().is_some(), 1).1;
    until(|| live() == 1).await;
    let text = scrape(&house).await;
    let sample = "wsgate_ping_round_trip_seconds_count{side=\"client\"}";
    assert_eq!(value(&text, sample), Some(1.0), "{text}");
    let sum = value(&text, "wsgate_ping_round_trip_seconds_sum{side=\"client\"}").expect("there");
    assert!((0.06..5.0).contains(&sum), "{sum}");
    // From here on the client is silent.
    house.line().await;
    let text = scrape(&house).await;
    for sample in [
        "wsgate_heartbeat_deaths_total{timer=\"client_timeout\"}",
        "wsgate_close_codes_total{by=\"gateway\",code=\"1001\"}",
    ] {
        assert_eq!(value(&text, sample), Some(1.0), "{sample} in\n{text}");
    }
    drop(client);
    house.finish().await;
}

/// Every query of a dashboard.
pub fn queries(dashboard: &str) -> Vec<String> {
    fn gather(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                found.extend(fields.get("expr").and_then(|it| it.as_str()).map(str::to_owned));
                fields.values().for_each(|it| gather(it, found));
            }
            serde_json::Value::Array(values) => values.iter().for_each(|it| gather(it, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    gather(&serde_json::from_str(dashboard).expect("JSON"), &mut found);
    assert!(found.len() > 30, "only {} were found", found.len());
    found
}

/// Everything in `text` that has the form of a metric's name of ours.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = |it: &&str| it.starts_with("wsgate_") || it.starts_with("process_");
    words.filter(ours).map(str::to_owned).collect()
}

#[test]
fn dashboard_and_alerts_name_only_metrics_that_exist() {
    let known = documented();
    let is_known = |name: &str| {
        let part = |end: &str| {
            let whole = name.strip_suffix(end).and_then(|it| known.get(it));
            whole.is_some_and(|(kind, _)| kind == "histogram")
        };
        let whole = known.get(name).is_some_and(|(kind, _)| kind != "histogram");
        whole || part("_bucket") || part("_sum") || part("_count")
    };
    let dashboard = document("grafana.json");
    let shown = named(&(queries(&dashboard).join("\n") + &dashboard));
    let alerts = document("wsgate.rules.yml");
    let expressions: String =
        alerts.lines().filter(|it| !it.contains("summary") && !it.starts_with('#')).collect();
    let watched = named(&expressions);
    assert!(shown.len() > 25 && watched.len() > 8, "{shown:?} {watched:?}");
    let unknown: Vec<_> = shown.iter().chain(&watched).filter(|it| !is_known(it)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

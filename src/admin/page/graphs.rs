//! The graphs of the page: which lines each has, and where they come from.

use super::graph::{COLOURS, Graph, Line, Window};
use super::html::Html;
use super::table::{Column, Table};
use super::units;
use crate::admin::status::{History, Pings, RouteLine, Status, Times};

/// How many points a graph may have room for: with one for every 5 s, 2, 5 and 10 minutes. A young
/// gateway has the whole width too.
const ROOMS: [usize; 3] = [24, 60, 120];

/// What the line of many routes is called.
const OTHERS: &str = "other routes";

/// Values over time; `None` where there was nothing to measure.
type Values = Vec<Option<f64>>;

/// Writes all graphs, and the round trips beside them.
pub fn all(out: &mut Html, status: &Status) {
    out.raw("<div class=\"pair\" id=\"graphs\" data-live>");
    if let Some(history) = &status.history {
        live(status, history).draw(out);
        messages(history).draw(out);
        bytes(history).draw(out);
    }
    trips(out, &status.pings);
    out.raw("</div>");
}

fn live(status: &Status, history: &History) -> Graph {
    Graph {
        id: "sockets-over-time",
        title: "Live sockets",
        note: "by route",
        unit: |it| units::count(it.round() as u64),
        lines: by_route(history),
        now: units::count(status.sockets.open),
        peak: highest(&history.all.sockets).max(status.sockets.open as f64),
        window: window(history),
    }
}

/// A line for each route; when there are more than colours, the quietest share one.
fn by_route(history: &History) -> Vec<Line> {
    let one_site = history.routes.windows(2).all(|it| it[0].site == it[1].site);
    let line = |it: &RouteLine| Line {
        name: units::place(if one_site { "" } else { &it.site }, &it.route),
        values: it.sockets.clone(),
    };
    let used = |it: &Line| it.values.iter().flatten().any(|it| *it > 0.0);
    let mut lines: Vec<Line> = history.routes.iter().map(line).filter(used).collect();
    if lines.len() > COLOURS {
        let rest = lines.split_off(COLOURS - 1);
        let at =
            |at: usize| rest.iter().filter_map(|it| it.values.get(at).copied().flatten()).sum();
        let values = (0..history.times.len()).map(|it| Some(at(it))).collect();
        lines.push(Line { name: OTHERS.to_owned(), values });
    }
    lines
}

fn window(history: &History) -> Window {
    let points = history.times.len();
    let room = ROOMS.into_iter().find(|it| *it >= points).unwrap_or(points);
    Window { room, every_s: history.every_s }
}

fn messages(history: &History) -> Graph {
    let (up, down) = (history.all.up_messages.clone(), history.all.down_messages.clone());
    both(
        "messages",
        "Messages",
        "a second, both ways",
        units::per_second,
        [up, down],
        window(history),
    )
}

fn bytes(history: &History) -> Graph {
    let (up, down) = (history.all.up_bytes.clone(), history.all.down_bytes.clone());
    both(
        "bytes",
        "Bytes",
        "a second, with frame headers",
        units::bytes_per_second,
        [up, down],
        window(history),
    )
}

/// A graph with a line for each way.
fn both(
    id: &'static str,
    title: &'static str,
    note: &'static str,
    unit: fn(f64) -> String,
    [up, down]: [Values; 2],
    window: Window,
) -> Graph {
    let sum = |(up, down): (&Option<f64>, &Option<f64>)| match (up, down) {
        (None, None) => None,
        (up, down) => Some(up.unwrap_or(0.0) + down.unwrap_or(0.0)),
    };
    let sums: Values = up.iter().zip(&down).map(sum).collect();
    let now = sums.last().copied().flatten().map_or("–".to_owned(), unit);
    let peak = highest(&sums);
    let line = |name: &str, values| Line { name: name.to_owned(), values };
    let lines = vec![line("to backends", up), line("to clients", down)];
    Graph { id, title, note, unit, lines, now, peak, window }
}

fn highest(values: &Values) -> f64 {
    values.iter().flatten().copied().fold(0.0, f64::max)
}

fn trips(out: &mut Html, pings: &Pings) {
    const COLUMNS: [Column; 5] =
        [("Side", ""), ("p50", "n"), ("p90", "n"), ("p99", "n"), ("Answers", "n")];
    out.raw("<section class=\"card\" id=\"trips\"><h2>Ping round trip ");
    out.raw("<small>of the gateway's own pings</small></h2>");
    if pings.client.count + pings.backend.count == 0 {
        out.raw("<p class=\"empty\">No ping has been answered yet.</p></section>");
        return;
    }
    out.raw("<p class=\"now\">").text(within(pings.client.p50_ms.or(pings.backend.p50_ms)));
    out.raw("</p>");
    let mut table =
        Table::small(out, "How long answers take, by quantile, since the start.", &COLUMNS);
    for (side, it) in [("clients", &pings.client), ("backends", &pings.backend)] {
        let Times { count, p50_ms, p90_ms, p99_ms, .. } = it;
        table.row().text(side);
        for quantile in [p50_ms, p90_ms, p99_ms] {
            table.text(within(*quantile));
        }
        table.text(units::count(*count));
    }
    table.end();
    out.raw("</section>");
}

fn within(millis: Option<f64>) -> String {
    millis.map_or("–".to_owned(), units::millis)
}

//! The table of live sockets: searched by the gateway, so that it works without a script and for
//! more sockets than anybody wants in one page.

use super::html::Html;
use super::table::{Column, Table};
use super::{View, units};
use crate::admin::status::{Connection, Listing};

/// The orders that `/api/connections` knows, and what they are called here.
const ORDERS: [(&str, &str); 4] = [
    ("newest", "newest first"),
    ("oldest", "oldest first"),
    ("busiest", "most bytes first"),
    ("silent", "longest silent first"),
];

/// Writes the search and its table.
pub fn sockets(out: &mut Html, view: &View<'_>) {
    out.raw("<section class=\"card\"><h2>Sockets</h2>");
    out.raw("<form id=\"search\" role=\"search\" method=\"get\" action=\"/\"><label for=\"q\">Search</label>");
    out.raw("<input id=\"q\" name=\"q\" type=\"search\" maxlength=\"200\" autocomplete=\"off\"");
    out.raw(" spellcheck=\"false\" placeholder=\"client, route, backend, app, origin or id\"");
    out.attribute("value", view.query).raw("><label class=\"beside\">Order ");
    out.raw("<select id=\"sort\" name=\"sort\">");
    for (name, words) in ORDERS {
        out.raw("<option").attribute("value", name);
        out.raw(if name == view.sort { " selected>" } else { ">" }).raw(words).raw("</option>");
    }
    out.raw("</select></label><noscript><button>Search</button></noscript></form>");
    out.raw("<div id=\"sockets\" data-live><p class=\"soft\" role=\"status\">");
    summary(out, view.sockets);
    out.raw("</p>");
    if !view.sockets.connections.is_empty() {
        rows(out, &view.sockets.connections);
    }
    out.raw("</div></section>");
}

fn summary(out: &mut Html, listing: &Listing) {
    let shown = units::count(listing.connections.len() as u64);
    let [matching, total] = [listing.matching, listing.total].map(|it| units::count(it as u64));
    if listing.total == 0 {
        out.raw("No socket is open. Each WebSocket is listed here while it lives.");
    } else if listing.matching == 0 {
        out.raw("None of ").text(total).raw(" live sockets matches.");
    } else if shown != matching {
        out.text(shown).raw(" of ").text(&matching);
        if matching == total {
            out.raw(" live sockets. A search finds the others.");
        } else {
            out.raw(" that match, of ").text(&total).raw(" live sockets.");
        }
    } else if matching != total {
        out.text(matching).raw(" of ").text(total).raw(" live sockets match.");
    } else {
        out.text(total).raw(" live.");
    }
}

fn rows(out: &mut Html, shown: &[Connection]) {
    const COLUMNS: [Column; 8] = [
        ("Client", "wide"),
        ("Route", "wide"),
        ("Server", "wide"),
        ("Open for", "n"),
        ("Messages ↑ / ↓", "n"),
        ("Silent ↑ / ↓", "n"),
        ("Ping ↑ / ↓", "n"),
        ("", "scripted-only"),
    ];
    let caption = "↑ is the client's side, ↓ the backend's: what came from it, how long it has been \
                   silent, how long it took to answer the last ping.";
    let mut table = Table::begin(out, caption, &COLUMNS);
    for it in shown {
        table.row().cell(|out| who(out, it)).cell(|out| {
            out.text(&it.route).raw("<span class=\"soft\">").text(&it.site).raw("</span>");
        });
        table.cell(|out| {
            out.text(&it.server).raw("<span class=\"soft\">").text(&it.backend).raw("</span>");
        });
        table.text(units::seconds(it.age_s));
        let [up, down] = [&it.up, &it.down].map(|it| units::count(it.messages));
        table.text(format_args!("{up} / {down}"));
        let [up, down] = [&it.up, &it.down].map(|it| units::seconds(it.silent_s));
        table.text(format_args!("{up} / {down}"));
        let trip = |it: Option<f64>| it.map_or("–".to_owned(), units::millis);
        let [up, down] = [&it.up, &it.down].map(|it| trip(it.round_trip_ms));
        table.text(format_args!("{up} / {down}")).cell(|out| button(out, it));
    }
    table.end();
}

fn who(out: &mut Html, it: &Connection) {
    out.foreign(&it.client).raw(" <code class=\"id\">").text(&it.id).raw("</code>");
    let texts: [&str; 2] = [&it.origin, &it.app];
    for more in texts.into_iter().filter(|it| !it.is_empty()) {
        out.raw("<span class=\"soft\">").foreign(units::clipped(more)).raw("</span>");
    }
}

fn button(out: &mut Html, it: &Connection) {
    out.raw("<button type=\"button\"").attribute("data-id", &it.id);
    out.attribute("aria-label", format_args!("Close the socket of {}", it.client));
    out.raw(">Close</button>");
}

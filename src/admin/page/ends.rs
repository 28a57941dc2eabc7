//! The last endings, each with who ended it and why.

use std::time::Duration;

use super::html::Html;
use super::table::{Column, Table};
use super::units;
use crate::admin::status::{Ending, Status};

/// How many endings the page shows; the JSON has more.
const ROWS: usize = 15;

/// Ends without a code that need nobody's attention.
const ORDINARY: [&str; 4] = ["finished", "fin", "drained", "ordered"];

/// Writes the table of the last endings.
pub fn endings(out: &mut Html, status: &Status) {
    const COLUMNS: [Column; 6] = [
        ("Why", "wide"),
        ("By", "one"),
        ("Client", "whole"),
        ("What", "wide long"),
        ("Lasted", "n"),
        ("At", "n"),
    ];
    out.raw("<section class=\"card\" id=\"endings\" data-live><h2>Last endings</h2>");
    if status.endings.is_empty() {
        out.raw("<p class=\"empty\">Nothing has ended yet.</p></section>");
        return;
    }
    let caption = "Sockets, and requests and connections that ended badly; the newest first.";
    let mut table = Table::begin(out, caption, &COLUMNS);
    for it in status.endings.iter().take(ROWS) {
        table.row().toned(tone(&it.end), |out| why(out, it));
        table.text(&it.by).foreign(&it.client).cell(|out| what(out, it));
        table.text(units::span(Duration::from_millis(it.ms))).text(units::clock(&it.time));
    }
    table.end();
    out.raw("</section>");
}

/// A colour for what may need attention; codes from 3000 on are the applications' own.
fn tone(end: &str) -> &'static str {
    let code = end.strip_prefix("close:").and_then(|it| it.parse().ok());
    let ordinary = match code {
        Some(1000 | 1001 | 1005 | 1012) => true,
        Some(code) => code >= 3000_u16,
        None => ORDINARY.contains(&end),
    };
    if ordinary { "" } else { "wait" }
}

fn why(out: &mut Html, it: &Ending) {
    out.text(&it.end);
    if !it.detail.is_empty() {
        out.raw("<span class=\"soft\">").foreign(units::clipped(&it.detail)).raw("</span>");
    }
}

fn what(out: &mut Html, it: &Ending) {
    let place = units::place(&it.host, &it.path);
    if !place.is_empty() {
        out.foreign(units::clipped(&place));
    }
    out.raw("<span class=\"soft\">").text(&it.kind);
    if it.kind == "request" && it.status != 0 {
        out.raw(" · ").text(it.status);
    }
    for more in [&it.backend, &it.server].into_iter().filter(|it| !it.is_empty()) {
        out.raw(" · ").text(more);
    }
    out.raw("</span>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ordinary_has_no_colour() {
        for end in ["close:1000", "close:1005", "close:4001", "fin", "ordered"] {
            assert_eq!(tone(end), "", "{end}");
        }
        for end in ["close:1002", "close:1011", "close", "reset", "timer:client_timeout"] {
            assert_eq!(tone(end), "wait", "{end}");
        }
    }
}

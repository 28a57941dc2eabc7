//! What may need somebody's hand: the servers of the pools, and the certificates.

use super::html::Html;
use super::table::{Column, Table};
use super::units;
use crate::admin::status::{Server, Status};

/// Days before its end from which a certificate has a colour; the log warns as early.
pub const SOON: f64 = 21.0;

/// The pools and how their servers are.
pub fn backends(out: &mut Html, status: &Status) {
    const COLUMNS: [Column; 4] =
        [("Server", "wide"), ("State", "wide"), ("Alive", "n one"), ("Connect", "n one")];
    out.raw("<section class=\"card\" id=\"backends\" data-live><h2>Backends</h2>");
    let caption = "Connect is the median of the time that a connection takes.";
    let mut table = Table::begin(out, caption, &COLUMNS);
    for backend in &status.backends {
        for server in &backend.servers {
            table.row().cell(|out| address(out, &backend.name, server));
            table.toned(tone(server), |out| state(out, server));
            table.text(units::count(server.live));
            table.text(server.connect.p50_ms.map_or("–".to_owned(), units::millis));
        }
        if backend.servers.is_empty() {
            table.row().text(&backend.name).toned("bad", |out| {
                out.raw("✕ no address");
            });
            table.text("–").text("–");
        }
    }
    table.end();
    out.raw("</section>");
}

fn address(out: &mut Html, backend: &str, server: &Server) {
    out.text(&server.address).raw("<span class=\"soft\">").text(backend);
    if server.weight != 1 {
        out.raw(" · weight ").text(server.weight);
    }
    if server.backup {
        out.raw(" · backup");
    }
    out.raw("</span>");
}

fn tone(server: &Server) -> &'static str {
    match server.standing.as_ref() {
        "up" => "good",
        "down" => "bad",
        _ => "wait",
    }
}

fn state(out: &mut Html, server: &Server) {
    out.raw(match tone(server) {
        "good" => "● ",
        "bad" => "✕ ",
        _ => "◐ ",
    });
    out.text(&server.standing);
    if let Some(last) = &server.last_failure {
        out.raw("<span class=\"soft\">").text(units::clock(&last.time)).raw(": ");
        out.foreign(&last.words).raw("</span>");
    }
}

/// The certificates and how long they are good.
pub fn certificates(out: &mut Html, status: &Status) {
    const COLUMNS: [Column; 3] = [("Names", "wide"), ("Ends", "n"), ("Left", "n")];
    out.raw("<section class=\"card\" id=\"certificates\" data-live><h2>Certificates</h2>");
    if status.certificates.is_empty() {
        out.raw("<p class=\"empty\">No site has one.</p></section>");
        return;
    }
    let mut table = Table::begin(out, "How long each is good.", &COLUMNS);
    for it in &status.certificates {
        table.row().cell(|out| {
            out.foreign(it.names.join(", ")).raw("<span class=\"soft\">").foreign(&it.file);
            out.raw("</span>");
        });
        table.text(units::day(&it.not_after));
        let (tone, words) = left(it.days_left);
        table.toned(tone, |out| {
            out.text(words);
        });
    }
    table.end();
    out.raw("</section>");
}

/// Whole days, rounded down: a certificate never has longer than the page says.
fn left(days: f64) -> (&'static str, String) {
    let whole = days.abs().floor();
    let unit = if whole == 1.0 { "day" } else { "days" };
    match days {
        days if days < 0.0 => ("bad", format!("✕ ended {whole} {unit} ago")),
        days if days < SOON => ("wait", format!("◐ {whole} {unit}")),
        _ => ("good", format!("{whole} {unit}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_rounded_so_that_nobody_is_late() {
        for (days, tone, words) in [
            (80.3, "good", "80 days"),
            (20.99, "wait", "◐ 20 days"),
            (1.5, "wait", "◐ 1 day"),
            (0.2, "wait", "◐ 0 days"),
            (-1.2, "bad", "✕ ended 1 day ago"),
        ] {
            assert_eq!(left(days), (tone, words.to_owned()));
        }
    }
}

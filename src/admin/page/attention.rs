//! What needs somebody's hand now, in one line each, so that a glance is enough. Knows thresholds,
//! and where on the page more is said.

use super::health::SOON;
use super::html::Html;
use super::units;
use crate::admin::status::{Certificate, Status};

/// The share of a limit from which it is worth a word.
const NEAR: f64 = 0.9;

/// Lines that are shown; a hundred of them help nobody.
const MOST: usize = 8;

/// Writes the list; nothing when all is well.
pub fn attention(out: &mut Html, status: &Status) {
    let mut items = Vec::new();
    servers(&mut items, status);
    certificates(&mut items, status);
    limits(&mut items, status);
    if status.reloads.last.as_ref().is_some_and(|it| it.outcome == "refused") {
        let words = "The last reload was refused: the older configuration holds";
        items.push((WAIT, "#process", words.to_owned()));
    }
    if status.lost_lines > 0 {
        let words = format!("{} access lines were lost", units::count(status.lost_lines));
        items.push((WAIT, "#process", words));
    }
    // Stable: within a tone the order of the page remains.
    items.sort_by_key(|it| it.0 != BAD);
    out.raw("<ul id=\"attention\" class=\"attention\" data-live>");
    for (tone, place, words) in items.iter().take(MOST) {
        out.raw("<li").attribute("class", tone).raw("><a").attribute("href", place).raw(">");
        out.text(words).raw("</a></li>");
    }
    if let Some(more) = items.len().checked_sub(MOST).filter(|it| *it > 0) {
        out.raw("<li class=\"wait\">and ").text(more).raw(" more</li>");
    }
    out.raw("</ul>");
}

/// How bad, where more is said, and what.
type Item = (&'static str, &'static str, String);

const BAD: &str = "bad";
const WAIT: &str = "wait";

fn servers(items: &mut Vec<Item>, status: &Status) {
    for backend in &status.backends {
        let all = backend.servers.len();
        let up = backend.servers.iter().filter(|it| it.standing == "up").count();
        let name = &backend.name;
        let (tone, words) = match (up, all) {
            (_, 0) => (BAD, format!("{name} has no server")),
            (0, _) => (BAD, format!("No server of {name} is up")),
            (up, all) if up < all => (WAIT, format!("{up} of {all} servers of {name} are up")),
            _ => continue,
        };
        items.push((tone, "#backends", words));
    }
}

fn certificates(items: &mut Vec<Item>, status: &Status) {
    for it in status.orders.iter().filter(|it| it.failures > 0) {
        let words = format!("No certificate was issued for {}: {}", it.site, it.words);
        items.push((WAIT, "#certificates", words));
    }
    for it in status.certificates.iter().filter(|it| it.days_left < soon(it, status)) {
        let name = it.names.first().map_or("", String::as_str);
        let (tone, words) = match it.days_left {
            left if left < 0.0 => (BAD, format!("The certificate of {name} has ended")),
            _ => (WAIT, format!("The certificate of {name} ends on {}", units::day(&it.not_after))),
        };
        items.push((tone, "#certificates", words));
    }
}

/// What the gateway orders itself it renews in time, however short its life; if not, it says so.
fn soon(certificate: &Certificate, status: &Status) -> f64 {
    let name = certificate.names.first();
    if status.orders.iter().any(|it| Some(&it.site) == name) { 0.0 } else { SOON }
}

fn limits(items: &mut Vec<Item>, status: &Status) {
    let connections = (Some(status.connections.open), Some(status.connections.most));
    let files = (status.open_files, status.open_files_limit);
    for (what, limit) in [("connections", connections), ("open files", files)] {
        let (Some(open), Some(most)) = limit else { continue };
        if open as f64 >= most as f64 * NEAR {
            let words = format!("{} of at most {} {what}", units::count(open), units::count(most));
            items.push((BAD, "#process", words));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::status::{Backend, Certificate, Connections, Order, Server};

    fn written(status: &Status) -> String {
        let mut out = Html::default();
        attention(&mut out, status);
        out.finish()
    }

    fn well() -> Status {
        let server = Server { standing: "up".to_owned(), ..Server::default() };
        let backend = Backend {
            name: "game".to_owned(),
            servers: vec![server.clone(), server],
            ..Backend::default()
        };
        let certificate = Certificate { days_left: SOON, ..Certificate::default() };
        Status {
            connections: Connections { open: 89, most: 100, ..Connections::default() },
            backends: vec![backend],
            certificates: vec![certificate],
            ..Status::default()
        }
    }

    #[test]
    fn nothing_is_said_while_all_is_well() {
        assert!(written(&well()).contains("data-live></ul>"));
    }

    #[test]
    fn what_is_bad_comes_first() {
        let mut status = well();
        status.backends[0].servers[0].standing = "down".to_owned();
        status.certificates[0].names = vec!["a.test".to_owned()];
        status.certificates[0].days_left = -0.1;
        status.connections.open = 90;
        let html = written(&status);
        let places: Vec<_> = [
            "The certificate of a.test has ended",
            "90 of at most 100 connections",
            "1 of 2 servers of game are up",
        ]
        .iter()
        .map(|it| html.find(it).expect(it))
        .collect();
        assert!(places.is_sorted(), "{html}");
    }

    #[test]
    fn an_order_that_failed_is_said_and_a_short_life_of_what_is_renewed_here_is_not() {
        let mut status = well();
        status.certificates[0].names = vec!["a.test".to_owned()];
        status.certificates[0].days_left = 3.0;
        status.orders = vec![Order { site: "a.test".to_owned(), ..Order::default() }];
        assert!(written(&status).contains("data-live></ul>"));
        status.orders[0].failures = 1;
        status.orders[0].words = "the CA <does> not answer".to_owned();
        let html = written(&status);
        assert!(html.contains("No certificate was issued for a.test: the CA &lt;does"), "{html}");
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let mut status = well();
        status.certificates = vec![Certificate::default(); 100];
        let html = written(&status);
        assert!(html.contains("and 92 more"), "{html}");
        assert_eq!(html.matches("<li").count(), MOST + 1);
    }
}

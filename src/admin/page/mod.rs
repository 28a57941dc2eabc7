//! The status page: one HTML document with every figure in it, rendered from the same value as
//! `/api/status`, and the two files that it needs. Knows neither sockets nor HTTP: it is given a
//! status and returns text.

mod attention;
mod ends;
mod graph;
mod graphs;
mod health;
mod html;
mod parts;
mod sockets;
mod table;
mod units;

#[cfg(test)]
mod tests;

use self::html::Html;
use super::status::{Listing, Status};

/// How many sockets the table shows; a search finds the others.
pub const ROWS: usize = 25;

/// What a browser may do with the page: nothing but show it, run its one script and ask this
/// gateway. `img-src data:` is for the empty icon, so that none is asked for.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Everything that one page shows.
pub struct View<'a> {
    /// The figures, as in `/api/status`.
    pub status: &'a Status,
    /// The sockets that were searched for, as in `/api/connections`.
    pub sockets: &'a Listing,
    /// What was searched for; empty for all.
    pub query: &'a str,
    /// The order of the sockets, by its name in `/api/connections`.
    pub sort: &'a str,
}

/// The whole document.
pub fn render(view: &View<'_>) -> String {
    let status = view.status;
    let mut out = Html::default();
    out.raw("<!doctype html><html lang=\"en\"><head>").raw(HEAD).raw("<title>");
    out.text(units::count(status.sockets.open)).raw(" sockets · ");
    out.text(parts::phase(status).1).raw(" · wsgate</title></head><body>");
    header(&mut out, status);
    out.raw(TROUBLE).raw("<main id=\"live\">");
    attention::attention(&mut out, status);
    parts::drain(&mut out, status);
    graphs::all(&mut out, status);
    out.raw("<div class=\"pair\">");
    health::backends(&mut out, status);
    health::certificates(&mut out, status);
    out.raw("</div>");
    parts::routes(&mut out, status);
    out.raw("<div class=\"pair\">");
    parts::handshakes(&mut out, status);
    parts::process(&mut out, status);
    out.raw("</div>");
    ends::endings(&mut out, status);
    sockets::sockets(&mut out, view);
    out.raw("</main>").raw(DIALOG).raw("</body></html>");
    out.finish()
}

/// The media type and content of a file that the page refers to.
pub fn file(path: &str) -> Option<(&'static str, &'static str)> {
    match path {
        "/page.css" => Some(("text/css; charset=utf-8", include_str!("page.css"))),
        "/page.js" => Some(("text/javascript; charset=utf-8", include_str!("page.js"))),
        _ => None,
    }
}

fn header(out: &mut Html, status: &Status) {
    let (tone, words) = parts::phase(status);
    out.raw("<header><h1>wsgate</h1><div id=\"state\" data-live role=\"status\"><span");
    out.attribute("class", format_args!("pill {tone}")).raw(">").text(words);
    out.raw("</span></div><div id=\"facts\" class=\"facts\" data-live>");
    parts::facts(out, status);
    out.raw("</div><div class=\"tools\"><span id=\"shown\" class=\"soft\" data-live>as of ");
    out.text(units::clock(&status.time)).raw("</span>");
    out.raw("<button type=\"button\" id=\"pause\" aria-pressed=\"false\" hidden>Pause</button>");
    out.raw("</div></header>");
}

const HEAD: &str = "<meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
<meta name=\"color-scheme\" content=\"light dark\"><meta name=\"referrer\" content=\"no-referrer\">\
<link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/page.css\">\
<script type=\"module\" src=\"/page.js\"></script>\
<noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>";

const TROUBLE: &str = "<p id=\"trouble\" class=\"notice\" role=\"alert\" hidden></p>";

const DIALOG: &str = "<dialog id=\"ask\" aria-labelledby=\"ask-title\">\
<h2 id=\"ask-title\">Close this socket?</h2><p id=\"ask-who\" class=\"soft\"></p>\
<form method=\"dialog\"><label>Close code: 1000 to 1014, or 3000 to 4999\
<input name=\"code\" type=\"number\" min=\"1000\" max=\"4999\" placeholder=\"that of a drain\"></label>\
<label>Reason, for the client to read\
<input name=\"reason\" maxlength=\"120\" autocomplete=\"off\" placeholder=\"that of a drain\"></label>\
<p id=\"ask-outcome\" class=\"bad\" role=\"status\"></p>\
<p class=\"actions\"><button type=\"button\" id=\"ask-cancel\">Keep it</button>\
<button class=\"danger\">Close it</button></p></form></dialog>";

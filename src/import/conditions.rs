//! `if`, as far as it is one of the usual ones: origins and referers that are refused, what is no
//! WebSocket, plain http, other names. Knows conditions and their answers; not the route.

use super::access::shut;
use super::draft::Route;
use super::ledger::Fate;
use super::origins::{self, Admitted};
use super::parser::Directive;
use super::scope::{Scope, Work};

/// An `if` taken apart.
struct Condition<'a> {
    variable: &'a str,
    operator: &'a str,
    value: &'a str,
}

/// What a refusal looks like.
const CLOSED: &str =
    "not a condition that is understood; the routes under it are closed (403) until you decide";

/// Says what the conditions at the innermost level make of a route. Domains are those of the site.
pub fn conditions<'a>(
    scope: &Scope<'a>,
    domains: &[String],
    route: &mut Route,
    work: &mut Work<'a>,
) {
    for directive in scope.own("if") {
        let Some(condition) = condition(directive) else {
            // A test of files: whether there is one, not who asks for it.
            work.ledger.whole(directive, Fate::Not, "not a condition that is understood");
            continue;
        };
        match answer(directive) {
            Some(status @ 400..=599) => {
                refusal(directive, &condition, status, domains, scope, route, work)
            }
            _ if keeps_out(directive, &condition) => {
                work.ledger.whole(directive, Fate::Not, CLOSED);
                shut(route, directive);
            }
            Some(301 | 302 | 303 | 307 | 308) => redirect(directive, &condition, work),
            None if only_rewrites_host(directive) => redirect(directive, &condition, work),
            _ => work.ledger.whole(
                directive,
                Fate::Not,
                "what a request says changes nothing but its route",
            ),
        }
    }
}

/// Whether some `if` at the innermost level keeps people out of what stands there.
pub fn guarded(scope: &Scope<'_>) -> bool {
    let guards = |it: &&Directive| condition(it).is_some_and(|condition| keeps_out(it, &condition));
    scope.own("if").iter().any(guards)
}

/// Whether a condition may be what people are let in by: it leads elsewhere, and does not look at
/// something that everybody may say, for another purpose.
fn keeps_out(directive: &Directive, condition: &Condition<'_>) -> bool {
    let away = |it: &&Directive| matches!(it.name.as_str(), "return" | "rewrite");
    let Some(away) = directive.children().iter().find(away) else { return false };
    let status = answer(directive);
    match condition.variable {
        "$scheme" | "$https" | "$server_port" | "$http_x_forwarded_proto" => {
            status.is_some_and(|it| it >= 400)
        }
        "$request_method" => !is_usual_for_methods(condition, status),
        // What is taken over into the new URL is still there under its new name.
        "$uri" | "$request_uri" | "$document_uri" => {
            status.is_some_and(|it| it >= 400) || !away.args.iter().any(|it| it.contains("$1"))
        }
        variable => !NO_GUARDS.contains(&variable),
    }
}

/// Answers to methods that nobody serves, or to the question of a browser (CORS).
fn is_usual_for_methods(condition: &Condition<'_>, status: Option<u16>) -> bool {
    let most = ["GET", "POST"].iter().all(|it| condition.value.contains(it));
    let all_others = condition.operator.starts_with('!') && most;
    all_others || status.is_some_and(|it| it < 300 || matches!(it, 405 | 501))
}

/// What a request says of itself, and no secret: programs, languages, names.
const NO_GUARDS: [&str; 8] = [
    "$http_user_agent",
    "$http_accept",
    "$http_accept_language",
    "$http_upgrade",
    "$http_connection",
    "$host",
    "$http_host",
    "$server_name",
];

/// `if ($http_origin !~ "…")` and its kin; a value in quotes may be empty.
fn condition(directive: &Directive) -> Option<Condition<'_>> {
    let mut words: Vec<&str> = directive.args.iter().map(String::as_str).collect();
    let first = words.first_mut()?;
    *first = first.strip_prefix('(')?;
    let last = words.last_mut()?;
    *last = last.strip_suffix(')')?;
    // `( $a = b )`: the brackets may stand by themselves.
    if words.first() == Some(&"") {
        words.remove(0);
    }
    if words.len() > 1
        && words.last() == Some(&"")
        && !matches!(words.get(words.len() - 2), Some(&("=" | "!=")))
    {
        words.pop();
    }
    match words.as_slice() {
        [variable] if variable.starts_with('$') => {
            Some(Condition { variable, operator: "", value: "" })
        }
        [variable, operator, value] if variable.starts_with('$') => {
            Some(Condition { variable, operator, value })
        }
        _ => None,
    }
}

fn answer(directive: &Directive) -> Option<u16> {
    let last = directive.children().iter().find(|it| it.name == "return")?;
    last.arg(0).parse().ok().or(Some(302))
}

fn only_rewrites_host(directive: &Directive) -> bool {
    directive.children().iter().any(|it| it.name == "rewrite" && it.arg(1).starts_with("http"))
}

fn refusal(
    directive: &Directive,
    condition: &Condition<'_>,
    status: u16,
    domains: &[String],
    scope: &Scope<'_>,
    route: &mut Route,
    work: &mut Work<'_>,
) {
    let Condition { variable, operator, value } = condition;
    match *variable {
        "$http_upgrade"
            if operator.starts_with('!') && value.to_ascii_lowercase().contains("websocket") =>
        {
            only_websocket(directive, status, route, work);
        }
        "$host" | "$http_host" if operator.starts_with('!') => {
            work.ledger.whole(
                directive,
                Fate::Different,
                "another name gets 421, or none in the TLS handshake",
            );
        }
        "$http_user_agent" | "$request_method" if !keeps_out(directive, condition) => {
            work.ledger.whole(directive, Fate::Not, "requests are not refused by method or agent");
        }
        "$invalid_referer" => {
            let list = scope.last("valid_referers", work.ledger);
            let admitted = list.map(|it| referers(it, domains, route, work));
            admit(admitted, directive, route, work);
        }
        _ => {
            let admitted = origin_list(condition, work);
            admit(admitted, directive, route, work);
        }
    }
}

/// Who comes through a list of referers, and what it does not say here.
fn referers(
    list: &Directive,
    domains: &[String],
    route: &mut Route,
    work: &mut Work<'_>,
) -> Admitted {
    let admitted = origins::of_referers(list, domains);
    work.ledger
        .differs(list, "the Origin is looked at; a Referer only for the app id of a mini program");
    if admitted.missing_allowed {
        work.ledger.differs(list, "who sends no Origin is let in, whatever its Referer");
    }
    if admitted.nameless_programs {
        work.ledger.not(list, NAMELESS);
        route.remarks.push(format!("{NAMELESS} ({})", list.place));
    }
    admitted
}

const NAMELESS: &str = "mini programs send no Origin, or not always, and are refused then until `clients.mini_programs` has their app ids";

fn only_websocket(directive: &Directive, status: u16, route: &mut Route, work: &mut Work<'_>) {
    route.upgrade = route.upgrade.or(Some("only"));
    if status == 426 {
        return work.ledger.whole(directive, Fate::Carried, "");
    }
    work.ledger.whole(directive, Fate::Different, "what is no WebSocket gets 426");
}

/// Who comes through a condition on the Origin; `None` when it is on something else.
fn origin_list(condition: &Condition<'_>, work: &mut Work<'_>) -> Option<Admitted> {
    let Condition { variable, operator, value } = condition;
    if *variable == "$http_origin" {
        return match *operator {
            "!~" | "!~*" => origins::of_regex(value),
            "!=" => origins::of_regex(&format!("^{}$", regex::escape(value))),
            _ => None,
        };
    }
    let map = work.map(variable).filter(|it| it.arg(0) == "$http_origin")?;
    let refused: Box<dyn Fn(&str) -> bool> = match *operator {
        "=" => Box::new(move |it: &str| it == *value),
        "!=" => Box::new(move |it: &str| it != *value),
        "" => Box::new(|it: &str| !matches!(it, "" | "0")),
        _ => return None,
    };
    let admitted = origins::of_map(map, &*refused)?;
    work.ledger.carried(map);
    Some(admitted)
}

fn admit(
    admitted: Option<Admitted>,
    directive: &Directive,
    route: &mut Route,
    work: &mut Work<'_>,
) {
    let Some(admitted) =
        admitted.filter(|it| !it.origins.is_empty() || !it.mini_programs.is_empty())
    else {
        work.ledger.whole(directive, Fate::Not, CLOSED);
        return shut(route, directive);
    };
    let different = admitted.different;
    if !both(admitted, route) {
        work.ledger.whole(directive, Fate::Not, CLOSED);
        return shut(route, directive);
    }
    if different {
        let reason = "the whole origin is compared with a list; look whether it is the right one";
        return work.ledger.whole(directive, Fate::Different, reason);
    }
    work.ledger.whole(directive, Fate::Carried, "");
}

/// Two lists in nginx let through who is on both; false when nobody is.
fn both(admitted: Admitted, route: &mut Route) -> bool {
    if route.origins.is_empty() && route.mini_programs.is_empty() {
        route.origins = admitted.origins;
        route.mini_programs = admitted.mini_programs;
        route.missing_origin_allowed = admitted.missing_allowed;
    } else {
        route.origins.retain(|it| admitted.origins.contains(it));
        route.mini_programs.retain(|it| admitted.mini_programs.contains(it));
        route.missing_origin_allowed &= admitted.missing_allowed;
    }
    !route.origins.is_empty() || !route.mini_programs.is_empty()
}

/// To https, or to the name that is meant.
fn redirect(directive: &Directive, condition: &Condition<'_>, work: &mut Work<'_>) {
    let to_https = match condition.variable {
        "$scheme" | "$https" | "$server_port" => true,
        "$http_x_forwarded_proto" => {
            let reason = "behind another proxy wsgate listens for TLS itself";
            return work.ledger.whole(directive, Fate::Not, reason);
        }
        _ => false,
    };
    if to_https && work.draft.listeners.iter().any(|it| it.redirect) {
        work.ledger.whole(
            directive,
            Fate::Different,
            "the redirect is 308, which keeps the method",
        );
    } else {
        work.ledger.whole(
            directive,
            Fate::Not,
            "no redirect depends on what a request says, other than from http to https",
        );
    }
}

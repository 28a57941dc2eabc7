//! What concerns the process as a whole: workers, waits on the client's side, the access log.
//! Knows the directives of the outer levels and not what stands in a server.

use super::parser::Directive;
use super::scope::{Scope, Work};
use super::values;

const ONE_FOR_ALL: &str = "this is one setting for the whole gateway";

/// Fills in `[gateway]` and `[log]`.
pub fn process(work: &mut Work<'_>) {
    for directive in work.main.clone() {
        match directive.name.as_str() {
            "events" => work.ledger.carried(directive),
            "worker_processes" => workers(directive, work),
            _ => {}
        }
    }
    client_waits(work);
    access_log(work);
}

fn workers(directive: &Directive, work: &mut Work<'_>) {
    match directive.arg(0).parse() {
        Ok(number @ 1..=1024) => {
            work.draft.workers = Some(number);
            work.ledger.carried(directive);
        }
        _ => work.ledger.carried_as(directive, "one event loop for each core"),
    }
}

fn client_waits(work: &mut Work<'_>) {
    for name in ["keepalive_timeout", "client_header_timeout", "large_client_header_buffers"] {
        let own = work.http.own(name);
        for directive in everywhere(&work.http, name) {
            if own.iter().any(|it| it.id == directive.id) {
                client_wait(directive, work);
            } else {
                work.ledger.not(directive, ONE_FOR_ALL);
            }
        }
    }
}

fn client_wait(directive: &Directive, work: &mut Work<'_>) {
    let wait = values::duration(directive.arg(0));
    match (directive.name.as_str(), wait) {
        ("keepalive_timeout", Some(wait)) => work.draft.keep_alive = Some(wait),
        ("client_header_timeout", Some(wait)) => work.draft.request_head = Some(wait),
        ("large_client_header_buffers", _) => {
            // nginx' default and wsgate's are both 32 KiB in all.
            work.draft.header_size = header_size(directive);
            if work.draft.header_size.is_none() && directive.arg(1) != "8k" {
                return work.ledger.not(directive, "not a size that is understood");
            }
            return work.ledger.carried(directive);
        }
        _ => {
            return work
                .ledger
                .differs(directive, "a wait of zero is not known; it has its default");
        }
    }
    if directive.args.len() > 1 {
        return work.ledger.differs(directive, "the Keep-Alive field is not sent");
    }
    work.ledger.carried(directive);
}

/// The number of buffers times their size, when that is more or less than 32 KiB.
fn header_size(directive: &Directive) -> Option<String> {
    let number: u64 = directive.arg(0).parse().ok().filter(|it| (1..=64).contains(it))?;
    let each = directive.arg(1).to_ascii_lowercase();
    let kilobytes: u64 = each.strip_suffix('k')?.parse().ok().filter(|it| *it <= 1024)?;
    let all = number.checked_mul(kilobytes)?;
    (all != 32 && (1..=16 * 1024).contains(&all)).then(|| format!("{all}KiB"))
}

/// Off for all, or in wsgate's own form for all.
fn access_log(work: &mut Work<'_>) {
    let own = work.http.own("access_log");
    work.draft.access_off = own.iter().any(|it| it.arg(0) == "off");
    for directive in everywhere(&work.http, "access_log") {
        let is_own = own.iter().any(|it| it.id == directive.id);
        match (directive.arg(0), is_own) {
            ("off", true) => work.ledger.carried(directive),
            ("off", false) => {
                work.ledger
                    .differs(directive, "access lines are written for all paths or for none");
            }
            _ => work.ledger.differs(
                directive,
                "access lines go to standard output in wsgate's own form; see [log] access",
            ),
        }
    }
}

/// The directives of this name in `http` and in every block below it.
pub fn everywhere<'a>(http: &Scope<'a>, name: &str) -> Vec<&'a Directive> {
    fn collect<'a>(directive: &'a Directive, name: &str, found: &mut Vec<&'a Directive>) {
        if directive.name == name {
            found.push(directive);
        }
        directive.children().iter().for_each(|it| collect(it, name, found));
    }
    let mut found = Vec::new();
    http.innermost().iter().for_each(|it| collect(it, name, &mut found));
    found
}

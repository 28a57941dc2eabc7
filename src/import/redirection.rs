//! Where a server for plain http sends people, beside what `redirect_to_https` does: the same host and
//! path on port 443. Knows names and URLs; not which server it is.

use super::locations::literal_start;
use super::parser::Directive;
use super::scope::Work;

/// Who is asked for, and whom there are sites for.
pub struct Names<'n> {
    /// The names of the server that redirects.
    pub own: &'n [String],
    /// The names of all servers that become sites.
    pub served: Vec<&'n str>,
}

/// Says what of a redirection is lost.
pub fn differences(directive: &Directive, names: &Names<'_>, work: &mut Work<'_>) {
    let url = directive.args.iter().find_map(|it| it.strip_prefix("https://"));
    let Some(url) = url.map(unbraced) else { return };
    let ends = [url.find(['/', '?']), path_variable(&url)];
    let end = ends.into_iter().flatten().min().unwrap_or(url.len());
    let (authority, path) = url.split_at(end);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if let Some(port) = port.filter(|it| !matches!(*it, "443" | "")) {
        let reason = format!("to port 443, not `{port}`: have a listener there, or send it there");
        work.ledger.not(directive, &reason);
    }
    if !is_same_path(directive, path) {
        let reason = format!("to the path and query that were asked for, not `{path}`");
        work.ledger.differs(directive, &reason);
    }
    hosts(directive, host, names, work);
}

/// The name that was asked for stays, here: is it meant, and is it served?
fn hosts(directive: &Directive, host: &str, names: &Names<'_>, work: &mut Work<'_>) {
    let asked: Vec<&str> = names.own.iter().map(String::as_str).collect();
    let meant = match host {
        "$host" | "$http_host" => None,
        "$server_name" => asked.first().copied(),
        host => Some(host),
    };
    if let Some(meant) = meant.filter(|it| asked.iter().any(|name| name != it) || asked.is_empty())
    {
        work.ledger.differs(directive, &format!("to the name that was asked for, not `{meant}`"));
    }
    let real = |it: &&&str| !matches!(**it, "_" | "") && !it.starts_with('~');
    let lost: Vec<&str> =
        asked.iter().filter(real).filter(|it| !is_served(it, names)).copied().collect();
    // With a server for any name nobody knows whom it was for.
    if !lost.is_empty() && !names.served.contains(&"_") && !names.served.is_empty() {
        let reason = format!(
            "no site has `{}`: refused on https, in the handshake or with 421, until it is in `domains`",
            lost.join("`, `")
        );
        work.ledger.not(directive, &reason);
    }
}

fn is_served(name: &str, names: &Names<'_>) -> bool {
    names.served.iter().any(|it| {
        let bare = it.strip_prefix('.');
        let wild = bare.or(it.strip_prefix("*."));
        *it == name
            || bare == Some(name)
            || wild.is_some_and(|parent| name.split_once('.').is_some_and(|(_, it)| it == parent))
    })
}

/// Whether path and query stay as they came.
fn is_same_path(directive: &Directive, path: &str) -> bool {
    if directive.name == "rewrite" {
        let all = ["^(.*)$", "^(.*)", "(.*)", "^(/.*)$", "^(/.*)"];
        let behind_slash = ["^/(.*)$", "^/(.*)", "/(.*)"];
        let from = directive.arg(0);
        return path == "$request_uri?"
            || path == "$uri" && literal_start(from).is_none_or(|it| it.len() < 2)
            || path == "$1" && all.contains(&from)
            || path == "/$1" && behind_slash.contains(&from);
    }
    matches!(
        path,
        "$request_uri"
            | "$uri$is_args$args"
            | "$uri$is_args$query_string"
            | "$document_uri$is_args$args"
    )
}

/// Where a host ends and a path begins that is a variable.
fn path_variable(url: &str) -> Option<usize> {
    PATHS.iter().filter_map(|it| url.find(it)).min()
}

const PATHS: [&str; 4] = ["$request_uri", "$uri", "$document_uri", "$1"];

fn unbraced(url: &str) -> String {
    url.replace("${", "$").replace('}', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_serves_one_label_and_a_dot_its_own_name_too() {
        let names = |served: &'static str| Names { own: &[], served: vec![served] };
        assert!(is_served("a.example.com", &names("*.example.com")));
        assert!(is_served("example.com", &names(".example.com")));
        assert!(!is_served("example.com", &names("*.example.com")));
        assert!(!is_served("a.b.example.com", &names("*.example.com")));
        assert!(!is_served("example.com", &names("www.example.com")));
    }
}

//! Lists of origins as people write them in nginx: regular expressions, `map $http_origin`,
//! `valid_referers`. Knows those and the configuration's origins; not what follows from a refusal.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::parser::Directive;
use crate::config::accepts;

/// Who may come, as far as it could be said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admitted {
    /// `clients.origins`
    pub origins: Vec<String>,
    /// `clients.mini_programs`
    pub mini_programs: Vec<String>,
    /// `clients.missing_origin`
    pub missing_allowed: bool,
    /// What nginx took was not the same in every case.
    pub different: bool,
    /// Mini programs were let in without saying which.
    pub nameless_programs: bool,
}

/// More origins than anybody would write out.
const MOST: usize = 64;
/// Stands for any text, for the beginning and for the end.
const ANY: char = '\u{1}';
const BEGIN: char = '\u{2}';
const END: char = '\u{3}';

/// The origins that a regular expression takes; `None` when they cannot be listed.
pub fn of_regex(pattern: &str) -> Option<Admitted> {
    let lower = pattern.strip_prefix("(?i)").unwrap_or(pattern);
    // Of an origin only the scheme and host count, and those know no case.
    let hir = regex_syntax::parse(lower).ok()?;
    let mut admitted = Admitted::default();
    for text in expand(&hir)? {
        add(&text.to_ascii_lowercase(), &mut admitted);
    }
    (!admitted.origins.is_empty()).then_some(admitted)
}

/// The origins of `map $http_origin` whose value is not refused.
pub fn of_map(map: &Directive, refused: &dyn Fn(&str) -> bool) -> Option<Admitted> {
    let mut admitted = Admitted::default();
    let mut default = String::new();
    for entry in map.children() {
        if entry.name == "default" {
            default = entry.arg(0).to_owned();
        }
        if matches!(entry.name.as_str(), "default" | "hostnames" | "volatile" | "include")
            || refused(entry.arg(0))
        {
            continue;
        }
        let regex = entry.name.strip_prefix("~*").or(entry.name.strip_prefix('~'));
        match (entry.name.as_str(), regex) {
            ("", _) => admitted.missing_allowed = true,
            (_, Some(pattern)) => merge(of_regex(pattern)?, &mut admitted),
            (literal, None) => add(&format!("{BEGIN}{literal}{END}"), &mut admitted),
        }
    }
    // A default that is let in would be everybody.
    (refused(&default) && !admitted.origins.is_empty()).then_some(admitted)
}

/// What `valid_referers` lets in: hosts become origins, the fixed Referer of WeChat an app id.
pub fn of_referers(directive: &Directive, domains: &[String]) -> Admitted {
    let mut admitted = Admitted { different: true, ..Admitted::default() };
    for arg in &directive.args {
        match arg.as_str() {
            "none" | "blocked" => admitted.missing_allowed = true,
            "server_names" => domains.iter().for_each(|it| add_host(it, &mut admitted)),
            text if text.contains("servicewechat") => match app_id(text) {
                Some(id) => admitted.mini_programs.push(id),
                None => {
                    admitted.nameless_programs = true;
                    add_host("servicewechat.com", &mut admitted);
                }
            },
            text => match text.strip_prefix('~') {
                Some(pattern) => {
                    if let Some(found) = of_regex(pattern) {
                        merge(found, &mut admitted);
                    }
                }
                None => add_host(text.split('/').next().unwrap_or(text), &mut admitted),
            },
        }
    }
    admitted
}

/// Adds what one list has to another.
pub fn merge(from: Admitted, to: &mut Admitted) {
    from.origins.into_iter().for_each(|it| push(it, &mut to.origins));
    from.mini_programs.into_iter().for_each(|it| push(it, &mut to.mini_programs));
    to.missing_allowed |= from.missing_allowed;
    to.different |= from.different;
}

/// `servicewechat.com/wx0123…/` as `wx0123…`.
fn app_id(text: &str) -> Option<String> {
    let at = text.find("/wx")? + 1;
    let id: String = text.get(at..)?.chars().take_while(char::is_ascii_alphanumeric).collect();
    (id.len() == "wx0123456789abcdef".len() && accepts::app_id(&id)).then_some(id)
}

fn add_host(host: &str, admitted: &mut Admitted) {
    let host = host.strip_prefix('.').unwrap_or(host);
    let origin = format!("https://{host}");
    if accepts::origin(&origin) {
        push(origin, &mut admitted.origins);
    }
}

/// Turns one text with its marks into origins.
fn add(text: &str, admitted: &mut Admitted) {
    admitted.different |= !(text.starts_with(BEGIN) && text.ends_with(END));
    let bare: String = text.chars().filter(|it| ![BEGIN, END].contains(it)).collect();
    if bare.is_empty() {
        admitted.missing_allowed = true;
        return;
    }
    let (scheme, rest) = match bare.split_once("://") {
        Some((scheme, rest)) => (scheme.to_owned(), rest.to_owned()),
        None => {
            admitted.different = true;
            ("https".to_owned(), bare)
        }
    };
    // A port that may be any number, or a path behind the host: none of them can be said.
    let host = match rest.split_once([':', '/']) {
        Some((host, behind)) if behind.contains(ANY) || behind.is_empty() => {
            admitted.different = true;
            host.to_owned()
        }
        _ => rest,
    };
    let wild = host.trim_start_matches(ANY);
    let hosts = match (wild.len() == host.len(), wild.strip_prefix('.')) {
        (true, _) => vec![host.clone()],
        (false, Some(parent)) => vec![format!("*.{parent}")],
        (false, None) => {
            admitted.different = true;
            vec![wild.to_owned(), format!("*.{wild}")]
        }
    };
    for host in hosts {
        let origin = format!("{scheme}://{host}");
        if accepts::origin(&origin) {
            push(origin, &mut admitted.origins);
        } else {
            admitted.different = true;
        }
    }
}

fn push(text: String, list: &mut Vec<String>) {
    if !list.contains(&text) {
        list.push(text);
    }
}

/// Every text that the expression takes, with [`ANY`] for what cannot be listed.
fn expand(hir: &Hir) -> Option<Vec<String>> {
    let any = || Some(vec![ANY.to_string()]);
    let all = match hir.kind() {
        HirKind::Empty => vec![String::new()],
        HirKind::Literal(literal) => vec![std::str::from_utf8(&literal.0).ok()?.to_owned()],
        HirKind::Class(class) => return letters(class).or_else(any),
        HirKind::Look(Look::Start) => vec![BEGIN.to_string()],
        HirKind::Look(Look::End) => vec![END.to_string()],
        HirKind::Look(_) => return None,
        HirKind::Capture(capture) => return expand(&capture.sub),
        HirKind::Repetition(it) if (it.min, it.max) == (0, Some(1)) => {
            let mut all = vec![String::new()];
            all.extend(expand(&it.sub)?);
            all
        }
        HirKind::Repetition(it) => {
            let sub = expand(&it.sub)?;
            // `([a-z]+\.)*` and the like: labels, as many as one wants.
            let labels = sub.iter().all(|it| it.contains(ANY) && it.ends_with('.'));
            let prefix = if labels { format!("{ANY}.") } else { ANY.to_string() };
            let any = sub.iter().all(|it| it.contains(ANY));
            if !any {
                return None;
            }
            if labels && it.min == 0 { vec![String::new(), prefix] } else { vec![prefix] }
        }
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(expand(part)?);
            }
            all
        }
        HirKind::Concat(parts) => product(parts)?,
    };
    (all.len() <= MOST).then_some(all)
}

fn product(parts: &[Hir]) -> Option<Vec<String>> {
    let mut all = vec![String::new()];
    for part in parts {
        let next = expand(part)?;
        if all.len() * next.len() > MOST {
            return None;
        }
        all =
            all.iter().flat_map(|it| next.iter().map(move |more| format!("{it}{more}"))).collect();
    }
    Some(all)
}

/// The letters of a small class.
fn letters(class: &Class) -> Option<Vec<String>> {
    let Class::Unicode(class) = class else { return None };
    let all: Vec<String> = class
        .iter()
        .flat_map(|it| (it.start()..=it.end()).take(5))
        .take(5)
        .map(String::from)
        .collect();
    (all.len() <= 4).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regex(pattern: &str) -> Option<(String, bool)> {
        of_regex(pattern).map(|it| (it.origins.join(" "), it.different))
    }

    #[test]
    fn origins_are_read_out_of_regular_expressions() {
        let same = |it: &str| Some((it.to_owned(), false));
        let other = |it: &str| Some((it.to_owned(), true));
        assert_eq!(
            regex(r"^https://(www\.)?example\.com$"),
            same("https://example.com https://www.example.com")
        );
        assert_eq!(
            regex(r"^https?://game\.example\.com$"),
            same("http://game.example.com https://game.example.com")
        );
        assert_eq!(regex(r"^https://[a-z0-9-]+\.example\.com$"), same("https://*.example.com"));
        assert_eq!(regex(r"^https://.*\.example\.com$"), same("https://*.example.com"));
        assert_eq!(regex(r"^https://(a|b)\.com(:\d+)?$"), other("https://a.com https://b.com"));
        assert_eq!(regex(r"example\.com"), other("https://example.com"));
        assert_eq!(
            regex(r"^https://.*example\.com$"),
            other("https://example.com https://*.example.com")
        );
        assert_eq!(regex(r"^https://[a-z]{40}$"), None);
        assert_eq!((regex("("), regex(".*"), regex(r"^(a+)+$")), (None, None, None));
    }

    #[test]
    fn a_referer_of_wechat_is_an_app_id() {
        let id = |it: &str| app_id(it);
        assert_eq!(
            id("servicewechat.com/wx0123456789abcdef/").as_deref(),
            Some("wx0123456789abcdef")
        );
        assert_eq!(
            id(r"~^https://servicewechat\.com/wx0123456789abcdef/").as_deref(),
            Some("wx0123456789abcdef")
        );
        assert_eq!((id("servicewechat.com"), id("servicewechat.com/wx.*")), (None, None));
    }
}

//! `[[sites.routes]]`: one path, what it does, and the rules of the traffic between.

use std::collections::BTreeMap;

use super::MOST_CONNECTIONS;
use super::action;
use super::answer;
use super::backends::Backends;
use super::heartbeat;
use crate::config::defaults;
use crate::config::model::{
    Action, Clients, Compression, Forwarded, Heartbeat, Located, OverLimit, PathRule, Route,
    RouteLimits, RouteTimeouts, Spot, Subprotocol, Template, Upgrade,
};
use crate::config::raw::{self, StripPrefix, Text};
use crate::config::reader::{Reader, Table};
use crate::config::values::http::{self, RUNTIME_NAMES};
use crate::config::values::{Wrong, address, choice, closest, origin, path, quantity};

/// One route; its path also when the rest is wrong, to compare it with the other routes'.
pub fn route(
    raw: raw::Route,
    spot: &Spot,
    backends: &mut Backends,
    reader: &mut Reader<'_>,
) -> (Option<Located<PathRule>>, Option<Route>) {
    let table = Table { name: "[[sites.routes]]", spot };
    let hint = ("path", "write e.g. path = \"/\"");
    let rule = reader.required(raw.path.as_ref(), table, hint, path::rule);
    let action = action::action(&raw, rule.as_ref().map(|it| &it.value), table, backends, reader);
    let forwards = raw.backend.is_some();
    let name = raw.path.as_ref().map(|it| it.get_ref().clone()).unwrap_or_default();
    let heartbeat = heartbeat::heartbeat(raw.heartbeat.as_ref(), reader);
    let upgrade = upgrade(raw.upgrade.as_ref(), forwards || action.is_none(), reader);
    if upgrade != Upgrade::Never {
        heartbeat::look_at_ping(raw.heartbeat.as_ref(), &heartbeat, &name, reader);
    }
    let rest = Route {
        name,
        // Never seen: a route that lacks its path or does nothing does not leave this function.
        path: rule.as_ref().map_or(PathRule::Prefix(String::new()), |it| it.value.clone()),
        action: action.clone().unwrap_or(Action::Forward(0)),
        upgrade,
        replace_prefix: replace_prefix(&raw, rule.as_ref(), reader),
        set_headers: headers(raw.set_headers.unwrap_or_default(), http::settable_header, reader),
        remove_headers: values(reader.list(raw.remove_headers.as_ref(), http::removable_header)),
        response_headers: answer::response_headers(
            raw.response_headers,
            raw.remove_response_headers.as_ref(),
            reader,
        ),
        subprotocol: subprotocol(raw.subprotocol.as_ref(), reader),
        compression: compression(raw.compression.as_ref(), &heartbeat, reader),
        forwarded: forwarded(raw.forwarded.as_ref(), reader),
        trusted_proxies: values(reader.list(raw.trusted_proxies.as_ref(), address::network)),
        clients: clients(raw.clients.as_ref(), reader),
        heartbeat,
        limits: limits(&raw.limits.unwrap_or_default(), reader),
        timeouts: timeouts(&raw.timeouts.unwrap_or_default(), reader),
    };
    let whole = rule.is_some() && action.is_some();
    (rule, whole.then_some(rest))
}

/// The values without their places.
pub fn values<T>(located: Vec<Located<T>>) -> Vec<T> {
    located.into_iter().map(|it| it.value).collect()
}

fn upgrade(raw: Option<&Text>, forwards: bool, reader: &mut Reader<'_>) -> Upgrade {
    let choices = [("allow", Upgrade::Allow), ("only", Upgrade::Only), ("never", Upgrade::Never)];
    let written = reader.value(raw, |it| choice(it, &choices));
    match forwards {
        true => written.map_or(Upgrade::Allow, |it| it.value),
        false => action::no_upgrade(written, reader),
    }
}

/// What cannot be read is no heartbeat: where it matters which messages are some, the offer is declined.
fn compression(raw: Option<&Text>, beat: &Heartbeat, reader: &mut Reader<'_>) -> Compression {
    let choices = [("pass", Compression::Pass), ("decline", Compression::Decline)];
    let written = reader.value(raw, |it| choice(it, &choices));
    let reason = match beat {
        Heartbeat { answer: true, .. } => "`heartbeat.answer`",
        Heartbeat { application: Some(_), idle_timeout: Some(_), .. } => {
            "`heartbeat.application` and `idle_timeout`"
        }
        _ => return written.map_or(Compression::Pass, |it| it.value),
    };
    if let Some(Located { value: Compression::Pass, spot }) = written {
        let wrong = Wrong::new(format!("with {reason} compression is declined all the same"));
        let hint = "a compressed ping cannot be read: write \"decline\", or leave it out";
        reader.warning(spot, wrong.hint(hint));
    }
    Compression::Decline
}

fn forwarded(raw: Option<&Text>, reader: &mut Reader<'_>) -> Forwarded {
    let choices =
        [("replace", Forwarded::Replace), ("append", Forwarded::Append), ("off", Forwarded::Off)];
    reader.value_or(raw, Forwarded::Replace, |it| choice(it, &choices))
}

fn replace_prefix(
    raw: &raw::Route,
    rule: Option<&Located<PathRule>>,
    reader: &mut Reader<'_>,
) -> Option<String> {
    let raw = raw.strip_prefix.as_ref()?;
    let text = match raw.get_ref() {
        StripPrefix::Switch(false) => return None,
        StripPrefix::Switch(true) => String::new(),
        StripPrefix::Text(text) => {
            let text = toml::Spanned::new(raw.span(), text.clone());
            reader.value(Some(&text), path::replacement)?.value
        }
    };
    if matches!(rule, Some(Located { value: PathRule::Regex(_), .. })) {
        let wrong = Wrong::new("a regex route has no prefix to strip");
        reader.error(raw.span(), wrong.hint("use a prefix route, or leave `strip_prefix` out"));
    }
    Some(text)
}

/// Fields to set, with their values cut at what is filled in for each request.
pub fn headers(
    raw: BTreeMap<Text, Text>,
    settable: fn(&str) -> Result<String, Wrong>,
    reader: &mut Reader<'_>,
) -> Vec<(String, Template)> {
    let mut raw: Vec<_> = raw.into_iter().collect();
    raw.sort_by_key(|(name, _)| name.span().start);
    let mut headers: Vec<(String, Template)> = Vec::new();
    for (name, value) in raw {
        let template = reader.expanded(&value, RUNTIME_NAMES);
        let template = template.and_then(|it| reader.checked(value.span(), http::template(&it)));
        let checked = reader.checked(name.span(), settable(name.get_ref()));
        let (Some(name), Some(template)) = (checked, template) else { continue };
        if headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name.value)) {
            let wrong = Wrong::new(format!("`{}` is set twice", name.value));
            reader.error(name.spot, wrong.hint("the names of headers have no case"));
            continue;
        }
        headers.push((name.value, template.value));
    }
    headers
}

fn subprotocol(raw: Option<&Text>, reader: &mut Reader<'_>) -> Subprotocol {
    let parsed = reader.value(raw, |it| match it {
        "pass" => Ok(Subprotocol::Pass),
        "strip" => Ok(Subprotocol::Strip),
        "echo_first" => Ok(Subprotocol::EchoFirst),
        other => http::token(other).map(Subprotocol::Forced),
    });
    let Some(Located { value, spot }) = parsed else { return Subprotocol::Pass };
    // Any token may be forced, so a misspelt word would pass for one.
    if let Subprotocol::Forced(name) = &value
        && let Some(meant) = closest(name, ["pass", "strip", "echo_first"].into_iter())
    {
        let wrong = Wrong::new(format!("this forces a subprotocol of the name `{name}`"));
        reader.warning(spot, wrong.hint(format!("did you mean `{meant}`?")));
    }
    value
}

fn clients(raw: Option<&raw::Clients>, reader: &mut Reader<'_>) -> Clients {
    let Some(raw) = raw else { return Clients::default() };
    let origins = values(reader.list(raw.origins.as_ref(), origin::origin));
    let mini_programs = values(reader.list(raw.mini_programs.as_ref(), origin::app_id));
    let choices = [("allow", true), ("deny", false)];
    // Denied unless allowed: whoever lists origins means that the rest stay outside.
    let missing = reader.value(raw.missing_origin.as_ref(), |it| choice(it, &choices));
    let missing_origin = raw.missing_origin.as_ref();
    let mut lists = [&raw.origins, &raw.mini_programs].into_iter().flatten();
    let written =
        lists.clone().map(|it| it.span()).chain(missing_origin.map(|it| it.span())).next();
    if let Some(span) = &written
        && lists.all(|it| it.get_ref().is_empty())
    {
        let wrong =
            Wrong::new("with no entry in `origins` or `mini_programs` every Origin is refused");
        let hint =
            "list who may come, or leave these keys and `missing_origin` out to admit anyone";
        reader.warning(span.clone(), wrong.hint(hint));
    }
    let addresses = raw.addresses.as_ref();
    let allow = addresses.and_then(|it| it.allow.as_ref());
    let deny = addresses.and_then(|it| it.deny.as_ref());
    Clients {
        selective: written.is_some(),
        origins,
        mini_programs,
        missing_origin_allowed: missing.is_some_and(|it| it.value),
        allow: values(reader.list(allow, address::network)),
        deny: values(reader.list(deny, address::network)),
    }
}

fn limits(raw: &raw::RouteLimits, reader: &mut Reader<'_>) -> RouteLimits {
    let size = |it: &str| quantity::or_off(it, quantity::size);
    let rate = |it: &str| quantity::or_off(it, quantity::rate);
    let byte_rate = |it: &str| quantity::or_off(it, quantity::byte_rate);
    let messages = reader.value_or(raw.messages.as_ref(), defaults::MESSAGES, rate);
    let bytes = reader.value_or(raw.bytes.as_ref(), defaults::BYTES, byte_rate);
    let without = messages.is_none() && bytes.is_none();
    RouteLimits {
        messages,
        bytes,
        over_limit: over_limit(raw.over_limit.as_ref(), without, reader),
        connections: reader.count_or(
            raw.connections.as_ref(),
            defaults::ROUTE_CONNECTIONS,
            MOST_CONNECTIONS,
        ),
        message_size: reader.value_or(raw.message_size.as_ref(), defaults::MESSAGE_SIZE, size),
        stalled_writer: reader.wait_or(raw.stalled_writer.as_ref(), defaults::STALLED_WRITER),
        request_body: reader.value_or(raw.request_body.as_ref(), defaults::REQUEST_BODY, size),
    }
}

fn over_limit(raw: Option<&Text>, without: bool, reader: &mut Reader<'_>) -> OverLimit {
    let choices = [("close", OverLimit::Close), ("delay", OverLimit::Delay)];
    let Some(written) = reader.value(raw, |it| choice(it, &choices)) else {
        return defaults::OVER_LIMIT;
    };
    if without && written.value != defaults::OVER_LIMIT {
        let wrong = Wrong::new("without `messages` or `bytes` this has no effect");
        reader.warning(written.spot, wrong.hint("e.g. messages = \"50/s\""));
    }
    written.value
}

fn timeouts(raw: &raw::RouteTimeouts, reader: &mut Reader<'_>) -> RouteTimeouts {
    RouteTimeouts {
        upgrade_response: reader.wait_or(raw.upgrade_response.as_ref(), defaults::UPGRADE_RESPONSE),
        response: reader.wait_or(raw.response.as_ref(), defaults::RESPONSE),
    }
}

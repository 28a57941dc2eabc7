//! The report for people: each stage as it is over, then what follows. Knows only the report.

use std::fmt::Write as _;
use std::time::Duration;

use super::report::{
    Attempt, Certificate, Dns, Ended, Finding, Frame, Handshake, Report, Sent, Silence, Stage,
    Step, Tls,
};

/// Before the first stage: where to, and as whom.
pub fn beginning(report: &Report) -> String {
    let Sent { origin, referer, subprotocols } = &report.sent;
    let or_no = |name: &str, value: &Option<String>| match value {
        Some(value) => format!("{name} {value}"),
        None => format!("no {name}"),
    };
    let subprotocols = match subprotocols.is_empty() {
        true => "no subprotocol".to_owned(),
        false => format!("subprotocol {}", subprotocols.join(", ")),
    };
    let (origin, referer) = (or_no("Origin", origin), or_no("Referer", referer));
    let place = report.connected_to.as_ref().map(|it| format!(" at {it}")).unwrap_or_default();
    let url = &report.url;
    format!("probing {url}{place}\nas a mini program with {origin}, {referer}, {subprotocols}\n\n")
}

/// One stage: its name, its time, and what was seen.
pub fn step(step: &Step) -> String {
    let lines = lines(&step.stage);
    let mut text = String::new();
    for (place, line) in lines.iter().enumerate() {
        let (name, took) = match place {
            0 => (step.stage.name(), milliseconds(step.took)),
            _ => ("", String::new()),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", format!("{name:<11} {took:>10}  {line}").trim_end());
    }
    text
}

/// After the last stage: what phones object to, and the verdict.
pub fn ending(report: &Report) -> String {
    let mut text = String::from("\n");
    for finding in &report.findings {
        text.push_str(&told(finding));
        text.push('\n');
    }
    text.push_str(match report.phone_would_connect {
        true => "A phone would connect.\n",
        false => "A phone would not connect.\n",
    });
    text
}

fn told(finding: &Finding) -> String {
    let Finding { fatal, stage, what, phone_shows, cause, action } = finding;
    let mark = if *fatal { "FAILED" } else { "warning" };
    format!(
        "{mark} ({stage}): {what}\n  what the phone shows: {phone_shows}\n  cause: {cause}\n  do: {action}\n"
    )
}

fn lines(stage: &Stage) -> Vec<String> {
    match stage {
        Stage::Dns(it) => vec![dns(it)],
        Stage::Tcp { attempts } => attempts.iter().map(attempt).collect(),
        Stage::Tls(it) => tls(it),
        Stage::Handshake(it) => handshake(it),
        Stage::FirstFrame { ended: Some(it), .. } | Stage::Ping { ended: Some(it), .. } => {
            vec![format!("the server ended the socket {}", how(it))]
        }
        Stage::FirstFrame { frame: Some(it), .. } => vec![frame(it)],
        Stage::FirstFrame { .. } => {
            vec!["none (many servers speak only when spoken to: --send)".to_owned()]
        }
        Stage::Ping { answered: true, .. } => vec!["answered".to_owned()],
        Stage::Ping { .. } => vec!["no Pong".to_owned()],
        Stage::Silence(it) => silence(it),
        Stage::Close { ended } => vec![close(ended.as_ref())],
        Stage::Resumption { error: Some(error), .. } => vec![format!("not tried: {error}")],
        Stage::Resumption { resumed: true, .. } => {
            vec!["the session was resumed: reconnects are cheap".to_owned()]
        }
        Stage::Resumption { .. } => {
            vec!["the session was not resumed: each reconnect costs a full handshake".to_owned()]
        }
    }
}

fn dns(it: &Dns) -> String {
    if let Some(error) = &it.error {
        return format!("{}: {error}", it.name);
    }
    let some = |addresses: &[String]| match addresses.is_empty() {
        true => "none".to_owned(),
        false => addresses.join(", "),
    };
    format!("{}: v4 {}; v6 {}", it.name, some(&it.v4), some(&it.v6))
}

fn attempt(it: &Attempt) -> String {
    match &it.error {
        None => format!("{} connected in {}", it.address, milliseconds(it.took)),
        Some(error) => format!("{} {error}", it.address),
    }
}

fn tls(it: &Tls) -> Vec<String> {
    let mut lines = Vec::new();
    match &it.error {
        Some(error) => lines.push(error.clone()),
        None => {
            let agreed = [&it.version, &it.group, &it.cipher].into_iter().flatten();
            let mut agreed: Vec<String> = agreed.cloned().collect();
            agreed.push(it.alpn.as_ref().map_or("no ALPN".to_owned(), |it| format!("ALPN {it}")));
            lines.push(agreed.join(", "));
        }
    }
    lines.extend(it.speaks.iter().map(|it| format!("asked by an older client it chooses {it}")));
    for (place, certificate) in it.chain.iter().enumerate() {
        lines.extend(certificate_lines(place + 1, certificate));
    }
    match &it.root {
        Some(root) => lines.push(format!("the chain leads to the root {root}")),
        None if it.chain.is_empty() => {}
        None => lines.push("the chain leads to no root".to_owned()),
    }
    lines
}

fn certificate_lines(number: usize, it: &Certificate) -> Vec<String> {
    let left = match it.days_left {
        0.. => format!("{} days left", it.days_left),
        _ => "expired".to_owned(),
    };
    let mut lines = vec![
        format!("{number}. {}, issued by {}", it.subject, it.issuer),
        format!("   {} to {} ({left}); {}, {}", it.not_before, it.not_after, it.key, it.signature),
    ];
    if !it.names.is_empty() {
        lines.push(format!("   for {}", it.names.join(", ")));
    }
    lines
}

fn handshake(it: &Handshake) -> Vec<String> {
    let Some(status) = it.status else {
        return it.error.iter().cloned().collect();
    };
    let mut lines = vec![format!("{status} {}", it.reason).trim_end().to_owned()];
    lines.extend(it.headers.iter().map(|(name, value)| format!("  {name}: {value}")));
    if status == 101 {
        let subprotocol = it.subprotocol.as_deref().unwrap_or("none");
        let extensions = it.extensions.as_deref().unwrap_or("none");
        lines.push(format!("subprotocol {subprotocol}, extensions {extensions}"));
    }
    lines.extend(it.body.iter().map(|it| format!("body: {it}")));
    for trial in &it.origins_tried {
        let origin =
            trial.origin.as_deref().map_or("no Origin".to_owned(), |it| format!("Origin {it}"));
        let status = trial.status.map_or("no answer".to_owned(), |it| it.to_string());
        lines.push(format!("with {origin}: {status}"));
    }
    lines
}

fn frame(it: &Frame) -> String {
    let text = it.text.as_ref().map(|it| format!(": {it}")).unwrap_or_default();
    format!("{}, {} bytes{text}", it.kind, it.bytes)
}

fn silence(it: &Silence) -> Vec<String> {
    let came = format!("messages from it: {}, Pings: {}", it.messages, it.pings);
    match &it.ended {
        None => vec![format!("still open; {came}")],
        Some(ended) => vec![
            format!("the server ended the socket {}; {came}", how(ended)),
            format!("nothing had moved for {}", seconds(it.quiet)),
        ],
    }
}

fn close(ended: Option<&Ended>) -> String {
    match ended {
        None => "the server did not answer the Close".to_owned(),
        Some(it @ Ended::CloseFrame { .. }) => format!("1000, answered {}", how(it)),
        Some(it) => format!("1000; the server ended the socket {}", how(it)),
    }
}

fn how(ended: &Ended) -> String {
    match ended {
        Ended::CloseFrame { code, reason } if reason.is_empty() => format!("with {code}"),
        Ended::CloseFrame { code, reason } => format!("with {code} `{reason}`"),
        Ended::Fin => "without a Close frame".to_owned(),
        Ended::Reset => "with a reset".to_owned(),
        Ended::Broken { http: Some(_), .. } => "with HTTP text instead of frames".to_owned(),
        Ended::Broken { rule, .. } => format!("by breaking RFC 6455: {rule}"),
    }
}

fn milliseconds(it: Duration) -> String {
    format!("{:.1} ms", it.as_secs_f64() * 1000.0)
}

fn seconds(it: Duration) -> String {
    format!("{:.1} s", it.as_secs_f64())
}

//! `wsgate probe`: connects as a mini program does, stage by stage, and says what a phone would
//! make of it. Of the gateway it knows only how certificates are judged and which secrets of a
//! query are not shown: it looks from outside, at any server.

mod causes;
mod clean;
mod face;
mod http;
mod origins;
mod plan;
mod reach;
mod report;
mod socket;
mod tap;
mod text;
mod tls;
mod wait;
mod walk;

pub use face::{Face, ORIGIN, header, referer_of, subprotocol, value};
pub use plan::{Plan, Target, Unusable, host_and_port};
pub use report::{
    Attempt, Certificate, Dns, Ended, Finding, Frame, Handshake, Report, Sent, Silence, Stage,
    Step, Tls, Trial,
};
pub use text::{ending, step};
pub use wait::{Elapsed, Waits};

use std::time::Instant;

use self::walk::Walk;

/// Probes, and shows each stage to `seen` when it is over.
///
/// Needs a tokio runtime. Takes as long as the waits of the plan add up to, and at most that.
///
/// # Errors
/// When TLS cannot be set up on this machine; nothing was sent then.
pub async fn run(plan: &Plan, seen: &mut dyn FnMut(&Step)) -> Result<Report, rustls::Error> {
    let client = tls::Client::new()?;
    let mut walk = Walk { plan, client, began: Instant::now(), report: report_of(plan), seen };
    walk.go().await;
    let mut report = walk.report;
    report.phone_would_connect = !report.findings.iter().any(|it| it.fatal);
    Ok(report)
}

/// What to print before the first stage: where to, and as whom.
pub fn beginning(plan: &Plan) -> String {
    let report = report_of(plan);
    text::beginning(&report)
}

fn report_of(plan: &Plan) -> Report {
    let text =
        |it: &hyper::header::HeaderValue| String::from_utf8_lossy(it.as_bytes()).into_owned();
    Report {
        url: clean::url(&plan.target.written),
        phone_would_connect: false,
        connected_to: plan.connect_to.as_ref().map(|(host, port)| format!("{host}:{port}")),
        sent: Sent {
            origin: plan.face.origin.as_ref().map(text),
            referer: plan.face.referer.as_ref().map(text),
            subprotocols: plan.face.subprotocols.clone(),
        },
        stages: Vec::new(),
        findings: causes::way::of_url(&plan.target),
    }
}

//! `wsgate probe` as a command: options to a plan, a report to text or JSON and an exit code.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Builder;

use crate::probe::{self, Face, Plan, Report, Target, Waits};
use crate::tls::inspect::Roots;
use crate::tls::pem;

/// How long a lookup that is still under way is waited for at the end: not at all.
const NO_PATIENCE: Duration = Duration::ZERO;

/// The options of `wsgate probe`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where to: wss://host/path
    url: String,
    /// The Origin to send, or `none` [default: WeChat's; none with an app id of another family]
    #[arg(long)]
    origin: Option<String>,
    /// The Referer to send.
    #[arg(long, conflicts_with = "appid")]
    referer: Option<String>,
    /// Send the Referer of this mini program: wx…, qq:…, tcmpp:…, douyin:…, alipay:…, baidu:…
    #[arg(long)]
    appid: Option<String>,
    /// Offer a subprotocol; may be repeated.
    #[arg(long, value_name = "NAME")]
    subprotocol: Vec<String>,
    /// Send a header; may be repeated.
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// Go on behind a certificate that phones refuse; the exit code stays 1.
    #[arg(long)]
    insecure: bool,
    /// Connect there, whatever the URL's host resolves to.
    #[arg(long, value_name = "HOST:PORT")]
    connect_to: Option<String>,
    /// Send a text message once the socket is open.
    #[arg(long, value_name = "TEXT")]
    send: Option<String>,
    /// Then stay silent this long, or until the server closes.
    #[arg(long, value_name = "DURATION", value_parser = patience)]
    wait: Option<Duration>,
    /// Trust the certificates of this PEM file too.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Probes and prints. 0 only when a phone would connect, 1 when it would not, 2 for wrong use.
pub fn run(options: &Options) -> ExitCode {
    let plan = match plan(options) {
        Ok(plan) => plan,
        Err(wrong) => {
            eprintln!("wsgate probe: {wrong}");
            return ExitCode::from(WRONG_USE);
        }
    };
    match probed(&plan, options.json) {
        Ok(report) if report.phone_would_connect => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("wsgate probe: {error}");
            ExitCode::FAILURE
        }
    }
}

fn probed(plan: &Plan, json: bool) -> Result<Report, Box<dyn std::error::Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    if !json {
        say(&probe::beginning(plan));
    }
    let mut seen = |step: &probe::Step| {
        if !json {
            say(&probe::step(step));
        }
    };
    let report = runtime.block_on(probe::run(plan, &mut seen))?;
    // The resolver of the system cannot be called off.
    runtime.shutdown_timeout(NO_PATIENCE);
    match json {
        true => say(&format!("{}\n", serde_json::to_string_pretty(&report)?)),
        false => say(&probe::ending(&report)),
    }
    Ok(report)
}

/// Prints at once. A reader that has gone (`| head`) changes nothing about the verdict.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn plan(options: &Options) -> Result<Plan, Box<dyn std::error::Error>> {
    let value = |it: &String| probe::value(it);
    let is_wechat = options.appid.as_ref().is_none_or(|it| !it.contains(':'));
    let usual = is_wechat.then(|| probe::ORIGIN.to_owned());
    let origin = options.origin.clone().or(usual).filter(|it| it != "none" && !it.is_empty());
    let referer = match &options.appid {
        Some(appid) => Some(probe::referer_of(appid)?),
        None => options.referer.as_ref().map(value).transpose()?,
    };
    let subprotocols = options.subprotocol.iter().map(|it| probe::subprotocol(it));
    let headers = options.header.iter().map(|it| probe::header(it));
    let mut roots = Roots::of_the_system();
    if let Some(file) = &options.ca {
        let read = pem::read_chain(file);
        roots = roots.and(read.map_err(|it| format!("--ca {}: {it}", file.display()))?);
    }
    Ok(Plan {
        target: Target::parse(&options.url)?,
        face: Face {
            origin: origin.as_ref().map(value).transpose()?,
            referer,
            subprotocols: subprotocols.collect::<Result<_, _>>()?,
            headers: headers.collect::<Result<_, _>>()?,
        },
        connect_to: options.connect_to.as_deref().map(probe::host_and_port).transpose()?,
        insecure: options.insecure,
        roots,
        send: options.send.clone(),
        silence: options.wait,
        waits: Waits::default(),
    })
}

/// Reads the silence of `--wait`.
fn patience(text: &str) -> Result<Duration, String> {
    let wait = humantime::parse_duration(text).map_err(|it| it.to_string())?;
    if wait <= LONGEST { Ok(wait) } else { Err(format!("more than {LONGEST:?}")) }
}

/// Nobody watches a terminal for longer; and moments in time stay countable.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// As clap does for options that it refuses itself.
const WRONG_USE: u8 = 2;

//! `wsgate run`: from a file's path to an exit code.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sd_notify::NotifyState;
use tokio::time::interval;

use super::check::faults;
use super::faults::{ReloadError, StartError};
use super::gateway::{Gateway, spawn};
use super::handover::{HandoverError, Predecessor, Program};
use super::leaving::Leave;
use super::limits::raise_descriptors;
use super::lines::form;
use super::loops::{Loops, runtime};
use super::signals::{Signals, Wish};
use crate::accept::Inherited;
use crate::config::{self, Config};
use crate::observe::logging;

/// How often renewed certificates are looked for.
const LOOKS: Duration = Duration::from_secs(10);

/// How often the log warns of certificates that expire.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How a run ended; the discriminants are the exit codes of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Stopped as asked.
    Stopped = 0,
    /// Failed while running, or could not bind.
    Failed = 1,
    /// The configuration is wrong; nothing was bound.
    Configuration = 64,
}

/// Runs the gateway of the configuration at `path` until a signal stops it. `ready` is called
/// once, when it listens.
pub fn run(path: &Path, ready: impl FnOnce()) -> Exit {
    let config = match config::load(path) {
        Ok((config, warnings)) => {
            eprint!("{}", warnings.render());
            config
        }
        Err(report) => {
            eprint!("{}", report.render());
            return Exit::Configuration;
        }
    };
    let _log = match logging::init(&config.log.level, form(config.log.format)) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("wsgate: {error}");
            return Exit::Configuration;
        }
    };
    let descriptors = raise_descriptors();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), descriptors, "starting");
    let heritage = match Heritage::take() {
        Ok(heritage) => heritage,
        Err(error) => {
            tracing::error!(%error, "the running process does not hand its sockets over");
            return Exit::Failed;
        }
    };
    match runtime() {
        Ok(runtime) => runtime.block_on(live(config, path, heritage, ready)),
        Err(error) => {
            tracing::error!(%error, "the event loop cannot be started");
            Exit::Failed
        }
    }
}

/// What was there before this process.
struct Heritage {
    predecessor: Option<Predecessor>,
    inherited: Inherited,
}

impl Heritage {
    fn take() -> io::Result<Self> {
        let mut inherited = Inherited::from_systemd();
        let called = Predecessor::call()?;
        let predecessor = called.map(|(predecessor, sockets)| {
            inherited.extend(sockets);
            predecessor
        });
        Ok(Self { predecessor, inherited })
    }
}

async fn live(config: Config, path: &Path, heritage: Heritage, ready: impl FnOnce()) -> Exit {
    let (mut signals, program) = match Signals::listen().and_then(|it| Ok((it, Program::this()?))) {
        Ok(both) => both,
        Err(error) => {
            tracing::error!(%error, "signals cannot be listened to");
            return Exit::Failed;
        }
    };
    let mut gateway = match Gateway::start(config.clone(), heritage.inherited).await {
        Ok(gateway) => gateway,
        Err(error @ StartError::Load(_)) => {
            tracing::error!("it does not start:\n{}", in_full(&error, &config));
            return Exit::Configuration;
        }
        Err(error) => {
            tracing::error!("{error}");
            return Exit::Failed;
        }
    };
    let mut predecessor = heritage.predecessor;
    predecessor.as_mut().into_iter().for_each(Predecessor::dismiss);
    tell_systemd(&[NotifyState::Ready]);
    ready();
    feed_watchdog(Arc::clone(gateway.loops()));
    let leave = obey(&mut gateway, &mut signals, path, &program).await;
    leave.with(gateway, &mut signals, predecessor).await;
    Exit::Stopped
}

/// Tells systemd from an event loop that all of them move. Where systemd hears nothing for
/// WatchdogSec= it starts the service anew.
fn feed_watchdog(loops: Arc<Loops>) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    spawn(async move {
        let mut every = tokio::time::interval(limit / 3);
        loop {
            every.tick().await;
            // Without a limit: where one does not answer, silence is what systemd waits for.
            loops.answer().await;
            tell_systemd(&[NotifyState::Watchdog]);
        }
    });
}

/// Does what signals ask for, until one asks to stop or another process goes on.
async fn obey(
    gateway: &mut Gateway,
    signals: &mut Signals,
    path: &Path,
    program: &Program,
) -> Leave {
    let (mut looks, mut days) = (interval(LOOKS), interval(DAY));
    let issued = gateway.issued();
    loop {
        let wish = tokio::select! {
            wish = signals.next() => wish,
            _ = looks.tick() => {
                gateway.renew();
                gateway.let_late_ones_go();
                tell_status(gateway);
                continue;
            }
            () = issued.notified() => {
                gateway.renew();
                continue;
            }
            _ = days.tick() => {
                gateway.warn_of_expiry(SystemTime::now());
                continue;
            }
        };
        match wish {
            Wish::Stop => return stopping(gateway),
            Wish::Upgrade => {
                if let Some(leave) = upgrade(gateway, signals, program).await {
                    return leave;
                }
            }
            Wish::Reload => reload(gateway, path).await,
            Wish::Reopen => gateway.books().access().reopen(),
        }
    }
}

/// Someone has asked to stop.
fn stopping(gateway: &mut Gateway) -> Leave {
    let status = format!("draining {} connections", gateway.live());
    tell_systemd(&[NotifyState::Stopping, NotifyState::Status(&status)]);
    Leave::asked(gateway.give_back())
}

/// Lets a new process go on, unless somebody asks to stop before it does. Whether there is reason
/// to leave.
async fn upgrade(gateway: &mut Gateway, signals: &mut Signals, program: &Program) -> Option<Leave> {
    tracing::info!(program = %program.path().display(), "starting the new program on the same sockets");
    let books = Arc::clone(gateway.books());
    let stop = signals.stop(|| books.access().reopen());
    match gateway.hand_over(program, stop).await {
        Ok(successor) => {
            let pid = successor.pid();
            tracing::info!(pid, "the new process has taken over");
            // From the main process, which alone systemd listens to; from here on that is the other.
            tell_systemd(&[NotifyState::MainPid(pid), NotifyState::Ready]);
            Some(Leave::succeeded(successor))
        }
        Err(HandoverError::Stopped) => {
            tracing::info!("asked to stop: the new program was ended before it was ready");
            Some(stopping(gateway))
        }
        Err(error) => {
            tracing::error!(%error, "the new program did not take over, this one goes on");
            None
        }
    }
}

fn tell_status(gateway: &Gateway) {
    let metrics = &gateway.books().metrics;
    let (sockets, connections) = (metrics.sockets.value(), metrics.connections.value());
    let status = format!("{sockets} WebSockets, {connections} connections");
    tell_systemd(&[NotifyState::Status(&status)]);
}

/// Reads the configuration again. Anything wrong with it changes nothing.
async fn reload(gateway: &mut Gateway, path: &Path) {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell_systemd(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "systemd was not told of the reload"),
    }
    let books = Arc::clone(gateway.books());
    match config::load(path) {
        Err(report) => {
            let report = report.render();
            tracing::error!("the reload is refused, nothing has changed:\n{report}");
            books.reloads.refused(report);
        }
        Ok((config, warnings)) => {
            if !warnings.problems.is_empty() {
                tracing::warn!("{}", warnings.render());
            }
            match gateway.reload(config.clone()).await {
                Err(error) => {
                    let words = match error {
                        ReloadError::Load(_) => in_full(&error, &config),
                        _ => error.to_string(),
                    };
                    tracing::error!("the reload is refused, nothing has changed:\n{words}");
                    books.reloads.refused(words);
                }
                Ok(fixed) if fixed.is_empty() => {
                    tracing::info!("reloaded");
                    books.reloads.applied("");
                }
                Ok(fixed) => {
                    tracing::warn!(keys = fixed.join(", "), "reloaded; these need a restart");
                    books.reloads.applied(format!("need a restart: {}", fixed.join(", ")));
                }
            }
        }
    }
    tell_systemd(&[NotifyState::Ready]);
}

/// All that is wrong with the files that `config` names, each at its place; `error` is the first.
fn in_full(error: &impl Display, config: &Config) -> String {
    let report = faults(config);
    // What has been mended since is in the error alone.
    if report.has_errors() { report.render() } else { error.to_string() }
}

/// Outside systemd this does nothing.
fn tell_systemd(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd was not told");
    }
}

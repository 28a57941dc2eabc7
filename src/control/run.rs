//! `wsgate run`: from a file's path to an exit code.

use std::io;
use std::path::Path;

use sd_notify::NotifyState;
use tokio::runtime::{Builder, Runtime};

use super::gateway::{Gateway, StartError, form};
use super::limits::raise_descriptors;
use super::signals::{Signals, Wish};
use crate::config::{self, Config};
use crate::observe::logging;

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
    if let Err(error) = logging::init(&config.log.level, form(config.log.format)) {
        eprintln!("wsgate: {error}");
        return Exit::Configuration;
    }
    let descriptors = raise_descriptors();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), ?descriptors, "starting");
    match runtime(&config) {
        Ok(runtime) => runtime.block_on(live(config, path, ready)),
        Err(error) => {
            tracing::error!(%error, "the event loop cannot be started");
            Exit::Failed
        }
    }
}

fn runtime(config: &Config) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if config.gateway.workers > 0 {
        builder.worker_threads(config.gateway.workers);
    }
    builder.enable_all().thread_name("event-loop").build()
}

async fn live(config: Config, path: &Path, ready: impl FnOnce()) -> Exit {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(%error, "signals cannot be listened to");
            return Exit::Failed;
        }
    };
    let gateway = match Gateway::start(config).await {
        Ok(gateway) => gateway,
        Err(error) => {
            tracing::error!("{error}");
            return match error {
                StartError::Load(_) => Exit::Configuration,
                _ => Exit::Failed,
            };
        }
    };
    for address in gateway.addresses() {
        tracing::info!(%address, "listening");
    }
    tell_systemd(&[NotifyState::Ready]);
    ready();
    obey(gateway, &mut signals, path).await;
    Exit::Stopped
}

/// Does what signals ask for, until one asks to stop.
async fn obey(mut gateway: Gateway, signals: &mut Signals, path: &Path) {
    loop {
        match signals.next().await {
            Wish::Stop => break,
            Wish::Reload => reload(&mut gateway, path),
            Wish::Reopen => gateway.books().access().reopen(),
            Wish::Upgrade => tracing::warn!("handing over to a new binary is not yet supported"),
        }
    }
    let live = gateway.live();
    tracing::info!(live, "draining; a second signal stops at once");
    tell_systemd(&[NotifyState::Stopping]);
    let second = async { while signals.next().await != Wish::Stop {} };
    let cut = gateway.stop(second).await;
    tracing::info!(cut, "stopped");
}

/// Reads the configuration again. Anything wrong with it changes nothing.
fn reload(gateway: &mut Gateway, path: &Path) {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell_systemd(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "systemd was not told of the reload"),
    }
    match config::load(path) {
        Err(report) => {
            tracing::error!("the reload is refused, nothing has changed:\n{}", report.render());
        }
        Ok((config, warnings)) => {
            if !warnings.problems.is_empty() {
                tracing::warn!("{}", warnings.render());
            }
            match gateway.reload(config) {
                Err(error) => {
                    tracing::error!("the reload is refused, nothing has changed: {error}");
                }
                Ok(fixed) if fixed.is_empty() => tracing::info!("reloaded"),
                Ok(fixed) => tracing::warn!(keys = ?fixed, "reloaded; these need a restart"),
            }
        }
    }
    tell_systemd(&[NotifyState::Ready]);
}

/// Outside systemd this does nothing.
fn tell_systemd(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd was not told");
    }
}

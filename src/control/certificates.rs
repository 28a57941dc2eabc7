//! Certificates, keys, CAs of clients, staples and ticket keys on disk: whether one of them was renewed, and whether one is
//! about to expire. Looks at the files that the configuration names, through every link: certbot
//! swaps links, others rename or write in place.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::config::Config;
use crate::observe::report::Certificate;
use crate::tls::LoadError;

/// From here on the log warns every day, as `wsgate check` does.
const EXPIRES_SOON: Duration = Duration::from_secs(21 * 24 * 60 * 60);

/// What tells one content of a file from another: device, inode, size, and when it was changed.
type Mark = Option<(u64, u64, u64, i64, i64)>;

/// The files as they were when they were last read.
pub(super) struct Files(BTreeMap<PathBuf, Mark>);

impl Files {
    /// As they are now.
    pub(super) fn of(config: &Config) -> Self {
        let pairs = config.sites.iter().flat_map(|it| [&it.certificate, &it.private_key]);
        let others = config.sites.iter().flat_map(|it| [&it.client_ca, &it.ocsp_staple]).flatten();
        let all = pairs.chain(others).chain(&config.gateway.ticket_keys);
        let all = all.map(|it| it.value.clone());
        Self(all.map(|path| (path.clone(), mark(&path))).collect())
    }

    /// Whether one of them has changed since; the next question is about the time from here on.
    pub(super) fn changed(&mut self, config: &Config) -> bool {
        let now = Self::of(config);
        let changed = now.0 != self.0;
        *self = now;
        changed
    }

    /// Says what became of a change.
    pub(super) fn tell(&self, errors: &[LoadError]) {
        if errors.is_empty() {
            tracing::info!("renewed files are in use: certificates, keys, ticket keys");
        }
        for error in errors {
            match error {
                LoadError::TicketKey { .. } => {
                    tracing::warn!(%error, "a changed ticket key is no use, the old keys stay");
                }
                LoadError::Ca { .. } => {
                    tracing::warn!(%error, "a changed CA of clients is no use, the old one stays");
                }
                _ => tracing::warn!(
                    %error,
                    "a renewed certificate is not in use yet, the old one stays"
                ),
            }
        }
    }
}

fn mark(path: &Path) -> Mark {
    let it = std::fs::metadata(path).ok()?;
    Some((it.dev(), it.ino(), it.size(), it.ctime(), it.ctime_nsec()))
}

/// Warns of every certificate that expires soon, or has. `in_use`: by the sites of `config`, in its
/// order, whatever has become of their files since.
pub(super) fn warn_of_expiry<'a>(
    config: &Config,
    in_use: impl Iterator<Item = &'a Certificate>,
    now: SystemTime,
) {
    for (site, certificate) in config.sites.iter().zip(in_use) {
        let Some(until) = certificate.not_after else { continue };
        let name = site.domains.first().map_or("", |it| it.value.as_str());
        match until.duration_since(now) {
            Err(_) => tracing::error!(site = name, "the certificate has expired"),
            // Of what is renewed here each failure is in the log.
            Ok(left) if left < EXPIRES_SOON && !site.automatic => {
                let days = left.as_secs() / (24 * 60 * 60);
                tracing::warn!(site = name, days, "the certificate expires soon");
            }
            Ok(_) => {}
        }
    }
}

//! What `wsgate check` finds of folders and sockets in the file system: those that are served, and
//! those where something is to be made. Makes nothing itself.

use std::io;
use std::path::Path;

use rustix::fs::{Access, access};

use crate::config::Problem;
use crate::config::model::{AccessLog, Action, Config, ListenAddress, Protocol, Spot};
use crate::files::{Absent, look_at};

/// What would keep the gateway from starting, or from having what it should serve.
pub(super) fn inspect(config: &Config) -> Vec<Problem> {
    let mut problems: Vec<Problem> = access_log(config).into_iter().collect();
    for listener in &config.listeners {
        problems.extend(socket(&listener.address.value, Some(&listener.address.spot)));
        let Protocol::Http { acme_challenge_root: Some(root), .. } = &listener.protocol else {
            continue;
        };
        problems.extend(unusable_root(&root.value).map(|message| {
            let hint = "until it is there, no challenge of an ACME client is answered";
            Problem::warning(Some(root.spot.clone()), message).hint(hint)
        }));
    }
    if let Some(admin) = &config.admin.listen {
        problems.extend(socket(admin, config.places.admin.as_ref()));
    }
    problems.extend(served(config));
    problems
}

/// Folders that are served, but not there.
fn served(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    for route in config.sites.iter().flat_map(|it| &it.routes) {
        let Action::Files(files) = &route.action else { continue };
        let Some(message) = unusable_root(&files.root.value) else { continue };
        let hint = "until it is there and readable for wsgate's user, this route has no file";
        problems.push(Problem::warning(Some(files.root.spot.clone()), message).hint(hint));
    }
    problems
}

fn unusable_root(folder: &Path) -> Option<String> {
    let reason = look_at(folder).err()?;
    let folder = folder.display();
    Some(match reason {
        Absent::NoFile => format!("there is no folder `{folder}`"),
        reason => format!("`{folder}` cannot be served: {reason}"),
    })
}

fn access_log(config: &Config) -> Option<Problem> {
    let AccessLog::File(path) = &config.log.access else { return None };
    let spot = config.places.access_log.clone();
    let shown = path.display();
    if path.is_dir() {
        let problem = Problem::error(spot, format!("`{shown}` is a folder, no file"));
        return Some(problem.hint("name a file in it, such as \"access.log\""));
    }
    let problem = match path.exists() {
        true => access(path, Access::WRITE_OK).err().map(|error| {
            format!("access lines cannot be written to `{shown}`: {}", io::Error::from(error))
        }),
        false => unusable_place(path),
    };
    problem.map(|it| Problem::error(spot, it).hint(BY_WHOM))
}

/// A unix socket that could not be made.
fn socket(address: &ListenAddress, spot: Option<&Spot>) -> Option<Problem> {
    let ListenAddress::Unix(path) = address else { return None };
    let message = unusable_place(path)?;
    // What is there is empty after each boot, and filled by those who start services.
    if path.starts_with("/run") {
        let hint = "below /run systemd makes it at the start, where the unit has RuntimeDirectory=";
        return Some(Problem::warning(spot.cloned(), message).hint(hint));
    }
    Some(Problem::error(spot.cloned(), message).hint(BY_WHOM))
}

/// Why nothing can be made at this path.
fn unusable_place(path: &Path) -> Option<String> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let shown = folder.display();
    if !folder.exists() {
        return Some(format!("there is no folder `{shown}`"));
    }
    if !folder.is_dir() {
        return Some(format!("`{shown}` is not a folder"));
    }
    let error = access(folder, Access::WRITE_OK | Access::EXEC_OK).err()?;
    Some(format!("nothing can be made in `{shown}`: {}", io::Error::from(error)))
}

/// Folders are looked at with the rights of whoever checks.
const BY_WHOM: &str =
    "the folder has to be there and writable for wsgate's user, as which to check";

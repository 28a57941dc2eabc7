//! What the kernel knows of this process. Where /proc is hidden there is nothing to say.

use std::fs;

use rustix::process::{Resource, getrlimit};

/// Ticks a second of the times in /proc: a constant of Linux' ABI.
const TICKS: f64 = 100.0;

/// Resident memory, in bytes.
pub fn memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Open file descriptors.
pub fn open_files() -> Option<u64> {
    // Since Linux 6.2 the folder's size is the number; counting 100,000 entries takes a while.
    match fs::metadata("/proc/self/fd").ok()?.len() {
        0 => fs::read_dir("/proc/self/fd").ok().map(|it| it.count() as u64),
        counted => Some(counted),
    }
}

/// Most of them; `None` is no limit.
pub fn open_files_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Seconds on a processor, in user and kernel mode.
pub fn processor_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may have spaces and parentheses, utime and stime are fields 12 and 13.
    let (_, behind) = text.rsplit_once(')')?;
    let mut fields = behind.split_whitespace().skip(11).map(|it| it.parse::<f64>().ok());
    Some((fields.next()?? + fields.next()??) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_files() {
        assert!(memory().is_some_and(|it| it > 1 << 20), "{:?}", memory());
        assert!(open_files().is_some_and(|it| it >= 3), "{:?}", open_files());
        assert!(processor_seconds().is_some(), "readable");
    }
}

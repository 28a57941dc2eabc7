//! What the operating system says that a proxy used: processor time and memory of its process and
//! of every process below it. Knows nothing of what the proxy did meanwhile.

use std::fs;
use std::time::Duration;

/// Processor time of all threads so far: the scheduler's own count in nanoseconds, which utime and
/// stime are rounded from.
pub fn cpu(root: u32) -> Duration {
    let mut nanoseconds = 0;
    for pid in tree(root) {
        for task in entries(&format!("/proc/{pid}/task")) {
            let stat = fs::read_to_string(format!("/proc/{pid}/task/{task}/schedstat"));
            let first = stat.ok().and_then(|it| it.split(' ').next()?.parse::<u64>().ok());
            nanoseconds += first.unwrap_or(0);
        }
    }
    Duration::from_nanos(nanoseconds)
}

/// Proportional set size in bytes: pages that are shared with others count in part.
pub fn pss(root: u32) -> u64 {
    let of = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|it| it.strip_prefix("Pss:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    tree(root).into_iter().filter_map(of).sum::<u64>() * 1024
}

/// How busy the machine was in the last 1, 5 and 15 minutes.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(", ")
}

/// What the kernel holds in slabs, in bytes: sockets and files, of every process alike.
#[allow(dead_code, reason = "for the crowd alone")]
pub fn kernel() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|it| it.strip_prefix("Slab:"));
    let kilobytes = line.and_then(|it| it.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// The machine in a few words, for the head of a table.
pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|it| it.strip_prefix("model name")?.split(": ").nth(1));
    let cores = cpuinfo.lines().filter(|it| it.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cores} cores of {}, Linux {}", model.unwrap_or("an unknown kind"), kernel.trim())
}

fn tree(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while at < found.len() {
        let pid = found[at];
        for task in entries(&format!("/proc/{pid}/task")) {
            let path = format!("/proc/{pid}/task/{task}/children");
            let children = fs::read_to_string(path).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|it| it.parse::<u32>().ok()));
        }
        at += 1;
    }
    found
}

fn entries(folder: &str) -> Vec<String> {
    let Ok(read) = fs::read_dir(folder) else { return Vec::new() };
    read.flatten().filter_map(|it| it.file_name().into_string().ok()).collect()
}

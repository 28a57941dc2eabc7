//! The process itself, under the names that Prometheus' own libraries have for them.

use std::time::UNIX_EPOCH;

use crate::admin::exposition::Exposition;
use crate::admin::process;
use crate::observe::books::Books;

/// Writes what the kernel tells; what it hides is left out.
pub fn write(out: &mut Exposition, books: &Books) {
    let version = env!("CARGO_PKG_VERSION");
    out.gauge("wsgate_build_info", "1, with the version that runs.")
        .sample(&[("version", version)], 1);
    let started = books.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    out.gauge("process_start_time_seconds", "When the process started, in seconds since 1970.")
        .sample(&[], started.as_secs_f64());
    if let Some(seconds) = process::processor_seconds() {
        out.counter(
            "process_cpu_seconds_total",
            "Seconds on a processor, in user and kernel mode.",
        )
        .sample(&[], seconds);
    }
    if let Some(bytes) = process::memory() {
        out.gauge("process_resident_memory_bytes", "Resident memory.").sample(&[], bytes);
    }
    if let Some(count) = process::open_files() {
        out.gauge("process_open_fds", "Open file descriptors.").sample(&[], count);
    }
    let most = process::open_files_limit().map_or_else(|| "+Inf".to_owned(), |it| it.to_string());
    out.gauge("process_max_fds", "Most open file descriptors.").sample(&[], most);
}

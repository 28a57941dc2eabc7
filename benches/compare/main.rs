//! Compares wsgate with nginx, HAProxy and Caddy, as far as they are installed: the same loads in
//! turn (A B C A B C), each proxy on core 0, load and backend on core 1.
//!
//! `cargo bench --bench compare` measures everything (docs/performance.md says what it prints);
//! `cargo test --bench compare`, or `-- --quick`, only shows in a few seconds that all of it works.
//! `--write` puts the table into docs/performance.md, and the charts beside it.
//! Options: `--rows WORD,...` (those whose name has one of the words; `memory` and `two cores` are some), `--rounds N`,
//! `--seconds N`, `--sockets N`, `--sleep N`, `--only NAME,...`, `--also NAME=PATH` (another build).

#![allow(missing_docs, clippy::expect_used, reason = "a tool that fails aloud")]

mod accounting;
mod backend;
mod chart;
mod client;
mod frames;
mod proxies;
mod report;
mod rows;
mod table;
mod trust;

use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use proxies::{Place, Proxy, Running};
use report::Report;
use rows::{Bench, ROWS, Row, Sample};

/// Between two rows, so that the machine is not held for minutes.
const REST: Duration = Duration::from_secs(2);

struct Options {
    rows: Vec<String>,
    rounds: usize,
    seconds: f64,
    sockets: usize,
    sleep: f64,
    only: Vec<String>,
    also: Vec<(String, String)>,
    write: bool,
}

fn main() -> ExitCode {
    match compare(&options()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Options {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|it| it == word);
    let quick = has("--quick") || !has("--bench");
    let (rounds, seconds, sockets, sleep) =
        if quick { (1, 0.2, 100, 0.5) } else { (3, 4.0, 5000, 5.0) };
    let mut options = Options {
        rows: Vec::new(),
        rounds,
        seconds,
        sockets,
        sleep,
        only: if quick { vec!["wsgate".into(), "nginx".into()] } else { Vec::new() },
        also: Vec::new(),
        write: has("--write"),
    };
    let list = |value: &String| value.split(',').map(str::to_owned).collect();
    for pair in arguments.windows(2) {
        let (name, value) = (pair[0].as_str(), &pair[1]);
        let number = || value.parse::<f64>().expect("a number");
        match name {
            "--rows" => options.rows = list(value),
            "--rounds" => options.rounds = number() as usize,
            "--seconds" => options.seconds = number(),
            "--sockets" => options.sockets = number() as usize,
            "--sleep" => options.sleep = number(),
            "--only" => options.only = list(value),
            "--also" => {
                let (name, path) = value.split_once('=').expect("NAME=PATH");
                options.also.push((name.to_owned(), path.to_owned()));
            }
            _ => {}
        }
    }
    options
}

impl Options {
    fn wants(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|it| row.contains(it.as_str()))
    }

    /// nginx first, where it is there: everything is put in relation to the first.
    fn contenders(&self) -> Vec<Proxy> {
        let mut all = proxies::peers();
        let at = all.len().min(1);
        all.insert(at, proxies::gateway("wsgate", Path::new(env!("CARGO_BIN_EXE_wsgate"))));
        for (name, path) in &self.also {
            all.insert(at, proxies::gateway(name, Path::new(path)));
        }
        all.retain(|it| {
            self.only.is_empty()
                || self.only.contains(&it.name)
                || self.also.iter().any(|(name, _)| *name == it.name)
        });
        all
    }
}

fn compare(options: &Options) -> io::Result<()> {
    stay_on_core_1()?;
    let folder = std::env::temp_dir().join(format!("wsgate-compare-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = compare_in(options, &folder);
    std::fs::remove_dir_all(&folder)?;
    outcome
}

fn compare_in(options: &Options, folder: &Path) -> io::Result<()> {
    let trust = trust::make(folder);
    let (address, desk) = backend::start()?;
    let place = Place { folder: folder.to_owned(), backend: address };
    let time = Duration::from_secs_f64(options.seconds);
    let bench = Bench { full: trust.full, resuming: trust.resuming, desk, time };
    let contenders = options.contenders();
    let mut report = Report::new(contenders.iter().map(|it| it.name.clone()).collect());
    introduce(&contenders, &mut report);
    let running = contenders.iter().map(|it| it.start(&place)).collect::<io::Result<Vec<_>>>()?;
    let mut failed = 0;
    for row in ROWS.iter().filter(|it| options.wants(it.name)) {
        failed += run_row(row, options, &contenders, &running, &bench, &mut report);
        std::thread::sleep(if options.rounds > 1 { REST } else { Duration::ZERO });
    }
    drop(running);
    if options.wants("memory") {
        failed += run_memory(options, &contenders, &place, &bench, &mut report)?;
    }
    if options.wants("two cores") {
        failed += run_two_cores(options, &contenders, &place, &bench, &mut report)?;
    }
    report.say(&format!("\nLoad of the machine (1, 5, 15 minutes): {}.", accounting::load()));
    if failed > 0 {
        return Err(io::Error::other(format!("{failed} runs failed")));
    }
    if options.write { report.write(Path::new("docs")) } else { Ok(()) }
}

fn introduce(contenders: &[Proxy], report: &mut Report) {
    let versions: Vec<_> =
        contenders.iter().map(|it| format!("{} ({})", it.name, it.version)).collect();
    let today = Command::new("date").arg("-u").arg("+%F").output().map(|it| it.stdout);
    let today = String::from_utf8_lossy(&today.unwrap_or_default()).trim().to_owned();
    let (machine, load) = (accounting::machine(), accounting::load());
    report.say(&format!("{today}; {machine}; {}. Load before: {load}.\n", versions.join(", ")));
    report.head();
}

fn run_row(
    row: &Row,
    options: &Options,
    contenders: &[Proxy],
    running: &[Running],
    bench: &Bench,
    report: &mut Report,
) -> usize {
    let mut rounds = vec![Vec::<Sample>::new(); contenders.len()];
    let mut failed = 0;
    for _ in 0..options.rounds {
        for (at, proxy) in running.iter().enumerate() {
            match bench.measure(row.load, proxy) {
                Ok(sample) => rounds[at].push(sample),
                Err(error) => {
                    eprintln!("compare: {}: {}: {error}", contenders[at].name, row.name);
                    failed += 1;
                }
            }
        }
    }
    report.row(row.name, row.unit, &rounds);
    let rates = rounds.iter().map(|it| table::median(it.iter().map(|it| it.rate).collect()));
    eprintln!("{}: {:.0?} {}s/s", row.name, rates.collect::<Vec<_>>(), row.unit);
    failed
}

fn run_memory(
    options: &Options,
    contenders: &[Proxy],
    place: &Place,
    bench: &Bench,
    report: &mut Report,
) -> io::Result<usize> {
    let (mut idle, mut burst) = (Vec::new(), Vec::new());
    let sleep = Duration::from_secs_f64(options.sleep);
    for contender in contenders {
        let running = contender.start(place)?;
        let measured = bench.memory(options.sockets, sleep, &running);
        if let Err(error) = &measured {
            eprintln!("compare: {}: memory: {error}", contender.name);
        }
        let measured = measured.ok();
        idle.push(measured.map(|it| it.0));
        burst.push(measured.map(|it| it.1));
    }
    report.memory(options.sockets, &idle, &burst);
    Ok(idle.iter().filter(|it| it.is_none()).count())
}

/// By how much two cores do more than one: the load shares one of them, so it is time for each
/// message that is compared, not how many there were.
fn run_two_cores(
    options: &Options,
    contenders: &[Proxy],
    place: &Place,
    bench: &Bench,
    report: &mut Report,
) -> io::Result<usize> {
    let Some(one) = contenders.iter().find(|it| it.name == "wsgate") else { return Ok(0) };
    let running = [one.start(place)?, one.doubled().start(place)?];
    let row = &ROWS[0];
    let (mut ratios, mut failed) = (Vec::new(), 0);
    for _ in 0..options.rounds {
        let both = running.each_ref().map(|it| bench.measure(row.load, it));
        match both {
            [Ok(one), Ok(two)] => ratios.push(2.0 * one.cpu / two.cpu),
            _ => failed += 1,
        }
    }
    let times = table::median(ratios);
    report.say(&format!("\nTwo cores do {times:.2} times as much as one ({}).", row.name));
    Ok(failed)
}

/// The load must not take the time of the core that is measured.
fn stay_on_core_1() -> io::Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    let core = if cores > 1 { "1" } else { "0" };
    let pid = std::process::id().to_string();
    let mut command = Command::new("taskset");
    command.args(["-apc", core, &pid]).stdout(std::process::Stdio::null());
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("taskset failed")) }
}

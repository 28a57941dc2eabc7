//! Compares wsgate with nginx, HAProxy and Caddy, as far as they are installed: the same loads in
//! turn (A B C A B C), each proxy on core 0, load and backend on core 1.
//!
//! `cargo bench --bench compare` measures everything (docs/performance.md says what it prints);
//! `cargo test --bench compare`, or `-- --quick`, only shows in a few seconds that all of it works.
//! Options: `--rows WORD,...` (those whose name has one of the words; `memory` is one), `--rounds N`,
//! `--seconds N`, `--sockets N`, `--sleep N`, `--only NAME,...`, `--also NAME=PATH` (another build).

#![allow(missing_docs, clippy::expect_used, reason = "a tool that fails aloud")]

mod accounting;
mod backend;
mod client;
mod frames;
mod proxies;
mod rows;
mod table;
mod trust;

use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use proxies::{Place, Proxy, Running};
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
        if quick { (1, 0.2, 100, 0.5) } else { (3, 2.0, 5000, 5.0) };
    let mut options = Options {
        rows: Vec::new(),
        rounds,
        seconds,
        sockets,
        sleep,
        only: if quick { vec!["wsgate".into(), "nginx".into()] } else { Vec::new() },
        also: Vec::new(),
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
    introduce(&contenders);
    let running = contenders.iter().map(|it| it.start(&place)).collect::<io::Result<Vec<_>>>()?;
    let mut failed = 0;
    for row in ROWS.iter().filter(|it| options.wants(it.name)) {
        failed += run_row(row, options, &contenders, &running, &bench);
        std::thread::sleep(if options.rounds > 1 { REST } else { Duration::ZERO });
    }
    drop(running);
    if options.wants("memory") {
        failed += run_memory(options, &contenders, &place, &bench)?;
    }
    if failed > 0 { Err(io::Error::other(format!("{failed} runs failed"))) } else { Ok(()) }
}

fn introduce(contenders: &[Proxy]) {
    let versions: Vec<_> =
        contenders.iter().map(|it| format!("{} ({})", it.name, it.version)).collect();
    let today = Command::new("date").arg("-u").arg("+%F").output().map(|it| it.stdout);
    let today = String::from_utf8_lossy(&today.unwrap_or_default()).trim().to_owned();
    println!("{today}; {}; {}.\n", accounting::machine(), versions.join(", "));
    println!("{}", table::head(&contenders.iter().map(|it| it.name.clone()).collect::<Vec<_>>()));
}

fn run_row(
    row: &Row,
    options: &Options,
    contenders: &[Proxy],
    running: &[Running],
    bench: &Bench,
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
    println!("{}", table::line(row.name, row.unit, &rounds));
    let rates = rounds.iter().map(|it| table::median(it.iter().map(|it| it.rate).collect()));
    eprintln!("{}: {:.0?} {}s/s", row.name, rates.collect::<Vec<_>>(), row.unit);
    failed
}

fn run_memory(
    options: &Options,
    contenders: &[Proxy],
    place: &Place,
    bench: &Bench,
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
    println!("{}", table::memory(&format!("PSS per idle socket of {}", options.sockets), &idle));
    println!("{}", table::memory("the same after a burst of 200 KB on each", &burst));
    Ok(idle.iter().filter(|it| it.is_none()).count())
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

//! The loads that are compared, and what each costs a proxy.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use rustls::ClientConfig;

use super::backend::{BULK, Desk};
use super::client::{Fleet, Script, Socket};
use super::frames;
use super::proxies::Running;

/// For all sockets to be open, or closed.
const PATIENCE: Duration = Duration::from_secs(60);

const WARM_UP: Duration = Duration::from_millis(300);

/// Handshakes under way at once while more are opened.
const RAMP: usize = 64;

/// Handshakes under way in the rows about them: as many as rustls' client keeps tickets for a name.
const AT_ONCE: usize = 8;

/// The share of sessions that has to be resumed in a row about resumption: nginx now and then
/// closes before its tickets have been read.
const MOSTLY: f64 = 0.8;

/// Bytes that a bulk sender puts on its way at once.
const PIECE: u64 = 64 * 1024;

/// One line of the table.
pub struct Row {
    pub name: &'static str,
    pub unit: &'static str,
    pub load: Load,
}

#[derive(Clone, Copy)]
pub enum Load {
    Echo { payload: usize, sockets: usize, in_flight: usize },
    Steady { rate: u32, sockets: usize },
    Up,
    Down,
    Room { sockets: usize },
    Shake { resumed: bool },
    Storm { clients: usize },
}

/// What one run of a row has shown.
#[derive(Clone, Copy, Default)]
pub struct Sample {
    /// Processor time of the proxy for one unit, in microseconds.
    pub cpu: f64,
    /// Units in a second.
    pub rate: f64,
    /// The slowest but one in a hundred, or until all are up, in milliseconds.
    pub wait: Option<f64>,
}

/// What all rows need.
pub struct Bench {
    pub full: Arc<ClientConfig>,
    pub resuming: Arc<ClientConfig>,
    pub desk: Arc<Desk>,
    pub time: Duration,
}

pub const ROWS: [Row; 10] = [
    row("echo 125 B, 64 sockets, 1 in flight", "message", echo(125, 1)),
    row("echo 125 B, 64 sockets, 16 in flight", "message", echo(125, 16)),
    row("steady 8,000 messages/s", "message", Load::Steady { rate: 8_000, sockets: 64 }),
    row("echo 16 KiB, 64 sockets, 1 in flight", "message", echo(16 * 1024, 1)),
    row("bulk 1 MiB up, 16 sockets", "MiB", Load::Up),
    row("bulk 1 MiB down, 16 sockets", "MiB", Load::Down),
    row("broadcast to 500, 60/s", "message", Load::Room { sockets: 500 }),
    row("full handshake, Upgrade, close", "socket", Load::Shake { resumed: false }),
    row("resumed handshake, Upgrade, close", "socket", Load::Shake { resumed: true }),
    row("reconnect of 1,000 at once", "socket", Load::Storm { clients: 1000 }),
];

const fn row(name: &'static str, unit: &'static str, load: Load) -> Row {
    Row { name, unit, load }
}

const fn echo(payload: usize, in_flight: usize) -> Load {
    Load::Echo { payload, sockets: 64, in_flight }
}

impl Bench {
    /// Puts `load` on a proxy once.
    pub fn measure(&self, load: Load, proxy: &Running) -> io::Result<Sample> {
        let fleet = |path| Fleet::new(proxy.address, path, &self.full);
        match load {
            Load::Echo { payload, sockets, in_flight } => {
                let mut script = Echo { message: frames::message(payload), in_flight, units: 0 };
                self.flow(fleet("/echo"), sockets, proxy, &mut script, |it| it.units as f64)
            }
            Load::Steady { rate, sockets } => {
                let begin = Instant::now();
                let message = frames::message(125);
                let mut script = Steady { message, rate, begin, sent: 0, waits: Vec::new() };
                let flow = self.flow(fleet("/echo"), sockets, proxy, &mut script, |it| {
                    it.waits.len() as f64
                })?;
                script.waits.sort_unstable();
                let at = script.waits.len() * 99 / 100;
                let wait = script.waits.get(at).map(|it| it.as_secs_f64() * 1e3);
                Ok(Sample { wait, ..flow })
            }
            Load::Up => {
                let mib = |_: &Up| self.desk.sunk.load(Relaxed) as f64 / BULK as f64;
                self.flow(fleet("/sink"), 16, proxy, &mut Up, mib)
            }
            Load::Down => self.flow(fleet("/source"), 16, proxy, &mut Count(0), |it| it.0 as f64),
            Load::Room { sockets } => {
                self.flow(fleet("/room"), sockets, proxy, &mut Count(0), |it| it.0 as f64)
            }
            Load::Shake { resumed } => self.shake(resumed, proxy),
            Load::Storm { clients } => self.storm(clients, proxy),
        }
    }

    /// Open sockets, something to warm up, and then what flows.
    fn flow<S: Script>(
        &self,
        mut fleet: Fleet,
        sockets: usize,
        proxy: &Running,
        script: &mut S,
        units: impl Fn(&S) -> f64,
    ) -> io::Result<Sample> {
        fleet.connect(sockets)?;
        fleet.run(script, PATIENCE, |it| it.open() == sockets)?;
        fleet.run(script, WARM_UP, |_| false)?;
        let (begin, cpu, before) = (Instant::now(), proxy.cpu(), units(script));
        fleet.run(script, self.time, |_| false)?;
        sample(begin, proxy.cpu() - cpu, units(script) - before)
    }

    fn shake(&self, resumed: bool, proxy: &Running) -> io::Result<Sample> {
        let config = if resumed { &self.resuming } else { &self.full };
        let mut fleet = Fleet::new(proxy.address, "/echo", config);
        let mut script = Shake { units: 0, resumed: 0, ending: false };
        fleet.connect(AT_ONCE)?;
        fleet.run(&mut script, WARM_UP, |_| false)?;
        let before = (script.units, script.resumed);
        let (begin, cpu) = (Instant::now(), proxy.cpu());
        fleet.run(&mut script, self.time, |_| false)?;
        let (units, tickets) = (script.units - before.0, script.resumed - before.1);
        let sample = sample(begin, proxy.cpu() - cpu, units as f64);
        script.ending = true;
        fleet.run(&mut script, PATIENCE, |it| it.open() == 0)?;
        let share = tickets as f64 / units.max(1) as f64;
        if (resumed && share < MOSTLY) || (!resumed && tickets > 0) {
            let words = format!("{:.0} % of the sessions were resumed", share * 100.0);
            return Err(io::Error::other(words));
        }
        sample
    }

    fn storm(&self, clients: usize, proxy: &Running) -> io::Result<Sample> {
        let mut fleet = Fleet::new(proxy.address, "/echo", &self.full);
        let (begin, cpu) = (Instant::now(), proxy.cpu());
        fleet.connect(clients)?;
        fleet.run(&mut Count(0), PATIENCE, |it| it.open() == clients)?;
        let wait = begin.elapsed().as_secs_f64() * 1e3;
        let cpu = proxy.cpu() - cpu;
        if fleet.open() < clients {
            return Err(io::Error::other("not all came back"));
        }
        Ok(Sample { wait: Some(wait), ..sample(begin, cpu, clients as f64)? })
    }

    /// Bytes for each of `sockets` that sleep: after a message each, and after 200 KB each.
    pub fn memory(
        &self,
        sockets: usize,
        sleep: Duration,
        proxy: &Running,
    ) -> io::Result<(f64, f64)> {
        let mut fleet = Fleet::new(proxy.address, "/echo", &self.full);
        fleet.connect(1)?;
        talk(&mut fleet, 125)?;
        std::thread::sleep(Duration::from_millis(300));
        let before = proxy.pss() as f64;
        while fleet.sockets().len() <= sockets {
            let more = RAMP.min(sockets + 1 - fleet.sockets().len());
            let all = fleet.sockets().len() + more;
            fleet.connect(more)?;
            fleet.run(&mut Count(0), PATIENCE, |it| it.open() == all)?;
        }
        talk(&mut fleet, 125)?;
        fleet.run(&mut Count(0), sleep, |_| false)?;
        let idle = proxy.pss() as f64;
        talk(&mut fleet, 200_000)?;
        fleet.run(&mut Count(0), sleep, |_| false)?;
        let burst = proxy.pss() as f64;
        let each = |after: f64| (after - before) / sockets as f64;
        Ok((each(idle), each(burst)))
    }
}

/// A message from each and back, some sockets at a time.
fn talk(fleet: &mut Fleet, payload: usize) -> io::Result<()> {
    let message = frames::message(payload);
    let count = fleet.sockets().len();
    fleet.run(&mut Count(0), PATIENCE, |it| it.open() == count)?;
    for from in (0..count).step_by(RAMP) {
        let to = (from + RAMP).min(count);
        let mut awaited = Count(0);
        for socket in fleet.sockets()[from..to].iter_mut().flatten() {
            socket.say(&message);
        }
        fleet.send()?;
        let end = Instant::now() + PATIENCE;
        while awaited.0 < (to - from) as u64 {
            fleet.run(&mut awaited, Duration::from_millis(1), |_| false)?;
            if Instant::now() > end {
                return Err(io::Error::other("a message did not come back"));
            }
        }
    }
    Ok(())
}

fn sample(begin: Instant, cpu: Duration, units: f64) -> io::Result<Sample> {
    if units <= 0.0 {
        return Err(io::Error::other("nothing came through"));
    }
    let rate = units / begin.elapsed().as_secs_f64();
    Ok(Sample { cpu: cpu.as_secs_f64() * 1e6 / units, rate, wait: None })
}

struct Echo {
    message: Vec<u8>,
    in_flight: usize,
    units: u64,
}

impl Script for Echo {
    fn opened(&mut self, socket: &mut Socket) {
        for _ in 0..self.in_flight {
            socket.say(&self.message);
        }
    }

    fn message(&mut self, socket: &mut Socket) {
        self.units += 1;
        socket.say(&self.message);
    }
}

/// Messages at moments that do not depend on how fast the others came back.
struct Steady {
    message: Vec<u8>,
    rate: u32,
    begin: Instant,
    sent: u32,
    waits: Vec<Duration>,
}

impl Script for Steady {
    fn message(&mut self, socket: &mut Socket) {
        let due = socket.due.pop_front();
        self.waits.extend(due.map(|it| it.elapsed()));
    }

    fn tick(&mut self, sockets: &mut [Option<Socket>]) {
        if !sockets.iter().flatten().all(Socket::is_open) {
            (self.begin, self.sent) = (Instant::now(), 0);
            return;
        }
        let now = Instant::now();
        loop {
            let due = self.begin + Duration::from_secs(1) * self.sent / self.rate;
            let at = self.sent as usize % sockets.len();
            let Some(socket) = sockets[at].as_mut().filter(|_| due <= now) else { return };
            socket.due.push_back(due);
            socket.say(&self.message);
            // What goes wrong shows at the next event.
            let _ = socket.flush();
            self.sent += 1;
        }
    }
}

struct Up;

impl Script for Up {
    fn drained(&mut self, socket: &mut Socket) {
        let mut bytes = Vec::new();
        if socket.left == 0 {
            frames::head(0x82, BULK, true, &mut bytes);
            socket.left = BULK;
        }
        let some = socket.left.min(PIECE);
        bytes.resize(bytes.len() + some as usize, 7);
        socket.left -= some;
        socket.say(&bytes);
    }
}

struct Count(u64);

impl Script for Count {
    fn message(&mut self, _: &mut Socket) {
        self.0 += 1;
    }
}

struct Shake {
    units: u64,
    resumed: u64,
    ending: bool,
}

impl Script for Shake {
    fn opened(&mut self, socket: &mut Socket) {
        self.resumed += u64::from(socket.resumed);
        socket.close();
    }

    fn closed(&mut self) -> bool {
        self.units += 1;
        !self.ending
    }
}

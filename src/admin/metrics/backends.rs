//! How the servers of the running configuration are.

use crate::admin::Office;
use crate::admin::exposition::Exposition;
use crate::observe::report::{Backend, Server};

/// Microseconds in seconds.
const MICROS: f64 = 1e-6;

/// Writes them.
pub fn write(out: &mut Exposition, office: &Office) {
    let backends: Vec<Backend> =
        office.snapshot.load().pools.all().iter().map(|it| it.report()).collect();
    let servers: Vec<(&str, &Server)> = backends
        .iter()
        .flat_map(|it| it.servers.iter().map(|server| (it.name.as_str(), server)))
        .collect();
    let help = "Servers of a backend; 0 while none of its names has an address.";
    let mut family = out.gauge("wsgate_backend_servers", help);
    for backend in &backends {
        family.sample(&[("backend", backend.name.as_str())], backend.servers.len() as u64);
    }
    let help = "How a server stands, 1 for what it is: up, doubtful (a connection failed lately) or down (by its health checks).";
    let mut family = out.gauge("wsgate_backend_server_standing", help);
    for (backend, server) in &servers {
        for standing in ["up", "doubtful", "down"] {
            let is = u8::from(server.standing == standing);
            let labels = labels(backend, server);
            family.sample(&[labels[0], labels[1], ("standing", standing)], is);
        }
    }
    let help = "Sockets and requests alive toward a server.";
    let mut family = out.gauge("wsgate_backend_server_live", help);
    for (backend, server) in &servers {
        family.sample(&labels(backend, server), server.live);
    }
    let help = "Connections to a server that could not be made.";
    let mut family = out.counter("wsgate_backend_connect_failures_total", help);
    for (backend, server) in &servers {
        family.sample(&labels(backend, server), server.failed);
    }
    let help = "How long connections to a server took that were made, TLS included.";
    let mut family = out.histogram("wsgate_backend_connect_seconds", help);
    for (backend, server) in &servers {
        family.spread(&labels(backend, server), &server.connect, MICROS);
    }
}

fn labels<'a>(backend: &'a str, server: &'a Server) -> [(&'static str, &'a str); 2] {
    [("backend", backend), ("server", server.address.as_str())]
}

//! From raw to model: everything that can be known from the text alone. Opens no file and no
//! socket; what a key may hold is in `values`, what it is when absent in `defaults`.

mod acme;
mod action;
mod admin;
mod answer;
mod backend;
mod backends;
mod heartbeat;
mod listeners;
mod route;
mod site;

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::defaults;
use crate::config::model::{
    AccessLog, ClientTimeouts, Config, Drain, Gateway, Located, Log, LogFormat, Places, Source,
};
use crate::config::raw::{self, Raw};
use crate::config::reader::Reader;
use crate::config::values::{self, Wrong, http, quantity};

use backends::Backends;

/// More threads than any machine has cores for.
const MOST_WORKERS: usize = 1024;
/// More sockets than the kernel's own limit on open files.
const MOST_CONNECTIONS: usize = 100_000_000;
/// More header fields than fit into a head of any sense.
const MOST_HEADERS: usize = 10_000;

/// The whole file.
///
/// Where a value is wrong its default takes its place, and a list lacks what was not understood,
/// so that everything behind it is still looked at: the result counts only when the report has no
/// errors.
pub fn config(raw: Raw, source: Arc<Source>, reader: &mut Reader<'_>) -> Config {
    let places = places(&raw);
    let gateway = gateway(&raw.gateway.unwrap_or_default(), reader);
    let log = log(&raw.log.unwrap_or_default(), reader);
    let listeners = listeners::listeners(raw.listeners, reader);
    let admin = admin::admin(&raw.admin.unwrap_or_default(), &listeners, reader);
    let automatic = acme::first_site(raw.sites.as_ref());
    let acme = acme::acme(raw.acme.as_ref(), automatic, &listeners, reader);
    let mut backends = Backends::read(raw.backends.unwrap_or_default(), reader);
    let sites = site::sites(raw.sites, acme.as_ref(), &mut backends, reader);
    let backends = backends.finish(reader);
    Config { source, places, gateway, log, admin, acme, listeners, backends, sites }
}

fn places(raw: &Raw) -> Places {
    let connections = raw.gateway.as_ref().and_then(|it| it.max_connections.as_ref());
    let storage = raw.acme.as_ref().and_then(|it| it.get_ref().storage.as_ref());
    let place = |it: &raw::Text| it.span();
    Places {
        max_connections: connections.map(toml::Spanned::span),
        access_log: raw.log.as_ref().and_then(|it| it.access.as_ref()).map(place),
        admin: raw.admin.as_ref().and_then(|it| it.listen.as_ref()).map(place),
        acme_storage: storage.map(place),
    }
}

fn gateway(raw: &raw::Gateway, reader: &mut Reader<'_>) -> Gateway {
    let absent = raw::HeadLimits::default();
    let limits = raw.limits.as_ref().unwrap_or(&absent);
    let size = reader.value_or(limits.header_size.as_ref(), defaults::HEADER_SIZE, head_size);
    let connections = raw.max_connections.as_ref();
    Gateway {
        workers: reader.number_or(raw.workers.as_ref(), defaults::WORKERS, 0..=MOST_WORKERS),
        max_connections: reader.number_or(
            connections,
            defaults::MAX_CONNECTIONS,
            1..=MOST_CONNECTIONS,
        ),
        max_connections_per_ip: reader.count_or(
            raw.max_connections_per_ip.as_ref(),
            defaults::MAX_CONNECTIONS_PER_IP,
            MOST_CONNECTIONS,
        ),
        handshakes_per_ip: reader.value_or(
            raw.handshakes_per_ip.as_ref(),
            defaults::HANDSHAKES_PER_IP,
            |it| quantity::or_off(it, quantity::rate),
        ),
        memory: reader
            .value_or(raw.memory.as_ref(), defaults::MEMORY, |it| quantity::or_off(it, budget)),
        ticket_keys: files(raw.ticket_keys.as_ref(), reader),
        http2_websocket: flag(raw.http2_websocket.as_ref(), defaults::HTTP2_WEBSOCKET),
        drain: drain(raw.drain.as_ref().unwrap_or(&raw::Drain::default()), reader),
        timeouts: timeouts(raw.timeouts.as_ref().unwrap_or(&Default::default()), reader),
        header_size: usize::try_from(size).unwrap_or(usize::MAX),
        headers: reader.number_or(limits.headers.as_ref(), defaults::HEADERS, 1..=MOST_HEADERS),
    }
}

fn flag(raw: Option<&toml::Spanned<bool>>, default: bool) -> bool {
    raw.map_or(default, |it| *it.get_ref())
}

fn files(raw: Option<&raw::Texts>, reader: &mut Reader<'_>) -> Vec<Located<PathBuf>> {
    let written = reader.list(raw, |text| match text {
        "" => Err(Wrong::new("the path is empty")),
        path => Ok(PathBuf::from(path)),
    });
    let place = |it: Located<PathBuf>| Located { value: reader.path(&it.value), spot: it.spot };
    written.into_iter().map(place).collect()
}

fn budget(text: &str) -> Result<u64, Wrong> {
    // The program itself takes about as much.
    const SMALLEST: u64 = 16 * 1024 * 1024;
    match quantity::size(text)? {
        size if size >= SMALLEST => Ok(size),
        _ => Err(Wrong::new("the gateway itself needs some memory: at least 16MiB")),
    }
}

fn head_size(text: &str) -> Result<u64, Wrong> {
    // Below, a WeChat handshake with a login in its Cookie no longer fits.
    const SMALLEST: u64 = 1024;
    const LARGEST: u64 = 16 * 1024 * 1024;
    match quantity::size(text)? {
        size @ SMALLEST..=LARGEST => Ok(size),
        _ => Err(Wrong::new("the size of a request head is from 1KiB to 16MiB")),
    }
}

fn drain(raw: &raw::Drain, reader: &mut Reader<'_>) -> Drain {
    let timeout = reader.value(raw.timeout.as_ref(), quantity::duration);
    let timeout = timeout.map_or(defaults::DRAIN_TIMEOUT, |it| it.value);
    let default_spread = defaults::DRAIN_SPREAD.min(timeout);
    let spread = match reader.value(raw.spread.as_ref(), quantity::duration) {
        None => default_spread,
        Some(spread) if spread.value > timeout => {
            let wrong = Wrong::new("the closes are spread over longer than the drain lasts");
            let timeout = quantity::written(timeout);
            reader.error(spread.spot, wrong.hint(format!("`timeout` is {timeout}")));
            default_spread
        }
        Some(spread) => spread.value,
    };
    let default_reason = defaults::DRAIN_CLOSE_REASON.to_owned();
    Drain {
        timeout,
        spread,
        close_code: reader.close_code_or(raw.close_code.as_ref(), defaults::DRAIN_CLOSE_CODE),
        close_reason: reader.value_or(
            raw.close_reason.as_ref(),
            default_reason,
            http::close_reason,
        ),
    }
}

fn timeouts(raw: &raw::ClientTimeouts, reader: &mut Reader<'_>) -> ClientTimeouts {
    ClientTimeouts {
        proxy_header: reader.duration_or(raw.proxy_header.as_ref(), defaults::PROXY_HEADER),
        tls_handshake: reader.duration_or(raw.tls_handshake.as_ref(), defaults::TLS_HANDSHAKE),
        request_head: reader.duration_or(raw.request_head.as_ref(), defaults::REQUEST_HEAD),
        request_body: reader.duration_or(raw.request_body.as_ref(), defaults::REQUEST_BODY_WAIT),
        keep_alive: reader.duration_or(raw.keep_alive.as_ref(), defaults::KEEP_ALIVE),
        close: reader.duration_or(raw.close.as_ref(), defaults::CLOSE),
    }
}

fn log(raw: &raw::Log, reader: &mut Reader<'_>) -> Log {
    let default_level = defaults::LOG_LEVEL.to_owned();
    let format =
        |it: &str| values::choice(it, &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    let access = reader.value_or(raw.access.as_ref(), AccessLog::Stdout, values::log::access);
    Log {
        level: reader.value_or(raw.level.as_ref(), default_level, values::log::level),
        format: reader.value_or(raw.format.as_ref(), LogFormat::Text, format),
        access: match access {
            AccessLog::File(path) => AccessLog::File(reader.path(&path)),
            other => other,
        },
    }
}

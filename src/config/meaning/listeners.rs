//! `[[listeners]]`: where to listen and what is spoken there.

use toml::Spanned;

use crate::config::defaults;
use crate::config::model::{ListenAddress, Listener, Located, Protocol};
use crate::config::raw;
use crate::config::reader::{Reader, Table};
use crate::config::report::Problem;
use crate::config::values::{Wrong, address, choice};

/// Every listener that could be understood.
pub fn listeners(
    raw: Option<Spanned<Vec<Spanned<raw::Listener>>>>,
    reader: &mut Reader<'_>,
) -> Vec<Listener> {
    let raw = raw.map(Spanned::into_inner).unwrap_or_default();
    if raw.is_empty() && !reader.is_faulty(&(0..0), "listeners") {
        let problem = Problem::error(None, "there is no [[listeners]]: nothing would be served");
        reader.push(problem.hint("add [[listeners]] with address = \"[::]:443\""));
    }
    let mut listeners: Vec<Listener> = Vec::new();
    for item in &raw {
        let Some(listener) = listener(item, reader) else { continue };
        let taken = listeners
            .iter()
            .find(|it| address::overlap(&it.address.value, &listener.address.value));
        if let Some(other) = taken {
            let wrong = Wrong::new("this address is already taken by another listener");
            let written = reader.source_text().get(other.address.spot.clone()).unwrap_or_default();
            let wrong = wrong.hint(format!("the other is {written}"));
            reader.error(listener.address.spot.clone(), wrong);
        }
        listeners.push(listener);
    }
    listeners
}

fn listener(item: &Spanned<raw::Listener>, reader: &mut Reader<'_>) -> Option<Listener> {
    let raw = item.get_ref();
    let table = Table { name: "[[listeners]]", spot: &item.span() };
    let hint = ("address", "write e.g. address = \"[::]:443\"");
    let address = reader.required(raw.address.as_ref(), table, hint, address::listen);
    let protocol = protocol(raw, reader);
    let proxies = reader.list(raw.proxy_protocol.as_ref(), address::network);
    let Located { value, spot } = address?;
    let value = match value {
        ListenAddress::Unix(path) => ListenAddress::Unix(reader.path(&path)),
        tcp => tcp,
    };
    let proxy_protocol = proxies.into_iter().map(|it| it.value).collect();
    Some(Listener { address: Located { value, spot }, protocol, proxy_protocol })
}

fn protocol(raw: &raw::Listener, reader: &mut Reader<'_>) -> Protocol {
    let choices = [("https", true), ("http", false)];
    let tls = reader.value_or(raw.protocol.as_ref(), true, |it| choice(it, &choices));
    let root = raw.acme_challenge_root.as_ref();
    let redirect = raw.redirect_to_https.as_ref();
    let http2 = raw.http2.as_ref();
    if tls {
        let http_only = |key: &str| {
            let wrong = Wrong::new(format!("`{key}` is for http listeners only"));
            wrong.hint("for port 80 add a listener with protocol = \"http\"")
        };
        if let Some(on) = redirect.filter(|it| *it.get_ref()) {
            reader.error(on.span(), http_only("redirect_to_https"));
        }
        if let Some(root) = root {
            reader.error(root.span(), http_only("acme_challenge_root"));
        }
        return Protocol::Https { http2: http2.map_or(defaults::HTTP2, |it| *it.get_ref()) };
    }
    if let Some(on) = http2.filter(|it| *it.get_ref()) {
        let wrong = Wrong::new("`http2` is for https listeners only");
        reader.error(on.span(), wrong.hint("browsers speak HTTP/2 over TLS only"));
    }
    let root = reader.value(root, |it| match it {
        "" => Err(Wrong::new("the path of a folder is missing")),
        path => Ok(std::path::PathBuf::from(path)),
    });
    Protocol::Http {
        redirect_to_https: redirect.is_some_and(|it| *it.get_ref()),
        acme_challenge_root: root
            .map(|it| Located { value: reader.path(&it.value), spot: it.spot }),
    }
}

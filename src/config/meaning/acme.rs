//! `[acme]`, and the sites that have their certificates from there.

use std::path::PathBuf;

use toml::Spanned;

use crate::config::defaults;
use crate::config::model::{
    Acme, AcmeChallenge, ExternalAccount, ListenAddress, Listener, Located, Protocol, Spot,
};
use crate::config::raw;
use crate::config::reader::{Reader, Table};
use crate::config::values::{Wrong, acme as values, choice};

/// What stands for a certificate that the gateway orders itself.
const AUTOMATIC: &str = "acme";

/// Most names in a certificate of the usual CA; an order for more would be refused.
const MOST_NAMES: usize = 100;

/// A folder's own name and what belongs behind it: longer names are no files.
const LONGEST_NAME: usize = 250;

/// Whether the gateway is to order this site's certificate.
pub fn is_automatic(site: &raw::Site) -> bool {
    site.certificate.as_ref().is_some_and(|it| it.get_ref() == AUTOMATIC)
}

/// Where the first site with `certificate = "acme"` says so.
pub fn first_site(sites: Option<&Spanned<Vec<Spanned<raw::Site>>>>) -> Option<Spot> {
    let mut sites = sites?.get_ref().iter().map(Spanned::get_ref);
    sites.find(|it| is_automatic(it))?.certificate.as_ref().map(Spanned::span)
}

/// `[acme]`, which must be there if a site wants it. Without such a site it is checked all the same.
pub fn acme(
    raw: Option<&Spanned<raw::Acme>>,
    wanted: Option<Spot>,
    listeners: &[Listener],
    reader: &mut Reader<'_>,
) -> Option<Acme> {
    let Some(item) = raw else {
        if let Some(spot) = wanted.filter(|_| !reader.is_faulty(&(0..0), "acme")) {
            let wrong = Wrong::new("there is no [acme]: nothing says where to order a certificate");
            let hint = "add [acme] with agree_tos = true; for a file of that name write \"./acme\"";
            reader.error(spot, wrong.hint(hint));
        }
        return None;
    };
    let (spot, raw) = (item.span(), item.get_ref());
    consent(raw, &spot, wanted.is_some(), reader);
    let directory = defaults::ACME_DIRECTORY.to_owned();
    let directory = reader.value_or(raw.directory.as_ref(), directory, values::directory);
    let contact = reader.list(raw.contact.as_ref(), values::contact);
    let storage = reader.value_or(raw.storage.as_ref(), defaults::ACME_STORAGE.into(), folder);
    let storage = reader.path(&storage);
    let ca = reader.value(raw.ca.as_ref(), folder);
    let ca = ca.map(|it| Located { value: reader.path(&it.value), spot: it.spot });
    let renew_before = reader.value_or(raw.renew_before.as_ref(), None, values::renew_before);
    let external_account =
        raw.external_account.as_ref().and_then(|it| external_account(it, reader));
    let challenge = challenge(raw.challenge.as_ref(), wanted?, listeners, reader)?;
    let folder = storage.join(values::folder_name(&directory));
    let contact = contact.into_iter().map(|it| it.value).collect();
    Some(Acme {
        directory,
        contact,
        folder,
        storage,
        challenge,
        ca,
        renew_before,
        external_account,
    })
}

/// The pair of a site whose certificate the gateway orders: one file for both.
pub fn pair(
    raw: &raw::Site,
    acme: Option<&Acme>,
    domains: &[Located<String>],
    reader: &mut Reader<'_>,
) -> Option<(Located<PathBuf>, Located<PathBuf>)> {
    if let Some(key) = &raw.private_key {
        let wrong = Wrong::new("with certificate = \"acme\" the gateway makes the key itself");
        reader.error(key.span(), wrong.hint("leave `private_key` out"));
    }
    for domain in domains.iter().filter(|it| it.value.starts_with("*.")) {
        let wrong = Wrong::new("a wildcard cannot be proven over HTTP or TLS, only in the DNS");
        let hint = "write the names out, or put it in a site whose certificate comes from an ACME client with dns-01";
        reader.error(domain.spot.clone(), wrong.hint(hint));
    }
    if let Some(beyond) = domains.get(MOST_NAMES) {
        let wrong = Wrong::new(format!("one certificate has at most {MOST_NAMES} names"));
        reader.error(beyond.spot.clone(), wrong.hint("spread them over more sites"));
    }
    let (first, spot) = (domains.first()?, raw.certificate.as_ref()?.span());
    if first.value.len() > LONGEST_NAME {
        let wrong = Wrong::new("this name is too long for that of a file");
        reader.error(first.spot.clone(), wrong.hint("put a shorter one first"));
    }
    let file = Located { value: acme?.file(&first.value), spot };
    Some((file.clone(), file))
}

/// Nobody agrees to a contract by leaving a key out.
fn consent(raw: &raw::Acme, spot: &Spot, wanted: bool, reader: &mut Reader<'_>) {
    let hint = "read the CA's terms (https://letsencrypt.org/repository/ for the default one), then write agree_tos = true";
    match &raw.agree_tos {
        Some(agreed) if *agreed.get_ref() || !wanted => {}
        Some(refused) => {
            let wrong = Wrong::new("no CA gives certificates to who does not agree to its terms");
            reader.error(refused.span(), wrong.hint(hint));
        }
        None if wanted => reader.missing(Table { name: "[acme]", spot }, "agree_tos", hint),
        None => {}
    }
}

/// What is asked for, or what the listeners make possible: http-01 where there is an http listener.
fn challenge(
    raw: Option<&raw::Text>,
    site: Spot,
    listeners: &[Listener],
    reader: &mut Reader<'_>,
) -> Option<AcmeChallenge> {
    let choices = [AcmeChallenge::Http01, AcmeChallenge::TlsAlpn01].map(|it| (it.name(), it));
    let asked = reader.value(raw, |it| choice(it, &choices));
    if raw.is_some() && asked.is_none() {
        return Some(AcmeChallenge::Http01);
    }
    let on = |wanted: AcmeChallenge| listeners.iter().filter(move |it| serves(it, wanted));
    let asked_at = |wanted: AcmeChallenge| on(wanted).any(|it| may_be_asked(it, wanted));
    let Some(asked) = asked else {
        // Where one of the two has the CA's own port, that.
        let all = || [AcmeChallenge::Http01, AcmeChallenge::TlsAlpn01].into_iter();
        let best = all().find(|it| asked_at(*it));
        let chosen = best.or_else(|| all().find(|it| on(*it).next().is_some()))?;
        warn_of_port(chosen, site, asked_at(chosen), reader);
        return Some(chosen);
    };
    let chosen = asked.value;
    if on(chosen).next().is_none() && !listeners.is_empty() {
        let (kind, other) = match chosen {
            AcmeChallenge::Http01 => ("http", "[::]:80"),
            AcmeChallenge::TlsAlpn01 => ("https", "[::]:443"),
        };
        let wrong =
            Wrong::new(format!("{} needs an {kind} listener: there is none", chosen.name()));
        let hint = format!("add [[listeners]] with address = \"{other}\", protocol = \"{kind}\"");
        reader.error(asked.spot, wrong.hint(hint));
    } else {
        warn_of_port(chosen, asked.spot, asked_at(chosen), reader);
    }
    Some(chosen)
}

fn serves(listener: &Listener, challenge: AcmeChallenge) -> bool {
    matches!(listener.protocol, Protocol::Https { .. }) == (challenge == AcmeChallenge::TlsAlpn01)
}

/// Whether a CA may reach this listener without a detour, as far as one can tell.
fn may_be_asked(listener: &Listener, challenge: AcmeChallenge) -> bool {
    match &listener.address.value {
        ListenAddress::Tcp(address) => address.port() == challenge.port(),
        ListenAddress::Unix(_) | ListenAddress::Systemd(_) => true,
    }
}

fn warn_of_port(challenge: AcmeChallenge, spot: Spot, reachable: bool, reader: &mut Reader<'_>) {
    let (name, port) = (challenge.name(), challenge.port());
    if !reachable {
        let wrong =
            Wrong::new(format!("a CA asks for {name} on port {port}, where no listener is"));
        let hint = format!("let something lead port {port} to a listener, or listen there");
        reader.warning(spot, wrong.hint(hint));
    }
}

fn external_account(
    item: &Spanned<raw::ExternalAccount>,
    reader: &mut Reader<'_>,
) -> Option<ExternalAccount> {
    let (raw, spot) = (item.get_ref(), item.span());
    let table = Table { name: "[acme.external_account]", spot: &spot };
    let hint = ("key_id", "the CA shows it beside the key");
    let key_id = reader.required(raw.key_id.as_ref(), table, hint, |it| match it {
        "" => Err(Wrong::new("the key's identifier is missing")),
        id => Ok(id.to_owned()),
    });
    let hint = ("hmac_key", "write hmac_key = \"${EAB_HMAC_KEY}\" and set it in the environment");
    let hmac_key = reader.required(raw.hmac_key.as_ref(), table, hint, values::hmac_key);
    Some(ExternalAccount { key_id: key_id?.value, hmac_key: hmac_key?.value })
}

fn folder(text: &str) -> Result<PathBuf, Wrong> {
    match text {
        "" => Err(Wrong::new("the path is empty")),
        path => Ok(PathBuf::from(path)),
    }
}

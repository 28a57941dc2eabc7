//! Why a TLS handshake failed, in a developer's words.

use super::{TIMER, TRANSPORT, fatal};
use crate::probe::report::Finding;
use crate::probe::tls::{Answer, Trouble};

/// What follows from a failed handshake; `older` is the answer to an older hello.
pub fn of(trouble: &Trouble, older: Option<&Answer>, host: &str) -> Finding {
    match older.filter(|it| it.is_outdated() && trouble.may_be_outdated()) {
        Some(older) => outdated(older),
        None => of_trouble(trouble, host),
    }
}

fn of_trouble(trouble: &Trouble, host: &str) -> Finding {
    let draft = |what: &str| fatal("TLS", what);
    match trouble {
        Trouble::Version => draft("no TLS version in common").told(
            TRANSPORT,
            "the server speaks neither TLS 1.2 nor TLS 1.3, and phones nothing older",
            "nginx: `ssl_protocols TLSv1.2 TLSv1.3;`, and an OpenSSL of 1.0.1 or later; wsgate \
             speaks both unless `tls_min` says otherwise",
        ),
        Trouble::Name(alert) => draft("the server does not know this name").told(
            TRANSPORT,
            format!(
                "no site is called {host} there (alert {alert}): wsgate answers so for domains \
                 outside its configuration, nginx with `ssl_reject_handshake`"
            ),
            format!(
                "wsgate: add \"{host}\" to `domains` of the site, and reload; nginx: add it to \
                 `server_name`; or correct the DNS record"
            ),
        ),
        Trouble::NothingInCommon(alert) => draft("no cipher in common").told(
            TRANSPORT,
            format!("the server broke off with {alert}: no cipher, group or certificate fits"),
            "nginx: remove `ssl_ciphers` and `ssl_ecdh_curve`, and look whether this server \
             block has an `ssl_certificate`; its error log says more",
        ),
        Trouble::ClientCertificate => client_certificate(),
        Trouble::PlainHttp(line) => draft("no TLS on this port").told(
            TRANSPORT,
            format!("the server answered in plain HTTP: `{line}`"),
            "nginx: `listen 443 ssl;` (the word ssl is missing); wsgate: `protocol = \"https\"` \
             for this listener; or use the port that has TLS",
        ),
        Trouble::NotTls => draft("no TLS on this port").told(
            TRANSPORT,
            "something else than TLS answers",
            "look which program listens on this port (`ss -ltnp`)",
        ),
        Trouble::Silence | Trouble::HungUp { .. } => of_quiet(trouble, host),
        Trouble::Alert(_) | Trouble::Other(_) => draft("TLS failed").told(
            TRANSPORT,
            trouble.to_string(),
            "look at the server's log, and at its certificate and key",
        ),
    }
}

/// A server that did not say what it has against the client.
fn of_quiet(trouble: &Trouble, host: &str) -> Finding {
    let draft = |what: &str| fatal("TLS", what);
    match trouble {
        Trouble::Silence => draft("the TLS handshake does not end").told(
            TIMER,
            "the connection stands, but the server does not answer the ClientHello: it is \
             overloaded, expects a PROXY header first (`listen … proxy_protocol`), or a \
             firewall drops the packets",
            "look at the server's load and log; `proxy_protocol` must be the same on both sides",
        ),
        _ => draft("the server hung up during TLS").told(
            TRANSPORT,
            format!(
                "{trouble}: it has no certificate for {host}, expects a PROXY header first, or a \
                 firewall in between cuts names without an ICP filing"
            ),
            "look at the server's log; in mainland China, whether the domain has its ICP filing",
        ),
    }
}

/// A server that wants a certificate of the phone's.
pub fn client_certificate() -> Finding {
    fatal("TLS", "a client certificate is demanded").told(
        TRANSPORT,
        "the server asks for a certificate of the client, and a mini program has none",
        "nginx: take `ssl_verify_client on` out of this server block (for another CDN or \
         gateway, give that one the certificate); wsgate: `client_ca` of the site",
    )
}

fn outdated(older: &Answer) -> Finding {
    let (version, suite) = (older.version(), older.suite());
    if older.is_too_old() {
        return fatal("TLS", format!("the server speaks {version} at most")).told(
            TRANSPORT,
            format!(
                "it chose {version} with {suite} from an older hello; phones take 1.2 or later"
            ),
            "nginx: `ssl_protocols TLSv1.2 TLSv1.3;`, and an OpenSSL of 1.0.1 or later; IIS and \
             old load balancers: switch TLS 1.2 on",
        );
    }
    let (what, cause) = match older.has_forward_secrecy() {
        true => ("only old ciphers", "phones may still take it, this probe does not"),
        false => ("no forward secrecy", "iOS refuses it (ATS asks for ECDHE)"),
    };
    fatal("TLS", what).told(
        TRANSPORT,
        format!("the server chose {version} with {suite}: {cause}"),
        "nginx: remove `ssl_ciphers`, or put ECDHE with GCM or CHACHA20 into it",
    )
}
